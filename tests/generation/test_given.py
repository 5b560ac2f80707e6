"""Prompts that came with their answers: the sets hold these answers, and only judges are asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tenacity

from curation.generation import Meter, Models, UltraFeedbackJudge, client, estimate, given_set_id, settings_id, spooled
from curation.local.inference import Fault, Request, ScriptedServer, read_judge_prompt, ultrafeedback_reply
from curation.types import IMPORTED, AnsweredPrompt, Candidate
from tests.rows import made_sets, make_candidate, make_prompt

JUDGE = UltraFeedbackJudge(model_id="judge")


def answered(number: int = 0, *stars: int) -> AnsweredPrompt:
    """Return a prompt with answers that say how good they are; the first is the best by its source."""
    prompt = make_prompt(f"Question {number}: why?")
    answers: list[Candidate] = [
        make_candidate(prompt, f"{count} stars for {number}.", generator=IMPORTED).model_copy(
            update={"imported": 1.0 if not place else 0.0}
        )
        for place, count in enumerate(stars or (2, 5, 3))
    ]
    return AnsweredPrompt(**dict(prompt), answers=tuple(answers))


def rate(request: Request) -> str:
    asked = read_judge_prompt(request.messages)
    assert asked is not None
    return ultrafeedback_reply(request.messages, [int(text[0]) for text in asked.texts])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A judge that gives each answer its stars."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(client, "_backoff", tenacity.wait_none())
    with ScriptedServer(rate) as started:
        monkeypatch.setenv("CURATION_INFERENCE_URL", started.url)
        yield started


def test_without_a_judge_the_answers_are_the_set_and_nothing_is_asked() -> None:
    models, prompts = Models(), [answered(number) for number in range(3)]
    meter = Meter(min_candidates=2)
    sets = made_sets(models, prompts, meter=meter)
    for made, prompt in zip(sets, prompts, strict=True):
        assert made.prompt == prompt.alone
        assert type(made.prompt) is not AnsweredPrompt
        assert made.candidates == prompt.answers
        assert made.id == given_set_id(prompt, settings_id(models))
        assert (made.usage, made.failures, made.judgements) == ((), (), ())
    progress = meter.progress()
    assert (progress.prompts, progress.done, progress.failed, progress.tokens, progress.cost) == (3, 3, 0, 0, 0)


@pytest.mark.parametrize("judges", [(JUDGE,), (JUDGE, UltraFeedbackJudge(model_id="judge", name="other"))])
def test_a_judge_rates_the_answers_as_they_are(server: ScriptedServer, judges: tuple[UltraFeedbackJudge, ...]) -> None:
    models, prompts = Models(judges=judges), [answered(number) for number in range(3)]
    for made, prompt in zip(made_sets(models, prompts), prompts, strict=True):
        assert [candidate.rating for candidate in made.candidates] == [2, 5, 3]
        plain = [candidate.model_copy(update={"rating": None, "rationale": None}) for candidate in made.candidates]
        assert tuple(plain) == prompt.answers
        assert all(candidate.rationale for candidate in made.candidates)
        assert made.id == given_set_id(prompt, settings_id(models))
        assert [judgement.judge for judgement in made.judgements] == [judge.name for judge in judges]
        assert {usage.stage for usage in made.usage} == {"judge"}
    assert sum(bool(exchange.request.messages) for exchange in server.requests) == 3 * len(judges)


def test_a_judge_is_not_asked_about_a_single_answer(server: ScriptedServer) -> None:
    [made] = made_sets(Models(judges=(JUDGE,)), [answered(0, 4)])
    assert [candidate.rating for candidate in made.candidates] == [None]
    assert not any(exchange.request.messages for exchange in server.requests)


def test_a_judge_that_fails_takes_no_answer_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_backoff", tenacity.wait_none())
    with ScriptedServer(rate, faults=[Fault(kind="status", status=400, model="judge", match="Question 0")]) as started:
        monkeypatch.setenv("CURATION_INFERENCE_URL", started.url)
        judge = UltraFeedbackJudge(model_id="judge", max_attempts=1)
        sets = made_sets(Models(judges=(judge,)), [answered(0), answered(1)])
    assert [len(made.candidates) for made in sets] == [3, 3]
    assert [bool(made.failures) for made in sets] == [True, False]


def test_the_estimate_counts_the_judge_alone_with_the_answers_it_reads(tmp_path: Path) -> None:
    models = Models(judges=(JUDGE.model_copy(update={"price_in": 1.0, "price_out": 1.0}),))
    with spooled([answered(0), answered(1)]) as spool:
        assert list(spool.read()) == [answered(0), answered(1)]
        nothing = estimate(spool, Models(), cache=None)
        judged = estimate(spool, models, cache=None)
    assert nothing.line == "2 prompts with answers: no model is asked."
    assert (nothing.rows, nothing.requests, nothing.cost) == (2, 0, 0)
    # 16 bytes of a question and 3 x 14 of answers are 14.5 tokens; the template has 450, a reply 1,024 at most.
    assert judged.requests == 2
    assert judged.stages[0].input_tokens == 2 * (14.5 + 450)
    assert judged.stages[0].output_tokens == 2 * 1024
