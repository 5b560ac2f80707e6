"""What an exporter is, and how the rows that it chooses become a table to publish."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from curation import columns
from curation.export.evidence import evidence
from curation.export.scored import Rows, ScoredSets
from curation.frames import pl
from curation.published_rows import PublishedAnnotation
from curation.schema import arrow_schema
from curation.types import Row

OPTIONAL = ("margin", "strength")
"""Columns that a row only has if the configuration asks for them."""
EXTRAS = ("tools", "chat_template_kwargs", "category", "subcategory", "passage")
"""What prompts may bring along; a column of it is published only if it is never null."""

PASSAGE_COLUMNS = {
    "document_id": "document_id",
    "document_source": "source",
    "part": "part",
    "parts": "parts",
    "part_start": "start",
    "part_end": "end",
    "answer_start": "answer_start",
    "answer_end": "answer_end",
    "answerable": "answerable",
}
"""The columns of a question about a document, and the fields of its Passage that they publish."""
NULLABLE = frozenset({"answer_start", "answer_end", "subcategory"})
"""Columns that may be null: not every question names the passage that answers it, and a prompt whose category reviewers
correct has no subcategory of the new one."""


def extra_column(name: str) -> pl.Expr:
    """Return what a prompt brings along as an expression over its columns, such as "prompt_tools"."""
    if name in PASSAGE_COLUMNS:
        return pl.col("prompt_passage").struct.field(PASSAGE_COLUMNS[name]).alias(name)
    return pl.col(f"prompt_{name}").alias(name)


class Exporter(ABC):
    """Makes the rows of one config that is trained on. `sides` names the answers that a row holds.

    `row_type` gives the columns. A column that is called as one of the scored answers with the side before it
    ("chosen_score") is that column, columns that all configs share are the same in all, and `own_columns` gives the
    rest. `sides` are the columns of `Rows.frame` that hold an answer_no.
    """

    __slots__ = ()

    name: str
    row_type: ClassVar[type[Row]]
    sides: ClassVar[tuple[str, ...]]

    @abstractmethod
    def rows(self, scored: ScoredSets) -> Rows:
        """Return the rows that scored sets give, and why they give no others."""

    @abstractmethod
    def own_columns(self) -> Mapping[str, pl.Expr]:
        """Return the columns of other names than those that `with_answers` gives, as expressions over those."""

    def ordered(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of a shard in the order to publish them in: that of their ids."""
        return rows.sort("id")


def with_answers(exporter: Exporter, rows: pl.DataFrame, scored: ScoredSets) -> pl.DataFrame:
    """Return `rows` with their ids, what their sets and answers are (prompt_id, chosen_text, ...), and whose answers
    they follow (record_ids, annotations, ...: see `evidence`).
    """
    of_answer = scored.answers.drop("set_no", "prompt_no")
    rows = rows.join(scored.sets, on="set_no", maintain_order="left")
    for side in exporter.sides:
        of_side = of_answer.rename(f"{side}_{{}}".format)
        rows = rows.join(of_side, left_on=side, right_on=f"{side}_answer_no", maintain_order="left")
    answers = (rows[f"{side}_candidate_id"] for side in exporter.sides)
    rows = rows.with_columns(id=columns.row_ids(exporter.name, rows["prompt_id"], *answers))
    return rows.join(_evidence(exporter, rows, scored), on="row_no", maintain_order="left")


def published_table(
    exporter: Exporter, rows: pl.DataFrame, *, extras: Mapping[str, pa.DataType], thinking: bool
) -> pa.Table:
    """Return the table of rows that `with_answers` completed, in their order.

    `extras` are the columns that every prompt brings along, with their types; with `thinking` what models thought
    before each answer is a column too, null where they did not.
    """
    own = dict(exporter.own_columns())
    fields = list(arrow_schema(exporter.row_type))
    fields += [pa.field(name, pa.float64(), nullable=name == "strength") for name in own if name in OPTIONAL]
    thoughts = ["thinking"] if "thinking" in own else [f"{side}_thinking" for side in exporter.sides]
    fields += [pa.field(name, pa.string()) for name in thoughts if thinking]
    names = [field.name for field in fields]
    table = rows.select(own[name].alias(name) if name in own else name for name in names).to_arrow()
    table = table.cast(pa.schema(fields))
    for name, kind in extras.items():
        texts = rows[name].to_list()
        values = [json.loads(text) for text in texts] if pa.types.is_struct(kind) else texts
        table = table.append_column(pa.field(name, kind, nullable=name in NULLABLE), pa.array(values, kind))
    return table


def _evidence(exporter: Exporter, rows: pl.DataFrame, scored: ScoredSets) -> pl.DataFrame:
    """Whose answers each row follows, by row_no: see `evidence`."""
    of_sides = [rows.select("row_no", record_no=f"{side}_records").explode("record_no") for side in exporter.sides]
    records = pl.concat(of_sides).unique().sort("row_no", "record_no")
    answers = rows.select(
        "row_no", candidate_id=pl.concat_list(f"{side}_candidate_id" for side in exporter.sides)
    ).explode("candidate_id")
    return evidence(
        records.join(scored.records, on="record_no", maintain_order="left"),
        answers,
        scored,
        key="row_no",
        annotation=list(PublishedAnnotation.model_fields),
    )
