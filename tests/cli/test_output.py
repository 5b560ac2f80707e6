"""What a command says, as it looks on a terminal: broken between words, and in colour what is well and what is not."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout

import pytest

from curation.cli.output import Format, Output, coloured, wrapped
from curation.errors import ConfigError
from curation.stages.check import CheckReport, Finding

SENTENCE = "3 prompts of prompts.jsonl: 3 new candidate sets, 0 there already, 0 failed, 0 dropped. Store: acme/s."


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal of 40 columns."""
    stream = Terminal()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return stream


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_sentence_is_broken_between_words(width: int) -> None:
    parts = wrapped(SENTENCE, width)
    assert " ".join(part.strip() for part in parts) == SENTENCE
    assert max(map(len, parts)) <= width
    assert all(part.startswith("  ") for part in parts[1:])


def test_short_lines_and_long_words_are_not_broken() -> None:
    address = f"https://{'a' * 100}.example"
    assert wrapped("Short.", 40) == ["Short."]
    assert wrapped(f"Review: {address}", 40) == ["Review:", f"  {address}"]


@pytest.mark.parametrize(
    "line",
    [
        "  generate  a-model-with-a-long-name  rate_limited      2         20",
        "Next: curation generate /home/somebody/with/a/long/folder/curation.toml",
        "  curation sync /home/somebody/curation.toml && curation publish /home/somebody/curation.toml",
    ],
)
def test_a_row_of_a_table_and_a_command_to_copy_stay_whole(line: str) -> None:
    assert wrapped(line, 40) == [line]


def test_a_broken_line_with_a_mark_is_indented_below_its_text() -> None:
    assert wrapped("FAIL  token: HF_TOKEN is not set. Set it to a write token.", 40) == [
        "FAIL  token: HF_TOKEN is not set. Set it",
        "      to a write token.",
    ]


def test_only_the_mark_of_a_line_is_coloured() -> None:
    assert coloured("ok    token: may write") == "\x1b[32mok    \x1b[0mtoken: may write"
    assert coloured("FAIL  token: none") == "\x1b[31mFAIL  \x1b[0mtoken: none"
    assert coloured("All is ok    here") == "All is ok    here"


REPORT = CheckReport(
    findings=(
        Finding(subject="token", ok=True, message="may write"),
        Finding(subject="argilla", ok=False, message="No server answers at the address of ARGILLA_API_URL."),
    )
)


def test_a_terminal_gets_colours_and_lines_that_fit(terminal: Terminal) -> None:
    with redirect_stdout(terminal), redirect_stderr(terminal):
        Output(Format.human).report(REPORT, hint=None)
    assert terminal.getvalue().splitlines() == [
        "\x1b[32mok    \x1b[0mtoken: may write",
        "\x1b[31mFAIL  \x1b[0margilla: No server answers at the",
        "      address of ARGILLA_API_URL.",
    ]


def test_an_error_is_broken_between_words_too(terminal: Terminal) -> None:
    with redirect_stdout(terminal), redirect_stderr(terminal):
        Output(Format.human).error(
            ConfigError("There is no config file.", remedy="Name one that is there, or copy one.")
        )
    assert terminal.getvalue().splitlines() == [
        "\x1b[31mError:\x1b[0m There is no config file. Name one",
        "  that is there, or copy one.",
    ]


def test_there_are_no_colours_if_no_color_is_set(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with redirect_stdout(terminal), redirect_stderr(terminal):
        Output(Format.human).report(REPORT, hint=None)
    assert "\x1b" not in terminal.getvalue()


def test_a_file_gets_the_lines_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    Output(Format.human).report(REPORT, hint=None)
    assert capsys.readouterr().out.splitlines() == list(REPORT.lines)


def test_facts_are_json_for_programs_lines_for_people_and_nothing_if_quiet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for format in Format:
        Output(format).facts('{"replies": 3}', ["3 replies", "  small: 3 replies"])
    assert capsys.readouterr() == ('3 replies\n  small: 3 replies\n{"replies": 3}\n', "")


def test_an_event_is_json_for_programs_and_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    for format in Format:
        Output(format).event("estimate", {"tokens": 3, "model": "größer"}, lines=["Estimate:\x1b", "3 tokens"])
    assert capsys.readouterr() == (
        "",
        'Estimate:\\x1b\n3 tokens\n{"event": "estimate", "tokens": 3, "model": "größer"}\n',
    )
