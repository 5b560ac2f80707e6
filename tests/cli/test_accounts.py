"""The password of a new account is printed exactly once, whatever happens after the account was created."""

from __future__ import annotations

import json

import pytest

from curation.cli.accounts import accounts_shown
from curation.cli.output import Format, Output
from curation.errors import TemporaryError
from curation.review.accounts import NewAccount

ANN = NewAccount(username="ann", password="s3cret-words")


@pytest.mark.parametrize("format", list(Format))
def test_if_an_error_follows_the_passwords_are_printed_as_data(
    format: Format, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        with accounts_shown(Output(format)) as tell:
            tell(ANN)
            raise TemporaryError("Argilla fell asleep.")

    with pytest.raises(TemporaryError):
        fail()
    shown = capsys.readouterr()
    assert shown.err == ""
    if format is Format.json:
        assert json.loads(shown.out) == {"accounts": [{"username": "ann", "password": "s3cret-words"}]}
    else:
        assert shown.out == "New account ann, password s3cret-words\n"


@pytest.mark.parametrize(
    ("format", "printed"),
    [(Format.human, ""), (Format.json, ""), (Format.quiet, "New account ann, password s3cret-words\n")],
)
def test_without_an_error_the_report_has_them_unless_there_is_none(
    format: Format, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with accounts_shown(Output(format)) as tell:
        tell(ANN)
    assert capsys.readouterr().out == printed


def test_a_password_is_in_no_repr() -> None:
    assert "s3cret-words" not in repr(ANN)
