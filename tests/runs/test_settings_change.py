"""What is different between two settings, said by model and option."""

from __future__ import annotations

from typing import Any

import pytest

from curation.generation import Evolver, Generator, Models, UltraFeedbackJudge, settings_of
from curation.generation.estimates import Estimate, StageEstimate
from curation.runs.settings_change import SettingsChange, differences

COOL, WARM = Generator(model_id="small", name="cool"), Generator(model_id="small", name="warm", temperature=1.0)
JUDGE = UltraFeedbackJudge(model_id="large")


def models(*generators: Generator, **others: Any) -> Models:
    return Models(generators=generators, **others)


BEFORE = models(COOL, WARM, judges=(JUDGE,))


def changed(generator: Generator, **options: Any) -> Generator:
    return generator.model_copy(update=options)


@pytest.mark.parametrize(
    ("now", "phrases"),
    [
        (models(changed(COOL, max_new_tokens=96), WARM, judges=(JUDGE,)), ["cool: max_new_tokens 512 -> 96"]),
        (
            models(changed(COOL, max_new_tokens=96), changed(WARM, max_new_tokens=96), judges=(JUDGE,)),
            ["cool, warm: max_new_tokens 512 -> 96"],
        ),
        (
            models(changed(COOL, temperature=0.1, model_id="other"), WARM, judges=(JUDGE,)),
            ['cool: model_id "small" -> "other"', "cool: temperature 0.7 -> 0.1"],
        ),
        (
            models(changed(COOL, system_prompt="Be brief."), WARM, judges=(JUDGE,)),
            ['cool: system_prompt none -> "Be brief."'],
        ),
        (models(COOL, judges=(JUDGE,)), ["generator warm removed"]),
        (models(COOL, WARM, Generator(model_id="third"), judges=(JUDGE,)), ["generator third added"]),
        (models(COOL, WARM), ["judge large removed"]),
        (
            models(COOL, WARM, judges=(JUDGE, UltraFeedbackJudge(model_id="fair")), evolve=(Evolver(model_id="big"),)),
            ["evolver evolved added", "judge fair added"],
        ),
        (
            models(COOL, WARM, judges=(UltraFeedbackJudge(model_id="fair"),)),
            ["judge large removed", "judge fair added"],
        ),
        (
            models(COOL, WARM, judges=(UltraFeedbackJudge(model_id="large", order="swap"),)),
            ['large: order "shuffled" -> "swap"'],
        ),
        (models(WARM, COOL, judges=(JUDGE,)), ["the order of the models"]),
        (BEFORE, []),
    ],
)
def test_every_change_is_named_with_what_it_was_and_what_it_is(now: Models, phrases: list[str]) -> None:
    assert list(differences(settings_of(BEFORE), settings_of(now))) == phrases


def test_a_long_system_prompt_is_shown_by_its_beginning() -> None:
    now = models(changed(COOL, system_prompt="Answer in one sentence. " * 50), WARM, judges=(JUDGE,))
    [phrase] = differences(settings_of(BEFORE), settings_of(now))
    assert phrase.startswith('cool: system_prompt none -> "Answer in one sentence. Answer')
    assert phrase.endswith("...")
    assert len(phrase) < 90


def test_where_and_how_fast_a_model_answers_is_no_change() -> None:
    moved = changed(COOL, base_url="http://127.0.0.1:1/v1", max_concurrency=1, price_in=1.0)
    assert differences(settings_of(BEFORE), settings_of(models(moved, WARM, judges=(JUDGE,)))) == ()


def change(*phrases: str, prompts: int, measured: bool = True) -> SettingsChange:
    stage = StageEstimate(
        stage="generate cool",
        requests=prompts,
        input_tokens=1000,
        output_tokens=500,
        cost=0.25,
        each=50,
        each_cost=0.01,
        seconds=3.0,
        measured=measured,
    )
    return SettingsChange(differences=phrases, prompts=prompts, estimate=Estimate(rows=prompts, stages=(stage,)))


def test_a_change_is_a_sentence_with_its_cost() -> None:
    assert change("cool: max_new_tokens 512 -> 96", prompts=30).line == (
        "Settings changed (cool: max_new_tokens 512 -> 96): 30 prompts that have answers are asked again, with "
        "30 requests and 1,500 tokens, $0.2500."
    )
    assert change("a", "b", prompts=1, measured=False).line == (
        "Settings changed (a; b): 1 prompt that has answers is asked again, with at most 1 request and 1,500 tokens, "
        "$0.2500."
    )


def test_a_change_from_unknown_settings_has_no_differences() -> None:
    assert change(prompts=2).line.startswith("Settings changed: 2 prompts that have answers are asked again")


def test_a_refusal_says_that_nothing_was_asked() -> None:
    assert change("a", prompts=2).refusal.startswith(
        "Nothing was asked. Settings changed (a): 2 prompts that have answers would be asked again, with "
    )
