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
"""Columns that rows only have if the configuration asks for them."""
EXTRAS = ("tools", "chat_template_kwargs", "category", "subcategory", "passage")
"""Columns that come with the prompts. Each is published only if every prompt has it."""

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
"""Columns of these that may be null. Not every question names the passage that answers it, and a prompt has no
subcategory any more once reviewers correct its category."""


def extra_column(name: str) -> pl.Expr:
    """Return a column that comes with the prompts: "tools" is read from "prompt_tools", "part" from the passage."""
    if name in PASSAGE_COLUMNS:
        return pl.col("prompt_passage").struct.field(PASSAGE_COLUMNS[name]).alias(name)
    return pl.col(f"prompt_{name}").alias(name)


class Exporter(ABC):
    """Makes the rows of one published config that is trained on.

    - `sides`: the answers in a row, such as ("chosen", "rejected"): the columns of `Rows.frame` that hold an answer_no
    - `row_type`: the type of a published row; its fields are the columns

    A column gets its values in one of three ways. If it is named after a side and a column of the scored answers, as
    "chosen_score" is, it is that column. If all configs have it, as "record_ids", it is the same everywhere. All others
    come from `own_columns`.
    """

    __slots__ = ()

    name: str
    row_type: ClassVar[type[Row]]
    sides: ClassVar[tuple[str, ...]]

    @abstractmethod
    def rows(self, scored: ScoredSets) -> Rows:
        """Return the rows that scored sets give, and the reasons why sets give none or fewer."""

    @abstractmethod
    def own_columns(self) -> Mapping[str, pl.Expr]:
        """Return the columns that the frame of `with_answers` does not have yet, as expressions over that frame."""

    def ordered(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of a shard in the order in which they are published: sorted by id."""
        return rows.sort("id")


def with_answers(exporter: Exporter, rows: pl.DataFrame, scored: ScoredSets) -> pl.DataFrame:
    """Return `rows` with ids and the columns of their sets, answers and responses.

    `rows` is the frame of `Rows`. The set gives columns such as prompt_id, each answer columns such as chosen_text, and
    `evidence` gives record_ids, agreement, label_source, reviewers and annotations.
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
    """Return the rows that `with_answers` completed as a table to publish, in their order.

    `extras` are the columns that come with every prompt, with their types. With `thinking` there is a column of what
    the model thought before each answer, null if it did not think.
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
    """Return for each row_no what the row is based on (see `evidence`)."""
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
