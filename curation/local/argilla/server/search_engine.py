"""A search engine for Argilla without Elasticsearch and without an index: it queries the server's own SQLite tables.

The server calls hooks after each change so that a search engine can update its index. There is no index here, so these
hooks do nothing. Filters, orders and scores mean the same as in argilla_server.search_engine.commons, which builds the
Elasticsearch queries, with two exceptions: of a chat only the contents are searched, not the roles; and a user's
progress counts only that user's responses.
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

from .conditions import STATUS, condition_of, shuffled_order, sort_key, values_of  # noqa: TID252
from .points import point  # noqa: TID252
from .text_query import FIELD_END, text_of, text_query  # noqa: TID252


@SearchEngine.register("embedded")
class EmbeddedSearchEngine(SearchEngine):  # type: ignore[misc]  # not installed where types are checked
    """Answers every search, count and metric that Argilla asks for with SQL over its tables."""

    @classmethod
    async def new_instance(cls) -> EmbeddedSearchEngine:
        """Return an engine. It has no state."""
        return cls()

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    async def ping(self) -> bool:
        """Return True: the engine is always available."""
        return True

    async def info(self) -> dict[str, str]:
        """Return the name of the engine for the server's status page."""
        return {"name": "embedded", "stores": "nothing"}

    async def _nothing_to_do(self, *_args: Any, **_kwargs: Any) -> None:
        """Do nothing. This is every hook that would update an index."""

    create_index = delete_index = configure_metadata_property = configure_index_vectors = _nothing_to_do
    index_records = partial_record_update = delete_records = _nothing_to_do
    update_record_response = delete_record_response = _nothing_to_do
    update_record_suggestion = delete_record_suggestion = _nothing_to_do

    async def get_dataset_progress(self, dataset: Any) -> dict[str, int]:
        """Return the number of records by status and in total: {"total": 5, "pending": 3, "completed": 2}."""
        if dataset.is_draft:
            return {}
        return _with_total(
            await _rows(select(STATUS, func.count()).where(Record.dataset_id == dataset.id).group_by(STATUS))
        )

    async def get_dataset_user_progress(self, dataset: Any, user: Any) -> dict[str, int]:
        """Return the number of a user's responses by status and in total: {"total": 2, "submitted": 2}."""
        if dataset.is_draft:
            return {}
        status = type_coerce(Response.status, String)
        statement = select(status, func.count()).join(Record, Response.record_id == Record.id)
        return _with_total(
            await _rows(statement.where(Record.dataset_id == dataset.id, Response.user_id == user.id).group_by(status))
        )

    async def compute_metrics_for(self, metadata_property: Any) -> Any:
        """Return the counts of each term of a metadata property, or its smallest and greatest number."""
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
        """Return a page of the matching records.

        They are ordered by `sort` if given, otherwise by score if there is a `query`, otherwise in a shuffled order
        that differs from user to user.
        """
        conditions = [Record.dataset_id == dataset.id, *([condition_of(filter)] if filter else [])]
        order = [sort_key(sort_order) for sort_order in sort or []]
        order += [*shuffled_order(user_id), Record.inserted_at, Record.id]
        if query is not None:
            statement = select(Record.id, Record.fields).where(*conditions).order_by(*order)
            matches = await _scored(dataset, await _rows(statement), query)
            if not sort:
                matches.sort(key=lambda match: -match[1])
            return SearchResponses(items=_items(matches[offset : offset + limit]), total=len(matches))
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
        """Return the records whose vectors are nearest to `value`, or to the vector of `record`.

        A record's score is (1 + cosine) / 2, which is in [0, 1].
        """
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
        neighbours = await asyncio.to_thread(_nearest, rows, sign * np.asarray(target, dtype=float), max_results)
        items = _items([pair for pair in neighbours if threshold is None or pair[1] >= threshold])
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
    """Return (record id, score) for each row (record id, fields, ...) whose text matches, in the order of the rows.

    This takes long, so it runs in a thread and does not block the event loop.
    """
    text, field_name = (query, None) if isinstance(query, str) else (query.q, query.field)
    names = [field_name] if field_name else [field.name for field in dataset.fields if not field.is_image]
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
