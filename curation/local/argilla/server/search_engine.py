"""A search engine without an index: what Argilla asks of Elasticsearch, answered from the server's own SQLite tables.

The server commits before it calls a hook, so the hooks that keep an index up to date have nothing to do. Meanings
follow argilla_server.search_engine.commons, which builds the Elasticsearch queries. Unlike Elasticsearch's, a chat is
searched by its contents and not by its roles, and a user's progress counts that user's responses alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from argilla_server.enums import MetadataPropertyType, SimilarityOrder
from argilla_server.models import Record, Response, Vector
from argilla_server.search_engine.base import (
    FloatMetadataMetrics,
    IntegerMetadataMetrics,
    MetadataFilterScope,
    SearchEngine,
    SearchResponseItem,
    SearchResponses,
    TermsMetrics,
)
from sqlalchemy import String, cast, func, select, type_coerce

from .conditions import STATUS, condition_of, own_order, sort_key, values_of  # noqa: TID252
from .points import point  # noqa: TID252
from .text_query import FIELD_END, text_of, text_query  # noqa: TID252


@SearchEngine.register("embedded")
class EmbeddedSearchEngine(SearchEngine):  # type: ignore[misc]  # not installed where types are checked
    """Every search, count and metric of Argilla, as SQL over its tables."""

    @classmethod
    async def new_instance(cls) -> EmbeddedSearchEngine:
        """Return an engine; it holds nothing."""
        return cls()

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    async def ping(self) -> bool:
        """Say that the engine is there."""
        return True

    async def info(self) -> dict[str, str]:
        """Name the engine in the server's status."""
        return {"name": "embedded", "stores": "nothing"}

    async def _nothing_to_do(self, *_args: Any, **_kwargs: Any) -> None:
        """Stand for every hook that keeps an index up to date."""

    create_index = delete_index = configure_metadata_property = configure_index_vectors = _nothing_to_do
    index_records = partial_record_update = delete_records = _nothing_to_do
    update_record_response = delete_record_response = _nothing_to_do
    update_record_suggestion = delete_record_suggestion = _nothing_to_do

    async def get_dataset_progress(self, dataset: Any) -> dict[str, int]:
        """Count the records of each status, and all."""
        if dataset.is_draft:
            return {}
        return _with_total(
            await _rows(select(STATUS, func.count()).where(Record.dataset_id == dataset.id).group_by(STATUS))
        )

    async def get_dataset_user_progress(self, dataset: Any, user: Any) -> dict[str, int]:
        """Count one user's responses of each status, and all."""
        if dataset.is_draft:
            return {}
        status = type_coerce(Response.status, String)
        statement = select(status, func.count()).join(Record, Response.record_id == Record.id)
        return _with_total(
            await _rows(statement.where(Record.dataset_id == dataset.id, Response.user_id == user.id).group_by(status))
        )

    async def compute_metrics_for(self, metadata_property: Any) -> Any:
        """Return the counts of each term, or the least and greatest number, of a metadata property."""
        statement, value = values_of(MetadataFilterScope(metadata_property.name))
        statement = statement.select_from(Record).where(Record.dataset_id == metadata_property.dataset_id)
        if metadata_property.type == MetadataPropertyType.terms:
            count = func.count()
            rows = await _rows(
                statement.with_only_columns(cast(value, String), count).group_by(value).order_by(count.desc(), value)
            )
            counts = [TermsMetrics.TermCount(term=term, count=number) for term, number in rows]
            return TermsMetrics(total=sum(number for _, number in rows), values=counts)
        [(least, greatest)] = await _rows(statement.with_only_columns(func.min(value), func.max(value)))
        integer = metadata_property.type == MetadataPropertyType.integer
        return (IntegerMetadataMetrics if integer else FloatMetadataMetrics)(min=least, max=greatest)

    async def search(
        self,
        dataset: Any,
        query: Any = None,
        filter: Any = None,
        sort: list[Any] | None = None,
        offset: int = 0,
        limit: int = 100,
        user_id: UUID | None = None,
    ) -> Any:
        """Return a page of the matching records: by `sort`, else by score, else in an order of the user's own."""
        conditions = [Record.dataset_id == dataset.id, *([condition_of(filter)] if filter else [])]
        order = [sort_key(each) for each in sort or []] + own_order(user_id) + [Record.inserted_at, Record.id]
        if query is not None:
            statement = select(Record.id, Record.fields).where(*conditions).order_by(*order)
            found = await _scored(dataset, await _rows(statement), query)
            if not sort:
                found.sort(key=lambda pair: -pair[1])
            return SearchResponses(items=_items(found[offset : offset + limit]), total=len(found))
        [(total,)] = await _rows(select(func.count()).select_from(Record).where(*conditions))
        page = select(Record.id).where(*conditions).order_by(*order).offset(offset).limit(limit)
        return SearchResponses(items=[SearchResponseItem(record_id=row[0]) for row in await _rows(page)], total=total)

    async def similarity_search(
        self,
        dataset: Any,
        vector_settings: Any,
        value: list[float] | None = None,
        record: Any = None,
        query: Any = None,
        filter: Any = None,
        max_results: int = 100,
        order: Any = SimilarityOrder.most_similar,
        threshold: float | None = None,
    ) -> Any:
        """Return the records whose vectors are nearest to `value` (or to that of `record`), scored (1 + cosine) / 2."""
        target = value or record.vector_value_by_vector_settings(vector_settings)
        statement = select(Record.id, Record.fields, Vector.value).join(Vector, Vector.record_id == Record.id)
        statement = statement.where(Record.dataset_id == dataset.id, Vector.vector_settings_id == vector_settings.id)
        if filter:
            statement = statement.where(condition_of(filter))
        if record is not None:
            statement = statement.where(Record.id != record.id)
        rows = await _rows(statement)
        if query is not None:
            matching = {record_id for record_id, _ in await _scored(dataset, rows, query)}
            rows = [row for row in rows if row[0] in matching]
        sign = -1.0 if order == SimilarityOrder.least_similar else 1.0
        found = await asyncio.to_thread(_nearest, rows, sign * np.asarray(target, dtype=float), max_results)
        items = _items([pair for pair in found if threshold is None or pair[1] >= threshold])
        return SearchResponses(items=items, total=len(items))


