"""Rows as Parquet: every type comes back as it went, the schema follows from the type, the bytes from the rows."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import DataError
from curation.published_rows import PreferenceRow, PublishedAnnotation, UnpairedPreferenceRow
from curation.schema import arrow_schema
from curation.store.parquet import (
    content_name,
    read_columns,
    read_parquet,
    read_slice,
    read_table,
    table_bytes,
    write_parquet,
)
from curation.types import CandidateSet, Failure, Message, Response, ReviewRecord, Row
from tests.rows import make_prompt, make_set

ODD = "مرحبا 👩\u200d👧\n\ttab \u202e and \\ \" ' e\u0301"
MESSAGES = (Message(role="system", content=""), Message(role="user", content=ODD))
SAID = (
    PublishedAnnotation(reviewer="reviewer-1", scores=(1.0, None), status="submitted"),
    PublishedAnnotation(reviewer="reviewer-2", scores=(), status="discarded"),
)
FULL_SET = make_set(make_prompt(ODD), (4.5, None)).model_copy(
    update={"failures": (Failure(stage="judge", generator="g1", reason="no_rating", attempts=1),)}
)
COMMON: dict[str, Any] = {
    "id": "i",
    "prompt": MESSAGES,
    "prompt_id": "p",
    "record_ids": ("r",),
    "reviewers": 2,
    "label_source": "human",
    "source": "acme/prompts@abc",
    "annotations": SAID,
}
PREFERENCE = PreferenceRow(
    **COMMON,
    chosen=MESSAGES[1:],
    rejected=MESSAGES[:1],
    chosen_score=1.0,
    rejected_score=1 / 3,
    score_gap=2 / 3,
    chosen_model="a",
    rejected_model="b",
    agreement=None,
    language=None,
)
UNPAIRED = UnpairedPreferenceRow(
    **COMMON, completion=MESSAGES[1:], label=False, score=0.1, model="a", agreement=0.75, language="ar"
)
RESPONSE = Response(
    record_id="r",
    reviewer="ann",
    status="submitted",
    values={"preference": "a", "edit": ODD, "nested": {"list": [1, None, 2.5, True]}},
    dataset_id="d",
    server_record_id="d-r",
    server_user_id="u",
)
ROWS: list[Row] = [
    FULL_SET,
    make_set(ratings=()),
    ReviewRecord(id="r", task="pairwise", prompt_id="p", set_id="s", candidates=("b", "a")),
    RESPONSE,
    RESPONSE.model_copy(update={"values": {}, "status": "draft"}),
    PREFERENCE,
    PREFERENCE.model_copy(update={"annotations": (), "agreement": 1.0, "language": "de"}),
    UNPAIRED,
]


def write(path: Path, rows: list[Any], row_type: type[Row]) -> Path:
    path.write_bytes(write_parquet(rows, row_type))
    return path


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row).__name__)
def test_every_row_is_read_back_as_it_was_written(tmp_path: Path, row: Row) -> None:
    path = write(tmp_path / "rows.parquet", [row, row], type(row))
    assert list(read_parquet(path, type(row))) == [row, row]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row).__name__)
def test_a_file_with_or_without_rows_has_the_schema_of_the_row_type(tmp_path: Path, row: Row) -> None:
    expected = arrow_schema(type(row))
    for rows in ([], [row]):
        assert pq.read_schema(write(tmp_path / "rows.parquet", rows, type(row))).equals(expected, check_metadata=False)


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    assert list(read_parquet(write(tmp_path / "rows.parquet", [], CandidateSet), CandidateSet)) == []


def test_the_columns_of_a_preference_row_have_the_types_that_trl_reads() -> None:
    schema = arrow_schema(PreferenceRow)
    message = pa.struct(
        [pa.field("role", pa.string(), nullable=False), pa.field("content", pa.string(), nullable=False)]
    )
    assert {name: schema.field(name).type for name in ("prompt", "chosen", "rejected")} == dict.fromkeys(
        ("prompt", "chosen", "rejected"), pa.list_(message)
    )
    assert schema.field("chosen_score").type == pa.float64()
    assert schema.field("reviewers").type == pa.int64()
    assert (schema.field("agreement").nullable, schema.field("score_gap").nullable) == (True, False)
    assert arrow_schema(UnpairedPreferenceRow).field("label") == pa.field("label", pa.bool_(), nullable=False)


def test_a_whole_score_is_stored_as_a_float() -> None:
    whole = PREFERENCE.model_copy(update={"chosen_score": 1, "rejected_score": 0, "score_gap": 1})
    table = pq.read_table(io.BytesIO(write_parquet([whole], PreferenceRow)))
    assert table.schema.field("chosen_score").type == pa.float64()


def test_the_same_rows_give_the_same_bytes_and_name() -> None:
    first, second = (write_parquet([PREFERENCE, PREFERENCE], PreferenceRow) for _ in range(2))
    assert first == second
    assert content_name("dpo", first, prefix="train-") == content_name("dpo", second, prefix="train-")


def test_the_order_of_the_values_of_a_response_does_not_change_the_bytes() -> None:
    turned = RESPONSE.model_copy(update={"values": dict(reversed(RESPONSE.values.items()))})
    assert write_parquet([turned], Response) == write_parquet([RESPONSE], Response)


def test_different_rows_or_a_different_order_give_a_different_name() -> None:
    other = UNPAIRED.model_copy(update={"label": True})
    contents = [[UNPAIRED], [other], [UNPAIRED, other], [other, UNPAIRED], []]
    names = {content_name("kto", write_parquet(rows, UnpairedPreferenceRow)) for rows in contents}
    assert len(names) == len(contents)


def test_a_name_is_the_folder_the_prefix_and_the_hash_of_the_bytes() -> None:
    assert content_name("dpo", b"abc", prefix="train-") == "dpo/train-ba7816bf8f01cfea.parquet"
    assert content_name("responses", b"abc") == "responses/ba7816bf8f01cfea.parquet"


@pytest.mark.slow
def test_many_rows_are_written_in_parts_and_all_come_back(tmp_path: Path) -> None:
    rows = [
        ReviewRecord(id=str(number), task="pairwise", prompt_id="p", set_id="s", candidates=())
        for number in range(10_001)
    ]
    path = write(tmp_path / "rows.parquet", rows, ReviewRecord)
    assert pq.ParquetFile(path).metadata.num_row_groups == 2
    assert list(read_parquet(path, ReviewRecord)) == rows


def test_a_dict_is_stored_as_json_text() -> None:
    [values] = pq.read_table(io.BytesIO(write_parquet([RESPONSE], Response)))["values"].to_pylist()
    assert json.loads(values) == RESPONSE.values


@pytest.mark.parametrize("content", [b"", b"not parquet at all", b"PAR1PAR1"])
def test_a_file_that_is_not_parquet_is_an_error_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"rows\.parquet does not hold rows of type Response"):
        list(read_parquet(path, Response))


@pytest.mark.parametrize("row_type", [Response, CandidateSet, UnpairedPreferenceRow])
def test_a_file_with_rows_of_another_type_is_an_error_that_names_the_file(tmp_path: Path, row_type: type[Row]) -> None:
    path = write(tmp_path / "rows.parquet", [PREFERENCE], PreferenceRow)
    with pytest.raises(DataError, match=rf"rows\.parquet does not hold rows of type {row_type.__name__}"):
        list(read_parquet(path, row_type))


def test_values_that_are_not_json_are_an_error(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([{**RESPONSE.model_dump(), "values": "{"}], schema=arrow_schema(Response))
    pq.write_table(table, tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="does not hold rows of type Response"):
        list(read_parquet(tmp_path / "rows.parquet", Response))


def test_a_table_is_read_with_only_the_requested_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet", [FULL_SET], CandidateSet)
    table = read_table(path, ["prompt.id", "candidates.list.element.text", "candidates.list.element.rating"])
    assert table.to_pylist() == [
        {
            "prompt": {"id": FULL_SET.prompt.id},
            "candidates": [{"text": candidate.text, "rating": candidate.rating} for candidate in FULL_SET.candidates],
        }
    ]


@pytest.mark.parametrize("missing", ["usage.none", "candidate", "prompt.id.of"])
def test_a_missing_column_is_an_error_that_names_the_file_and_the_column(tmp_path: Path, missing: str) -> None:
    path = write(tmp_path / "rows.parquet", [FULL_SET], CandidateSet)
    sentence = rf"rows\.parquet cannot be read: it has no column '{missing}'"
    with pytest.raises(DataError, match=sentence):
        read_table(path, ["id", missing])
    with pytest.raises(DataError, match=sentence):
        read_slice(path, ("prompt", missing), 0, 1)
    with pytest.raises(DataError, match=sentence):
        list(read_columns(path, ["id", missing]))


def test_a_table_that_is_not_parquet_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(DataError, match=r"rows\.parquet cannot be read"):
        read_table(tmp_path / "rows.parquet", ["id"])


def test_the_bytes_of_a_table_depend_only_on_its_rows_and_have_a_page_index(tmp_path: Path) -> None:
    table = pa.table({"id": [str(number) for number in range(1000)], "text": ["word " * 100] * 1000})
    content = table_bytes(table)
    assert content == table_bytes(pa.concat_tables([table.slice(0, 1), table.slice(1)]).combine_chunks())
    (tmp_path / "rows.parquet").write_bytes(content)
    assert pq.read_table(tmp_path / "rows.parquet").equals(table)
    column = pq.ParquetFile(tmp_path / "rows.parquet").metadata.row_group(0).column(1)
    assert column.has_offset_index
    assert column.has_column_index
    assert column.compression == "ZSTD"
