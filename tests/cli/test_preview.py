"""A preview on the terminal: prompts with their answers side by side, what the judge said, and what failed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from curation.cli.output import WIDTH_WITHOUT_TERMINAL, Format, Output
from curation.cli.preview import preview_panels
from curation.types import CandidateSet, Failure, Message, Prompt
from tests.rows import make_prompt, make_set

Shown = Callable[..., str]


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Shown:
    """Shows sets and returns what was printed."""

    def show(*sets: CandidateSet) -> str:
        Output(Format.human).show(*preview_panels(sets))
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return show


def with_texts(*texts: str, rationale: str | None = None, failures: tuple[Failure, ...] = ()) -> CandidateSet:
    """Return a set with these answers; the first has a rating, and this rationale."""
    made = make_set(ratings=[4.5, *[None] * (len(texts) - 1)])
    candidates = [
        candidate.model_copy(update={"text": text, "rationale": None if number else rationale})
        for number, (candidate, text) in enumerate(zip(made.candidates, texts, strict=True))
    ]
    return made.model_copy(update={"candidates": tuple(candidates), "failures": failures})


def test_the_answers_to_a_prompt_are_side_by_side(shown: Shown) -> None:
    lines = shown(with_texts("It scatters.", "It is paint.")).splitlines()
    [line] = [line for line in lines if "It scatters." in line]
    assert line.index("It scatters.") < line.index("It is paint.")
    assert all(len(line) <= WIDTH_WITHOUT_TERMINAL for line in lines)


def test_every_answer_has_its_generator_and_rating(shown: Shown) -> None:
    text = shown(make_set(ratings=[4.5, 10 / 3, None, 5]))
    [line] = [line for line in text.splitlines() if "g0" in line]
    titles = ["g0: 4.5 of 5", "g1: 3.33 of 5", "g2: not rated", "g3: 5 of 5"]
    assert [title in line for title in titles] == [True] * 4


def test_a_rationale_is_below_its_answer(shown: Shown) -> None:
    lines = shown(with_texts("It scatters.", "It is paint.", rationale="Right and short.")).splitlines()
    [answer] = [number for number, line in enumerate(lines) if "It scatters." in line]
    [reason] = [number for number, line in enumerate(lines) if "Right and short." in line]
    assert reason > answer
    assert lines[reason].index("Right and short.") == lines[answer].index("It scatters.")


def test_failures_are_shown_with_their_reasons(shown: Shown) -> None:
    failures = (
        Failure(stage="generate", generator="warm", reason="http_500", attempts=10),
        Failure(stage="rating", generator="cool", reason="rating_is_not_a_number", attempts=2),
    )
    text = shown(with_texts("It scatters.", failures=failures))
    assert "generate warm: http_500 after 10 attempts" in text
    assert "rating cool: rating_is_not_a_number after 2 attempts" in text


def test_a_prompt_without_answers_is_shown_with_its_failures(shown: Shown) -> None:
    failure = Failure(stage="generate", generator="warm", reason="timeout", attempts=3)
    text = shown(make_set(ratings=[]).model_copy(update={"failures": (failure,)}))
    assert "user: Why is the sky blue?" in text
    assert "generate warm: timeout after 3 attempts" in text


def test_every_message_of_a_conversation_is_shown(shown: Shown) -> None:
    messages = (Message(role="system", content="Be kind."), Message(role="user", content="Why?"))
    text = shown(make_set(Prompt(id="p", messages=messages, source="s")))
    assert "system: Be kind." in text
    assert "user: Why?" in text


def test_the_sets_are_numbered_in_their_order(shown: Shown) -> None:
    text = shown(*(make_set(make_prompt(f"Question {number}")) for number in range(3)))
    found = [text.index(part) for number in range(3) for part in (f" {number + 1} of 3 ", f"Question {number}")]
    assert found == sorted(found)


def test_without_sets_nothing_is_shown(shown: Shown) -> None:
    assert shown() == ""


@pytest.mark.parametrize("odd", ["[red]x[/red]", "[/nothing]", "[link=https://x.example]y[/link]", "\\[x]", ":smile:"])
def test_markup_in_an_answer_is_shown_as_text(shown: Shown, odd: str) -> None:
    failure = Failure(stage="generate", generator=odd, reason=odd, attempts=2)
    found = with_texts(f"answer {odd}", "other", rationale=f"rationale {odd}", failures=(failure,))
    candidate = found.candidates[0].model_copy(update={"generator": f"author {odd}"})
    prompt = make_prompt(f"prompt {odd}")
    text = shown(found.model_copy(update={"candidates": (candidate, found.candidates[1]), "prompt": prompt}))
    for part in (
        f"prompt {odd}",
        f"answer {odd}",
        f"rationale {odd}",
        f"author {odd}: 4.5 of 5",
        f"generate {odd}: {odd} ",
    ):
        assert part in text


def test_an_answer_that_was_cut_off_is_marked(shown: Shown) -> None:
    made = with_texts("It scat", "It is paint.")
    cut = made.candidates[0].model_copy(update={"finish_reason": "length"})
    text = shown(made.model_copy(update={"candidates": (cut, made.candidates[1])}))
    assert "g0: 4.5 of 5, cut off" in text
    assert "g1: not rated, cut off" not in text
    assert text.count("[cut off here, at max_new_tokens]") == 1


def test_a_long_answer_is_shown_to_its_end(shown: Shown) -> None:
    words = [f"word{number}" for number in range(500)]
    text = shown(with_texts(" ".join(words), "So."))
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize("odd", ["مرحبا بالعالم", "日本語の文", "👩\u200d👧 e\u0301", "tab\tand\r\nline"])
def test_any_script_is_shown(shown: Shown, odd: str) -> None:
    text = shown(with_texts(odd, "So."))
    assert all(word in text for word in odd.split())


@pytest.mark.parametrize("odd", ["\x1b[2J\x1b[1;1H", "\x1b]0;title\x07", "\x9b31m", "\u202e"])
def test_an_answer_cannot_control_the_terminal(shown: Shown, odd: str) -> None:
    text = shown(with_texts(f"a{odd}b", "So.", rationale=f"c{odd}d").model_copy(update={"prompt": make_prompt(odd)}))
    assert not set(text) & set(odd) & {"\x1b", "\x07", "\x9b", "\u202e"}
