"""CSV and TSV as people have them: separators, quotes, line ends; what does not fit is an error with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.errors import DataError
from curation.files import read_rows
from curation.files.delimited import separator_of
from curation.files.rows import ROW_SIZE


def rows(folder: Path, text: str, name: str = "mine.csv") -> list[dict[str, Any] | None]:
    return [row.values for row in read(folder, text, name)]


def read(folder: Path, text: str, name: str = "mine.csv") -> list[Any]:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return list(read_rows(folder / name))


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2,5\n", ";"),
        ("a\tb\n1;2\t3\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ("prompt\nWhy?\n", ","),
        ("prompt\nWhy; oh why?\n", ","),
        # As many of each in the header: the rows tell.
        ("a;b,c\n1;2\n3;4\n", ";"),
        # A row that does not fit leaves the separator of the header.
        ("a,b,c\n1,2,3,4\n", ","),
        ('a;b\n"x\ny;z";1\n', ";"),
        ("a;b\n1;2\n" * 20_000, ";"),
        ("", ","),
    ],
)
def test_the_separator_that_fits_the_first_rows_is_used(text: str, separator: str) -> None:
    assert separator_of(text[: 1 << 16]) == separator


@pytest.mark.parametrize("name", ["mine.csv", "mine.tsv"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_rows_are_read_with_any_separator(tmp_path: Path, separator: str, name: str) -> None:
    text = 'prompt,chosen\n"Why, ""so""?\nNow; or|never?",Yes\n'.replace(",", separator)
    expected = {"prompt": 'Why, "so"?\nNow; or|never?'.replace(",", separator), "chosen": "Yes"}
    assert rows(tmp_path, text, name) == [expected]


def test_the_separator_that_excel_names_in_the_first_line_is_used(tmp_path: Path) -> None:
    assert read(tmp_path, "sep=;\r\na;b\r\n1;2\r\n")[0].values == {"a": "1", "b": "2"}
    assert read(tmp_path, "sep=^\na^b\n1^2\n")[0].number == 3


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_ends_a_line_and_blank_lines_are_no_rows(tmp_path: Path, end: str) -> None:
    file_rows = read(tmp_path, end.join(["", "a,b", "", '"1', '2",3', "   ", "4,", ",", ""]))
    assert [row.values for row in file_rows] == [
        {"a": f"1{end}2", "b": "3"},
        {"a": "4", "b": ""},
        {"a": "", "b": ""},
    ]
    assert [row.number for row in file_rows] == [4, 7, 8]


def test_a_column_without_a_name_is_named_as_pandas_names_it(tmp_path: Path) -> None:
    assert rows(tmp_path, ",prompt\n0,Why?\n") == [{"Unnamed: 0": "0", "prompt": "Why?"}]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a,b\n1,2\n1,2,3\n", 3, "has 3 cells, but the header 2 cells"),
        ("a,b\n1,2,3\n1,2,3\n", 2, "has 3 cells, but the header 2 cells"),
        ("a,b\n1\n", 2, "has 1 cell, but the header 2 cells"),
        ('a,b\n"1\n2",3\n4,5,6\n', 4, "has 3 cells"),
        ('a,b\n1,"2\n3,4\n', 2, "a quote in the row that begins here is not closed"),
        ('a,b\n1,2\n3,"4\n5,"6"\n', 3, "followed by more text"),
        ('a,b\n1,"2\\"3"\n', 2, "followed by more text"),
        ("a,b,a\n1,2,3\n", 1, "the header has the column 'a' twice"),
        ('a,b\n1,"' + '""' * (ROW_SIZE + 1), 2, "has no end within"),
    ],
)
def test_a_row_that_does_not_fit_is_an_error_with_the_line_on_which_it_begins(
    tmp_path: Path, text: str, line: int, what: str
) -> None:
    with pytest.raises(DataError, match=rf"mine\.csv, line {line}: .*{what}"):
        read(tmp_path, text)


def test_bytes_that_are_not_utf8_are_an_error_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_bytes(b"a,b\n1,2\n3,\xe9\n")
    with pytest.raises(DataError, match=r"mine\.csv, line 3, is not UTF-8"):
        list(read_rows(tmp_path / "mine.csv"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "large",
    [
        f'"{"x, " * (ROW_SIZE // 3)}\n""quoted"" end"',
        f'"{"x, " * ROW_SIZE}"',
        f'{"x" * ROW_SIZE}y "as it is" z',
        f'{"x" * ROW_SIZE},"one more, than\nthe header"',
        f'"",{"x," * ROW_SIZE}"",""',
    ],
    ids=["quoted", "long quoted", "not quoted", "more cells", "many cells"],
)
def test_a_row_that_is_too_large_is_left_out_and_the_next_row_is_read(tmp_path: Path, large: str) -> None:
    file_rows = read(tmp_path, f"a,b\n1,2\n3,{large}\n4,5\n")
    last = 4 + large.count("\n")
    assert [(row.number, row.values, row.too_large) for row in file_rows] == [
        (2, {"a": "1", "b": "2"}, False),
        (3, None, True),
        (last, {"a": "4", "b": "5"}, False),
    ]
    assert file_rows[1].reason == "larger than 16,777,216 characters, and left out"


@pytest.mark.slow
def test_a_long_row_that_is_not_too_large_is_read_completely(tmp_path: Path) -> None:
    text = "x" * (ROW_SIZE - 100)
    assert rows(tmp_path, f"a,b\n1,{text}\n") == [{"a": "1", "b": text}]