async def _rows(statement: Any) -> Sequence[Any]:
    async with point("argilla_server.database.AsyncSessionLocal")() as db:
        return list((await db.execute(statement)).all())


def _with_total(counts: Iterable[Any]) -> dict[str, int]:
    by_name = {str(name): int(count) for name, count in counts}
    return {"total": sum(by_name.values()), **by_name}


def _items(scored: list[tuple[UUID, float]]) -> list[Any]:
    return [SearchResponseItem(record_id=record_id, score=score) for record_id, score in scored]


async def _scored(dataset: Any, rows: Sequence[Any], query: Any) -> list[tuple[UUID, float]]:
    """Score the rows (id, fields, ...) whose text matches, in their order; off the event loop, since it takes long."""
    text, field = (query, None) if isinstance(query, str) else (query.q, query.field)
    names = [field] if field else [each.name for each in dataset.fields if not each.is_image]
    score = text_query(text)

    def matching() -> list[tuple[UUID, float]]:
        scores = ((row[0], score(f" {FIELD_END} ".join(text_of(row[1].get(name)) for name in names))) for row in rows)
        return [(record_id, value) for record_id, value in scores if value]

    return await asyncio.to_thread(matching)


def _nearest(rows: Sequence[Any], target: Any, count: int) -> list[tuple[UUID, float]]:
    if not rows:
        return []
    matrix = np.asarray([row[2] for row in rows], dtype=float)
    lengths = np.linalg.norm(matrix, axis=1) * np.linalg.norm(target)
    cosines = np.divide(matrix @ target, lengths, out=np.zeros(len(rows)), where=lengths > 0)
    best = np.argsort(-cosines, kind="stable")[:count]
    return [(rows[i][0], float((1 + cosines[i]) / 2)) for i in best]
