"""Names of reviewers are checked before accounts are made of them, and all faults are said at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.errors import DataError, MissingError
from curation.review.usernames import names_from, tidy, username_faults

JORG_IN_PARTS = "Jo\u0308rg"
"""Jörg as some keyboards write it: an o, and two dots as a character of their own."""


def test_names_with_spaces_umlauts_and_other_scripts_are_names() -> None:
    assert username_faults(["Jörg Groß", "Nadia O'Neil-Świątek", "田中", "مريم", "ann", "a@b.org"], ["ann"]) == []


def test_a_name_is_without_blanks_around_it_and_written_in_one_way() -> None:
    assert tidy(f"  {JORG_IN_PARTS}\n") == "Jörg"


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "A name is empty."),
        ("\u200b", "A name is empty."),
        ("nul\0", "cannot be stored"),
        ("lone \ud800", "cannot be stored"),
        ("a\u00a0b", "nobody sees (U+00A0)"),
        ("right\u202eleft", "nobody sees (U+202E)"),
        ("tab\tbed", "nobody sees (U+0009)"),
        ("x" * 101, "has 101 characters"),
        ("simulated-ann", "published as a program's"),
    ],
)
def test_a_name_that_cannot_be_a_reviewers_is_a_fault(name: str, fault: str) -> None:
    [said] = username_faults([name], [])
    assert fault in said


def test_names_that_people_would_mix_up_are_faults() -> None:
    [account, twice] = username_faults(["Ann", "bob", "BOB"], ["ann"])
    assert "'Ann' and the account 'ann' differ only" in account
    assert "'bob' and 'BOB' differ only" in twice
    assert username_faults(["strasse"], ["Straße"]) != []
    # An account that was made elsewhere, with its dots as characters of their own.
    [parts] = username_faults(["Jörg"], [JORG_IN_PARTS])
    assert "the account" in parts


def test_all_faults_of_all_names_are_said() -> None:
    assert len(username_faults(["", "simulated-a", "ok", "x" * 200], [])) == 3


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("names.csv", "Username;Mail\nJörg Groß;j@x.org\nnadia;n@x.org\n"),
        ("names.csv", '\ufeffid,username\n1,"Jörg Groß"\n2,nadia\n'),
        ("names.tsv", "username\tid\nJörg Groß\t1\nnadia\t2\n"),
        ("names.txt", "Jörg Groß\n\nnadia\n"),
    ],
)
def test_names_are_read_from_a_file(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert names_from(tmp_path / file) == ["Jörg Groß", "nadia"]


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("names.csv", "nadia\ntomas\n", "line 2: the file has no column 'username'"),
        ("names.txt", "\n\n", "has no names"),
        ("names.csv", "username\n", "has no names"),
        ("names.docx", "nadia", "is no .csv, .tsv or .txt file"),
    ],
)
def test_a_file_without_names_is_refused(tmp_path: Path, file: str, text: str, fault: str) -> None:
    (tmp_path / file).write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as refused:
        names_from(tmp_path / file)
    assert fault in str(refused.value)


def test_a_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="There is no file"):
        names_from(tmp_path / "none.csv")
