"""The columns that published rows are built of: texts are taken from Arrow arrays and never copied one by one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import accumulate
from typing import Any, Self

from curation import ids
from curation.export.resolved import Place, Resolved, entries
from curation.schema import arrow_schema
from curation.types import Message, PublishedAnnotation, Row

EXTRAS = ("tools", "chat_template_kwargs", "category", "subcategory")
"""What prompts may bring along; a column of it is published only if it is never null."""


THINKING = frozenset({"thinking", "chosen_thinking", "rejected_thinking", "completion_thinking"})
"""What a model thought before an answer, as datasets on the Hub call it; null if it did not, or a person wrote it."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The prompts and answers of some candidate sets, one value per row.

    All are pyarrow.Arrays; `prompts` holds lists of {role, content}. `texts` and `models` have a row per candidate,
    then one per edit; so has `thinking`, null if what models thought is not published. `extras` holds the columns of
    EXTRAS that are never null in the whole dataset. `pseudonyms` maps reviewers to their published names.
    """

    prompts: Any
    prompt_ids: Any
    sources: Any
    languages: Any
    texts: Any
    models: Any
    pseudonyms: Mapping[str, str]
    extras: Mapping[str, Any] = field(default_factory=dict)
    thinking: Any = None


@dataclass(frozen=True, slots=True)
class Rows(ABC):
    """The rows that records give to a config, as numpy arrays with a value per row; subclasses add what a row holds."""

    resolved: Resolved

    @property
    @abstractmethod
    def answers(self) -> tuple[Any, ...]:
        """The numbers of the answers in the rows: one array for each that a row holds."""

    def __len__(self) -> int:
        return len(self.answers[0])

    @property
    def records(self) -> Any:
        """The number of each row's record."""
        return self.resolved.record[self.answers[0]]

    @property
    def prompts(self) -> Any:
        """The row in `Columns` of each row's prompt."""
        return self.resolved.prompts[self.records]

    def where(self, kept: Any) -> Self:
        """Return some of the rows: a mask, or their positions."""
        own = [column.name for column in fields(self) if column.name != "resolved"]
        return replace(self, **{name: getattr(self, name)[kept] for name in own})

    def ids(self, config: str) -> list[str]:
        """Return the id of each row, which follows from its record and its answers."""
        of_records, of_answers = self.resolved.record_ids, self.resolved.answer_ids
        held = [self.resolved.row[answers].tolist() for answers in self.answers]
        return [
            ids.row_id(config, of_records[record], *(of_answers[row] for row in answers))
            for record, *answers in zip(self.records.tolist(), *held, strict=True)
        ]


def table(row_type: type[Row], rows: Rows, columns: Columns, own: Mapping[str, Any]) -> Any:
    """Return a pyarrow.Table of `row_type`: the columns that all configs share, `own` ones, then the extras.

    `own` columns that `row_type` does not know come last too; those of what models thought may have nulls.
    """
    import pyarrow as pa

    values = {**_shared(rows, columns), **own}
    schema = list(arrow_schema(row_type))
    arrays = [_array(values[column.name], column.type) for column in schema]
    more = {
        **{name: _array(value, None) for name, value in own.items() if name not in row_type.model_fields},
        **{name: _taken(array, rows.prompts) for name, array in columns.extras.items()},
    }
    schema += [pa.field(name, array.type, nullable=name in THINKING) for name, array in more.items()]
    return pa.Table.from_arrays([*arrays, *more.values()], schema=pa.schema(schema))


def prompt_column(rows: Rows, columns: Columns) -> Any:
    """Return the prompt of each row: lists of {role, content}."""
    return _taken(columns.prompts, rows.prompts)


def answer_column(rows: Rows, answers: Any, columns: Columns) -> Any:
    """Return the answers with these numbers, each as a conversation of the assistant's turn alone."""
    import pyarrow as pa

    texts = _taken(columns.texts, rows.resolved.row[answers])
    roles = pa.repeat(pa.scalar("assistant"), len(texts))
    turns = pa.StructArray.from_arrays([roles, texts], fields=list(arrow_schema(Message)))
    return pa.ListArray.from_arrays(pa.array(range(len(texts) + 1), pa.int32()), turns)


