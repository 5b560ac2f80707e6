"""What all prompts would use, from the few that were asked."""

from __future__ import annotations

import pytest

from curation.stages.preview import PreviewReport, extrapolation
from curation.types import CandidateSet, Usage
from tests.rows import make_prompt, make_set


def asked(text: str, *costs: float | None, tokens: int = 100) -> CandidateSet:
    """Return a set with a request for each cost; each read and wrote so many tokens together."""
    usage = tuple(
        Usage(
            request=f"{text} {number}",
            stage="generate",
            generator="g0",
            input_tokens=tokens - 30,
            output_tokens=30,
            cost=cost,
        )
        for number, cost in enumerate(costs)
    )
    return make_set(make_prompt(text)).model_copy(update={"usage": usage})


def test_all_prompts_are_assumed_to_use_as_much_as_those_of_the_preview() -> None:
    sets = [asked("one", 0.01, 0.02, 0.03), asked("two", 0.02, 0.02, 0.04, 0.06, tokens=200)]
    found = extrapolation(sets, prompts=50, seconds=90.0, taken=10.0)
    assert found is not None
    assert (found.prompts, found.requests, found.tokens) == (50, 25 * 7, 25 * (3 * 100 + 4 * 200))
    assert found.cost == pytest.approx(25 * 0.20)


def test_the_cost_is_unknown_if_that_of_one_request_is() -> None:
    found = extrapolation([asked("one", 0.01, None)], prompts=50, seconds=1.0, taken=1.0)
    assert found is not None
    assert found.cost is None
    assert extrapolation([], prompts=50, seconds=1.0, taken=1.0) is None


def test_the_report_says_what_all_would_use_and_how_many_answers_were_cut() -> None:
    sets = (asked("one", 0.01), asked("two", 0.01))
    report = PreviewReport(
        source="prompts.jsonl@1",
        sets=sets,
        kept=True,
        tokens=200,
        cost=0.02,
        answers=4,
        cut=3,
        whole=extrapolation(sets, prompts=50, seconds=90.0, taken=10.0),
    )
    _, cut, whole = report.lines
    assert cut.startswith("3 of 4 answers cut off at max_new_tokens: raise it")
    assert whole == "At this rate all 50 prompts need 50 requests and 5,000 tokens, $0.5000, 2 min to 4 min."
