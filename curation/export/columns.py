"""The columns that published rows are built of: texts are taken from Arrow arrays and never copied one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from curation.export.resolved import Answer, Entry, Resolved, entries
from curation.schema import arrow_schema
from curation.types import Message, PublishedAnnotation, Row

EXTRAS = ("tools", "chat_template_kwargs", "category", "subcategory")
"""What prompts may bring along; a column of it is published only if it is never null."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The prompts and answers of some candidate sets, one value per row.

    `prompts` (lists of {role, content}), `sources`, `texts` and the `extras` are pyarrow.Arrays. `texts` and `models`
    have a row per candidate, then one per edit. `extras` holds the columns of EXTRAS that are never null in the whole
    dataset. `pseudonyms` maps reviewers to their published names.
    """

    prompts: Any
    prompt_ids: Sequence[str]
    sources: Any
    languages: Sequence[str | None]
    texts: Any
    models: Sequence[str]
    pseudonyms: Mapping[str, str]
    extras: Mapping[str, Any] = field(default_factory=dict)


Cells = Sequence[tuple[Resolved, Sequence[Answer]]]
"""The rows of a table: each with its record and the answers that stand in it."""


def table(row_type: type[Row], cells: Cells, columns: Columns, own: Mapping[str, Any]) -> Any:
    """Return a pyarrow.Table of `row_type`: the columns that all configs share, `own` ones, then the extras.

    `own` columns that `row_type` does not know come last too.
    """
    import pyarrow as pa

    values = {**_shared(cells, columns), **own}
    fields = list(arrow_schema(row_type))
    arrays = [_array(values[field.name], field.type) for field in fields]
    more = {
        **{name: value for name, value in own.items() if name not in row_type.model_fields},
        **{name: array.take(_prompt_rows(cells)) for name, array in columns.extras.items()},
    }
    fields += [pa.field(name, array.type, nullable=False) for name, array in more.items()]
    return pa.Table.from_arrays([*arrays, *more.values()], schema=pa.schema(fields))


def prompt_column(cells: Cells, columns: Columns) -> Any:
    """Return the prompt of each row: lists of {role, content}."""
    return columns.prompts.take(_prompt_rows(cells))


def answer_column(answers: Sequence[Answer], columns: Columns) -> Any:
    """Return each answer as a conversation of the assistant's turn alone."""
    import pyarrow as pa

    texts = columns.texts.take(pa.array([answer.row for answer in answers], pa.int64()))
    roles = pa.repeat(pa.scalar("assistant"), len(answers))
    message = arrow_schema(Message)
    turns = pa.StructArray.from_arrays([roles, texts], fields=list(message))
    return pa.ListArray.from_arrays(pa.array(range(len(answers) + 1), pa.int32()), turns)


def models(answers: Sequence[Answer], columns: Columns) -> list[str]:
    """Return the model of each answer."""
    return [columns.models[answer.row] for answer in answers]


def _shared(cells: Cells, columns: Columns) -> dict[str, Any]:
    """What the rows of every config say."""
    records = [record for record, _ in cells]
    return {
        "prompt_id": [columns.prompt_ids[record.prompt] for record in records],
        "record_id": [record.record_id for record in records],
        "reviewers": [record.verdict.reviewers for record in records],
        "agreement": [record.verdict.agreement for record in records],
        "label_source": [record.verdict.label_source for record in records],
        "source": columns.sources.take(_prompt_rows(cells)),
        "language": [columns.languages[record.prompt] for record in records],
        "annotations": annotation_column(
            [(record.annotations, answers) for record, answers in cells], columns.pseudonyms
        ),
    }


def annotation_column(said: Sequence[tuple[Any, Sequence[Answer]]], pseudonyms: Mapping[str, str]) -> Any:
    """Return, for each (annotations, answers), a list of {reviewer, scores, status}."""
    import pyarrow as pa

    # The same annotations to the same places are published alike, and stand many times.
    known: dict[Any, int] = {}
    found: list[list[Entry]] = []
    rows = []
    for of_record, answers in said:
        places = [answer.shown for answer in answers]
        # Of an edit, without a place, it matters too who wrote it.
        key = None if None in places else (id(of_record), *places)
        if key is None or key not in known:
            known[key] = len(found)
            found.append(entries(of_record, answers, pseudonyms=pseudonyms))
        rows.append(known[key])
    flat = [entry for each in found for entry in each]
    scores = _lists([entry.scores for entry in flat], pa.float64())
    reviewers, statuses = ([getattr(entry, name) for entry in flat] for name in ("reviewer", "status"))
    structs = pa.StructArray.from_arrays(
        [pa.array(reviewers, pa.string()), scores, pa.array(statuses, pa.string())],
        fields=list(arrow_schema(PublishedAnnotation)),
    )
    return pa.ListArray.from_arrays(_offsets(found), structs).take(pa.array(rows, pa.int64()))


def _lists(values: Sequence[Sequence[Any]], item_type: Any) -> Any:
    import pyarrow as pa

    return pa.ListArray.from_arrays(_offsets(values), pa.array([one for each in values for one in each], item_type))


def _offsets(values: Sequence[Sequence[Any]]) -> Any:
    import pyarrow as pa

    return pa.array([0, *accumulate(map(len, values))], pa.int32())


def _prompt_rows(cells: Cells) -> Any:
    import pyarrow as pa

    return pa.array([record.prompt for record, _ in cells], pa.int64())


def _array(values: Any, kind: Any) -> Any:
    import pyarrow as pa

    if isinstance(values, list):
        return pa.array(values, kind)
    return values if values.type == kind else values.cast(kind)