def model_column(rows: Rows, answers: Any, columns: Columns) -> Any:
    """Return the models of the answers with these numbers."""
    return _taken(columns.models, rows.resolved.row[answers])


def thinking_columns(rows: Rows, columns: Columns, **answers: Any) -> dict[str, Any]:
    """Return what was thought before the answers with these numbers, by the names of columns; {} if it is not kept."""
    if columns.thinking is None:
        return {}
    return {name: _taken(columns.thinking, rows.resolved.row[numbers]) for name, numbers in answers.items()}


def _shared(rows: Rows, columns: Columns) -> dict[str, Any]:
    """What the rows of every config say."""
    import pyarrow as pa

    case = rows.resolved.case[rows.records]
    verdicts = [one.verdict for one in rows.resolved.cases]
    return {
        "prompt_id": _taken(columns.prompt_ids, rows.prompts),
        "record_id": _taken(pa.array(rows.resolved.record_ids, pa.string()), rows.records),
        "reviewers": _taken(pa.array([one.reviewers for one in verdicts], pa.int64()), case),
        "agreement": _taken(pa.array([one.agreement for one in verdicts], pa.float64()), case),
        "label_source": _taken(pa.array([one.label_source for one in verdicts], pa.string()), case),
        "source": _taken(columns.sources, rows.prompts),
        "language": _taken(columns.languages, rows.prompts),
        "annotations": annotation_column(rows, columns.pseudonyms),
    }


def annotation_column(rows: Rows, pseudonyms: Mapping[str, str]) -> Any:
    """Return, for each row, what each reviewer said of its answers: a list of {reviewer, scores, status}."""
    import numpy as np
    import pyarrow as pa

    resolved, records = rows.resolved, rows.records
    # The same annotations to the same places are published alike, and stand many times. An edit's place is its row:
    # it matters who wrote it.
    key = resolved.case[records]
    for answers in rows.answers:
        place = np.where(resolved.edited[answers], -1 - resolved.row[answers], resolved.shown[answers])
        values, place = np.unique(place, return_inverse=True)
        key = key * max(len(values), 1) + place
    _, first, alike = np.unique(key, return_index=True, return_inverse=True)
    found = [
        entries(
            resolved.cases[resolved.case[records[at]]].annotations,
            [_place(resolved, answers[at]) for answers in rows.answers],
            pseudonyms=pseudonyms,
        )
        for at in first.tolist()
    ]
    flat = [entry for each in found for entry in each]
    scores = _lists([entry.scores for entry in flat], pa.float64())
    reviewers, statuses = ([getattr(entry, name) for entry in flat] for name in ("reviewer", "status"))
    structs = pa.StructArray.from_arrays(
        [pa.array(reviewers, pa.string()), scores, pa.array(statuses, pa.string())],
        fields=list(arrow_schema(PublishedAnnotation)),
    )
    return _taken(pa.ListArray.from_arrays(_offsets(found), structs), alike)


def _place(resolved: Resolved, answer: int) -> Place:
    edit = resolved.edits.get(int(resolved.row[answer]))
    return int(resolved.shown[answer]) if edit is None else edit.authors


def _lists(values: Sequence[Sequence[Any]], item_type: Any) -> Any:
    import pyarrow as pa

    return pa.ListArray.from_arrays(_offsets(values), pa.array([one for each in values for one in each], item_type))


def _offsets(values: Sequence[Sequence[Any]]) -> Any:
    import pyarrow as pa

    return pa.array([0, *accumulate(map(len, values))], pa.int32())


def _taken(array: Any, rows: Any) -> Any:
    import pyarrow as pa

    return array.take(pa.array(rows, pa.int64()))


def _array(values: Any, kind: Any) -> Any:
    import pyarrow as pa

    if isinstance(values, pa.Array):
        return values if kind is None or values.type == kind else values.cast(kind)
    return pa.array(values, kind)
