"""Documents of every kind give their text; what is none is named with its reason, and nothing else is lost."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pypdf import PdfReader, PdfWriter

from curation import ids
from curation.documents.formats import MOST_BYTES, MOST_CHARACTERS, read_html
from curation.documents.reading import REASONS, Document, Unread, documents_of_rows, fingerprint, read_documents
from curation.errors import DataError, MissingError
from tests.documents.pdf import pdf_bytes

TEXT = "Parcels can be returned within thirty days.\n\nThe refund takes a week."


def read(path: Path, column: str = "text") -> list[Document | Unread]:
    return list(read_documents(path, column=column))


def texts(path: Path, column: str = "text") -> list[str]:
    return [entry.text for entry in read(path, column) if isinstance(entry, Document)]


def reason(path: Path) -> str:
    [entry] = read(path)
    assert isinstance(entry, Unread)
    return entry.reason


def test_a_document_has_the_hash_of_its_text_and_says_where_it_is_from(tmp_path: Path) -> None:
    (tmp_path / "returns.md").write_text(f"\ufeff{TEXT}\r\n", encoding="utf-8", newline="")
    assert read(tmp_path) == [Document(ids.content_hash("document", TEXT), "returns.md", TEXT)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_a_text_file_is_read_in_the_encoding_that_it_has(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_text("Où est la bibliothèque de la ville ?", encoding=encoding)
    assert texts(tmp_path / "a.txt") == ["Où est la bibliothèque de la ville ?"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.parquet"])
def test_each_row_of_a_file_of_rows_is_a_document(tmp_path: Path, name: str) -> None:
    rows = [{"body": f"{TEXT} {word}"} for word in ("one", "two")]
    path = tmp_path / name
    if name == "a.jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    elif name == "a.json":
        path.write_text(json.dumps(rows))
    elif name == "a.parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["body"])
            writer.writeheader()
            writer.writerows(rows)
    entries = read(path, "body")
    assert [entry.source for entry in entries] == [f"{name}#1", f"{name}#2"]
    assert texts(path, "body") == [row["body"] for row in rows]


def test_html_gives_what_a_browser_shows_with_headings_as_markdown(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        "<!doctype html><head><title>Shop</title><style>p { color: red }</style>"
        "<body><script>if (1 < 2) { track() }</script><h2>Returns &amp; refunds</h2>"
        "<p>Parcels can be <b>returned</b>\n   within thirty days.<br>Ask us."
        "<ul><li>no fee<li>no <i>questions</i></ul><table><tr><td>a<td>b</table>"
    )
    assert texts(tmp_path) == [
        "## Returns & refunds\n\nParcels can be returned within thirty days.\nAsk us.\n\n- no fee\n\n- no questions\n\n"
        "a\n\nb"
    ]


def test_a_pdf_gives_its_text_and_says_how_many_pages_have_none(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf_bytes(["Parcels can be returned\nwithin thirty days.", "", "The end of it."]))
    [document] = read(tmp_path)
    assert isinstance(document, Document)
    assert document.text == "Parcels can be returned\nwithin thirty days.\n\nThe end of it."
    assert document.empty_pages == 1


def test_a_pdf_of_scans_is_named_and_counted(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf_bytes(["", ""]))
    [unread] = read(tmp_path)
    assert isinstance(unread, Unread)
    assert (unread.source, unread.reason) == ("a.pdf", "pdf_without_text")
    assert unread.line == "a.pdf is a PDF whose pages are pictures; recognise their text first (OCR)."


def test_a_pdf_that_needs_a_password_or_is_damaged_is_named(tmp_path: Path) -> None:
    plain = tmp_path / "plain.pdf"
    plain.write_bytes(pdf_bytes(["Parcels can be returned within thirty days."]))
    locked = PdfWriter(clone_from=PdfReader(plain))
    locked.encrypt("secret", algorithm="RC4-128")
    with (tmp_path / "locked.pdf").open("wb") as file:
        locked.write(file)
    (tmp_path / "broken.pdf").write_bytes(plain.read_bytes()[:200])
    (tmp_path / "none.pdf").write_bytes(b"no PDF at all")
    assert [reason(tmp_path / f"{name}.pdf") for name in ("locked", "broken", "none")] == [
        "pdf_encrypted",
        "pdf_damaged",
        "pdf_damaged",
    ]


def test_an_empty_folder_is_an_error_that_says_what_belongs_there(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "notes.txt").write_text(TEXT)
    with pytest.raises(DataError, match="holds no files") as error:
        read(tmp_path)
    assert ".pdf" in str(error.value)


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"There is no file or folder .*handbook"):
        fingerprint(tmp_path / "handbook")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0", "binary"),
        (b"\xff\xfe\x00\xd8", "binary"),
        ("Où est la bibliothèque de la ville ?".encode("latin-1"), "not_utf8"),
        (b"", "no_sentence"),
        (b"\n \n", "no_sentence"),
        (b"=== 1234 ---- 5678 | 9 | 10 ===", "no_sentence"),
        (b"Table of contents", "no_sentence"),
        ("退货须知".encode(), "no_sentence"),
    ],
)
def test_a_text_file_that_is_no_document_is_named_and_counted(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    assert reason(tmp_path) == expected


def test_a_script_without_blanks_has_sentences_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("包裹可以在三十天内退回。")
    assert texts(tmp_path) == ["包裹可以在三十天内退回。"]


@pytest.mark.parametrize("suffix", [".txt", ".html"])
def test_a_document_of_two_hundred_megabytes_is_not_even_opened(tmp_path: Path, suffix: str) -> None:
    with (tmp_path / f"a{suffix}").open("wb") as file:
        file.truncate(200_000_000)
    assert MOST_BYTES < 200_000_000
    assert reason(tmp_path) == "too_large"


@pytest.mark.slow
def test_the_longest_document_is_read_and_one_more_character_is_too_large(tmp_path: Path) -> None:
    text = "Parcels can be returned within thirty days. "
    whole = (text * (MOST_CHARACTERS // len(text) + 1))[: MOST_CHARACTERS - 1] + "."
    (tmp_path / "a.txt").write_text(whole)
    assert len(texts(tmp_path)[0]) == MOST_CHARACTERS
    (tmp_path / "a.txt").write_text(f"{whole}x")
    assert reason(tmp_path) == "too_large"


def test_what_a_folder_holds_besides_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "b.md").write_text(TEXT)
    (tmp_path / "a.txt").write_text(f"{TEXT}\n")
    (tmp_path / "c.docx").write_bytes(b"PK")
    (tmp_path / "d.txt.gz").write_bytes(b"\x1f\x8b")
    (tmp_path / "rows.jsonl").write_text('{"text": null}\n{"text": 3}\n{"text": "Nobody knows what it is for."}\n')
    assert [(entry.source, getattr(entry, "reason", "read")) for entry in read(tmp_path)] == [
        ("a.txt", "read"),
        ("c.docx", "unknown_kind"),
        ("d.txt.gz", "unknown_kind"),
        ("deep/er/b.md", "duplicate"),
        ("rows.jsonl#1", "no_sentence"),
        ("rows.jsonl#2", "not_text"),
        ("rows.jsonl#3", "read"),
    ]


def test_every_reason_has_its_words() -> None:
    code = (Path(__file__).parents[2] / "curation" / "documents").glob("*.py")
    used = {
        name
        for file in code
        for name in re.findall(r'(?:NotRead|Unread)\([^"\n]*"([a-z_0-9]+)"', file.read_text(encoding="utf-8"))
    }
    assert used | {"pdf_without_text", "pdf_damaged"} == set(REASONS)


def test_a_column_that_is_not_there_is_an_error_that_names_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("title,body\nx,y\n")
    with pytest.raises(DataError, match=r"a\.csv has no column 'text'; it has 'title', 'body'"):
        read(tmp_path)


def test_rows_of_elsewhere_are_documents_too_and_a_row_that_was_left_out_is_too_large() -> None:
    rows: list[Mapping[str, Any] | str] = [{"text": TEXT}, "row_too_large"]
    entries = list(documents_of_rows(rows, column="text", source="acme/docs"))
    assert [(entry.source, getattr(entry, "reason", "read")) for entry in entries] == [
        ("acme/docs#1", "read"),
        ("acme/docs#2", "too_large"),
    ]


def test_a_fingerprint_follows_from_names_and_content_alone(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder / "handbook").mkdir(parents=True)
        (tmp_path / folder / "handbook" / "a.txt").write_text(TEXT)
    first, second = (fingerprint(tmp_path / folder / "handbook") for folder in ("one", "two"))
    assert first == second
    assert re.fullmatch("handbook@[0-9a-f]{16}", first)
    (tmp_path / "two" / "handbook" / "a.txt").rename(tmp_path / "two" / "handbook" / "b.txt")
    assert fingerprint(tmp_path / "two" / "handbook") != first


@pytest.mark.slow
def test_html_of_a_million_open_marks_is_read_in_one_go(tmp_path: Path) -> None:
    # Python's parser alone would read to the end of the file for each of them, which takes hours.
    prose = "<p>Plants are green because of chlorophyll.</p>"
    for mark in ("<a ", "<a b='", "<!--", "<!--x>", "</", "</a ", "<![CDATA[x>", "<?", "<"):
        (tmp_path / "a.html").write_text(prose + mark * 200_000)
        assert read_html(tmp_path / "a.html").text.startswith("Plants are green because of chlorophyll.")


def test_tags_and_comments_of_html_stay_what_they_are(tmp_path: Path) -> None:
    pictures = f"<img alt='a < b'><img src='data:image/png;base64,{'A' * 5000}'>"
    html = f"<p>One {pictures}two</p><!-- <b>hidden</b> --><![if IE]>three 1 < 2<p>four"
    (tmp_path / "a.html").write_text(html)
    assert read_html(tmp_path / "a.html").text == "One two\n\nthree 1 < 2\n\nfour"
