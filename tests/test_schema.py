"""The Arrow schema follows from the row type: every annotation that a row may have, and no other."""

from __future__ import annotations

from typing import Any, Literal

import pyarrow as pa
import pytest
from pydantic import JsonValue

from curation.published_rows import PreferenceRow, RawRow, SupervisedRow, UnpairedPreferenceRow
from curation.schema import arrow_schema
from curation.types import CandidateSet, Message, Row


class Inner(Row):
    name: str
    count: int | None


class Everything(Row):
    text: str
    whole: int
    number: float
    truth: bool
    perhaps: str | None
    choice: Literal["a", "b"]
    chosen_or_not: Literal["a", "b"] | None
    texts: tuple[str, ...]
    scores: tuple[float | None, ...]
    inner: Inner
    inners: tuple[Inner, ...]
    anything: dict[str, JsonValue]


class Unknown(Row):
    value: bytes


INNER = pa.struct([pa.field("name", pa.string(), nullable=False), pa.field("count", pa.int64())])


def test_every_annotation_has_its_type_and_its_nulls() -> None:
    assert arrow_schema(Everything) == pa.schema(
        [
            pa.field("text", pa.string(), nullable=False),
            pa.field("whole", pa.int64(), nullable=False),
            pa.field("number", pa.float64(), nullable=False),
            pa.field("truth", pa.bool_(), nullable=False),
            pa.field("perhaps", pa.string()),
            pa.field("choice", pa.string(), nullable=False),
            pa.field("chosen_or_not", pa.string()),
            pa.field("texts", pa.list_(pa.string())),
            pa.field("scores", pa.list_(pa.float64())),
            pa.field("inner", INNER, nullable=False),
            pa.field("inners", pa.list_(INNER)),
            pa.field("anything", pa.string(), nullable=False),
        ]
    )


def test_an_annotation_that_has_no_arrow_type_is_an_error() -> None:
    with pytest.raises(TypeError, match="No Arrow type for <class 'bytes'>"):
        arrow_schema(Unknown)


@pytest.mark.parametrize("row_type", [CandidateSet, PreferenceRow, UnpairedPreferenceRow, SupervisedRow, RawRow])
def test_columns_are_the_fields_in_their_order(row_type: type[Row]) -> None:
    assert arrow_schema(row_type).names == list(row_type.model_fields)


def test_the_fields_of_a_message_are_never_null() -> None:
    fields: list[Any] = list(arrow_schema(Message))
    assert [(field.name, field.nullable) for field in fields] == [("role", False), ("content", False)]
