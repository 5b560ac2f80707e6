"""What a run will use, before it is paid for: requests, tokens, cost and time, from prompts and earlier replies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.generation import Evolver, Generator, Models, UltraFeedbackJudge, estimate, rehearsal, spooled
from curation.generation.cache import NEWEST, RequestCache
from curation.generation.estimates import (
    TEMPLATE_TOKENS,
    TOKENS_PER_SECOND,
    Estimate,
    Experience,
    estimate_run,
    most_per_request,
)
from curation.local.inference import Reply, Request, ScriptedServer, read_judge_prompt, ultrafeedback_reply
from curation.types import Prompt
from tests.rows import made_sets, make_prompt

GENERATORS = (Generator(model_id="one", max_new_tokens=100), Generator(model_id="two", max_new_tokens=300))
PRICED = {"price_in": 1.0, "price_out": 10.0}


def judge(**options: Any) -> UltraFeedbackJudge:
    return UltraFeedbackJudge(model_id="judge", max_new_tokens=200, **options)


def estimated(models: Models, *, prompts: int = 10, **known: Experience) -> Estimate:
    """Return the estimate for prompts of 40 bytes (10 tokens) each."""
    return estimate_run(models, prompts=prompts, prompt_bytes=40 * prompts, experience=known)


def tokens(found: Estimate) -> dict[str, tuple[int, int]]:
    return {stage.stage: (stage.input_tokens, stage.output_tokens) for stage in found.stages}


@pytest.mark.parametrize(
    ("options", "times"),
    [
        ({}, 1),
        ({"order": "swap"}, 2),
        ({"aspects": ("honesty", "helpfulness", "truthfulness")}, 3),
        ({"aspects": ("honesty", "helpfulness", "truthfulness"), "order": "swap"}, 6),
    ],
)
def test_every_aspect_and_order_is_a_request_to_the_judge(options: dict[str, Any], times: int) -> None:
    models = Models(
        generators=GENERATORS, evolve=(Evolver(model_id="large"),), judges=(judge(**options), judge(name="b"))
    )
    found = estimated(models)
    assert {stage.stage: stage.requests for stage in found.stages} == {
        "generate one": 10,
        "generate two": 10,
        "evolve evolved": 10,
        "judge judge": 10 * times,
        "judge b": 10,
    }
    assert (found.rows, found.requests) == (10, 40 + 10 * times)


def test_a_generator_reads_the_prompt_and_writes_at_most_its_limit() -> None:
    found = estimated(Models(generators=GENERATORS))
    assert tokens(found) == {"generate one": (100, 1000), "generate two": (100, 3000)}
    assert found.tokens == 4200


def test_a_system_prompt_is_read_with_every_prompt() -> None:
    models = Models(generators=(Generator(model_id="one", max_new_tokens=1, system_prompt="Be brief, my dear."),))
    assert tokens(estimated(models, prompts=100)) == {"generate one": (round(100 * (10 + 18 / 4)), 100)}


def test_a_template_is_read_with_every_prompt_as_often_as_it_names_the_prompt() -> None:
    template = "{prompt}\nAgain: {prompt}"
    models = Models(generators=(Generator(model_id="one", max_new_tokens=1, template=template),))
    assert tokens(estimated(models, prompts=100)) == {"generate one": (round(100 * (2 * 10 + len(template) / 4)), 100)}
    [plain] = most_per_request((Generator(model_id="one", max_new_tokens=1),), longest_prompt=40)
    [most] = most_per_request(models.generators, longest_prompt=40)
    assert most[1] - plain[1] == 40 + len(template)


def test_evolvers_read_answers_of_generators_and_judges_read_all() -> None:
    evolvers = tuple(Evolver(model_id="large", max_new_tokens=500, name=name) for name in ("deep", "long"))
    found = tokens(estimated(Models(generators=GENERATORS, evolve=evolvers, judges=(judge(),))))
    rewriting = (10 * (10 + (100 + 300) / 2 + TEMPLATE_TOKENS["evolve"]), 5000)
    assert found["evolve deep"] == found["evolve long"] == rewriting
    assert found["judge judge"] == (10 * (10 + 100 + 300 + 500 + 500 + TEMPLATE_TOKENS["judge"]), 2000)


def test_the_evolver_reads_one_answer_and_the_judge_all_of_them() -> None:
    evolver = Evolver(model_id="large", max_new_tokens=500)
    models = Models(generators=GENERATORS, evolve=(evolver,), judges=(judge(), judge(name="b", order="swap")))
    found = tokens(estimated(models))
    assert found["evolve evolved"] == (10 * (10 + (100 + 300) / 2 + TEMPLATE_TOKENS["evolve"]), 5000)
    read = 10 + 100 + 300 + 500 + TEMPLATE_TOKENS["judge"]
    assert found["judge judge"] == (10 * read, 2000)
    assert found["judge b"] == (20 * read, 4000)


def test_without_prompts_nothing_is_used() -> None:
    found = estimate_run(Models(generators=GENERATORS), prompts=0, prompt_bytes=0, experience={})
    assert (found.rows, found.requests, found.tokens, found.cost, found.seconds) == (0, 0, 0, 0.0, 0.0)


def test_the_cost_is_that_of_the_tokens_in_and_out() -> None:
    priced = [generator.model_copy(update=PRICED) for generator in GENERATORS]
    found = estimated(Models(generators=tuple(priced)))
    assert [stage.cost for stage in found.stages] == [pytest.approx(0.0101), pytest.approx(0.0301)]
    assert found.cost == pytest.approx(0.0402)


@pytest.mark.parametrize("missing", ["price_in", "price_out"])
def test_a_cost_without_a_price_is_unknown_and_never_zero(missing: str) -> None:
    known = GENERATORS[0].model_copy(update=PRICED)
    other = GENERATORS[1].model_copy(update={**PRICED, missing: None})
    found = estimated(Models(generators=(known, other)))
    assert [stage.cost is None for stage in found.stages] == [False, True]
    assert found.cost is None


def test_a_model_that_is_free_costs_nothing() -> None:
    free = [generator.model_copy(update={"price_in": 0.0, "price_out": 0.0}) for generator in GENERATORS]
    assert estimated(Models(generators=tuple(free))).cost == 0.0


def test_earlier_replies_say_how_long_the_next_ones_will_be() -> None:
    models = Models(generators=GENERATORS, judges=(judge(),))
    found = estimated(models, one=Experience(20.4, 2.0), judge=Experience(50.0, 4.0))
    assert tokens(found) == {
        "generate one": (100, 204),
        "generate two": (100, 3000),
        "judge judge": (round(10 * (10 + 20.4 + 300 + TEMPLATE_TOKENS["judge"])), 500),
    }
    assert [stage.measured for stage in found.stages] == [True, False, True]
    assert not found.measured
    assert estimated(Models(generators=GENERATORS[:1]), one=Experience(20.4, 2.0)).measured


def test_no_reply_is_longer_than_its_limit_whatever_earlier_ones_were() -> None:
    found = estimated(Models(generators=GENERATORS), one=Experience(5000.0, 2.0), two=Experience(300.5, 2.0))
    assert tokens(found) == {"generate one": (100, 1000), "generate two": (100, 3000)}


def test_seconds_alone_make_no_stage_measured() -> None:
    found = estimated(Models(generators=GENERATORS[:1]), one=Experience(None, 2.0))
    assert tokens(found) == {"generate one": (100, 1000)}
    assert not found.measured


def test_a_run_takes_as_long_as_its_slowest_stage() -> None:
    generators = (
        Generator(model_id="one", max_new_tokens=100, max_concurrency=5),
        Generator(model_id="two", max_new_tokens=300, max_concurrency=10),
    )
    found = estimated(Models(generators=generators), prompts=1000)
    assert [stage.seconds for stage in found.stages] == [
        pytest.approx(1000 * 100 / TOKENS_PER_SECOND / 5),
        pytest.approx(1000 * 300 / TOKENS_PER_SECOND / 10),
    ]
    assert found.seconds == found.stages[1].seconds
    measured = estimated(Models(generators=generators), prompts=1000, one=Experience(20.0, 30.0))
    assert measured.seconds == measured.stages[0].seconds == pytest.approx(1000 * 30 / 5)


def answer(request: Request) -> Reply:
    if read_judge_prompt(request.messages) is not None:
        return Reply(text=ultrafeedback_reply(request.messages), prompt_tokens=300, completion_tokens=40)
    return Reply(text="So.", prompt_tokens=9, completion_tokens=7)


def served(server: ScriptedServer, **options: Any) -> Models:
    place = {"base_url": server.url}
    return Models(
        generators=(
            Generator(model_id="one", **place),
            Generator(model_id="two", **place, **options),
        ),
        judges=(UltraFeedbackJudge(model_id="judge", **place, **PRICED),),
    )


PROMPTS = [make_prompt(f"Question {number}: why is it so?") for number in range(6)]
NEW = [make_prompt(f"Question {number}: how so?") for number in range(2)]


def test_an_estimate_is_an_upper_bound_until_the_models_were_asked(tmp_path: Path) -> None:
    cache = tmp_path / "requests.sqlite"
    with ScriptedServer(answer) as server, spooled(PROMPTS) as spool, spooled(NEW) as new:
        before = estimate(spool, served(server), cache=cache)
        made_sets(served(server), PROMPTS, cache=cache)
        after = estimate(new, served(server), cache=cache)
        unknown = estimate(spool, served(server), cache=None)
    assert spool.prompts == 6
    assert spool.bytes == sum(len(prompt.messages[0].content) for prompt in PROMPTS)
    assert before == unknown
    assert (before.requests, before.cached, before.measured) == (18, 0, False)
    assert [stage.output_tokens for stage in before.stages] == [6 * 512, 6 * 512, 6 * 1024]
    assert (after.requests, after.cached, after.measured) == (6, 0, True)
    assert [stage.output_tokens for stage in after.stages] == [2 * 7, 2 * 7, 2 * 40]


def planned(models: Models, prompts: list[Prompt], cache: Path) -> tuple[Estimate, dict[str, tuple[int, int]]]:
    """Return the estimate, and of each stage the requests that are sent and those from the cache."""
    with spooled(prompts) as spool:
        found = estimate(spool, models, cache=cache)
    return found, {stage.stage: (stage.requests, stage.cached) for stage in found.stages}


@pytest.mark.slow
def test_what_is_in_the_cache_is_no_part_of_an_estimate_and_nothing_is_sent_to_know_it(tmp_path: Path) -> None:
    cache = tmp_path / "requests.sqlite"
    with ScriptedServer(answer) as server:
        made_sets(served(server), PROMPTS, cache=cache)
        asked = len(server.requests)
        found, stages = planned(served(server), PROMPTS + NEW, cache)
        whole, _ = planned(served(server), PROMPTS, cache)
        # Another temperature: its answers are asked again, and the judge is shown these.
        _, changed = planned(served(server, temperature=0.1), PROMPTS, cache)
        # Another address is another model.
        with ScriptedServer(answer) as other:
            _, moved = planned(served(other), PROMPTS, cache)
        assert len(server.requests) == asked
    assert stages == {"generate one": (2, 6), "generate two": (2, 6), "judge judge": (2, 6)}
    assert (found.requests, found.cached, found.rows) == (6, 18, 8)
    assert found.stages[2].output_tokens == 2 * 40
    assert found.stages[2].cost == pytest.approx((found.stages[2].input_tokens + 10 * 80) / 1e6)
    assert (whole.requests, whole.cached, whole.tokens, whole.cost, whole.seconds) == (0, 18, 0, 0.0, 0.0)
    assert changed == {"generate one": (0, 6), "generate two": (6, 0), "judge judge": (6, 0)}
    assert moved == {"generate one": (6, 0), "generate two": (6, 0), "judge judge": (6, 0)}


def test_of_many_prompts_some_evenly_spread_ones_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "REHEARSED", 3)
    cache = tmp_path / "requests.sqlite"
    with ScriptedServer(answer) as server:
        # The first, third and fifth stand for all six, and two of these were asked before.
        made_sets(served(server), [PROMPTS[0], PROMPTS[4], PROMPTS[5]], cache=cache)
        _, stages = planned(served(server), PROMPTS, cache)
    assert stages == {"generate one": (2, 4), "generate two": (2, 4), "judge judge": (2, 4)}


def test_to_look_into_the_cache_wakes_no_endpoint_and_needs_no_key(tmp_path: Path) -> None:
    cache = kept(tmp_path / "requests.sqlite", "one", (10, 1.0))
    sleeping = Generator(model_id="one", endpoint_name="acme/asleep")
    keyless = Generator(model_id="two", base_url="http://127.0.0.1:9/v1", api_key_env="A_KEY_THAT_IS_NOT_SET")
    found, _ = planned(Models(generators=(sleeping, keyless)), PROMPTS, cache)
    assert (found.requests, found.cached) == (12, 0)


def kept(path: Path, model: str, *replies: tuple[int | None, float | None]) -> Path:
    """Put replies with these tokens and seconds into the cache at `path`."""
    with RequestCache(path) as cache:
        for number, (output_tokens, seconds) in enumerate(replies):
            reply = {"generation": "So.", "output_tokens": output_tokens, "seconds": seconds}
            cache.put(f"{model} {number}", reply, model=model)
    return path


def experience(path: Path, model: str) -> Experience:
    with RequestCache(path) as cache:
        return cache.experience(model)


def test_experience_is_the_mean_of_what_a_model_replied(tmp_path: Path) -> None:
    path = kept(tmp_path / "requests.sqlite", "one", (10, 1.0), (20, 2.0), (60, 6.0))
    kept(path, "two", (1000, 100.0))
    assert experience(path, "one") == Experience(30.0, 3.0)


def test_there_is_no_experience_with_a_model_that_never_replied(tmp_path: Path) -> None:
    path = kept(tmp_path / "requests.sqlite", "one", (10, 1.0))
    assert experience(path, "two") == Experience(None, None)


def test_replies_that_do_not_say_their_tokens_are_no_experience_of_tokens(tmp_path: Path) -> None:
    path = kept(tmp_path / "requests.sqlite", "one", (None, 1.0), (20, 3.0), (None, 5.0))
    kept(path, "silent", (None, 4.0))
    assert experience(path, "one") == Experience(20.0, 3.0)
    assert experience(path, "silent") == Experience(None, 4.0)


def test_only_the_newest_replies_count_as_experience(tmp_path: Path) -> None:
    path = kept(tmp_path / "requests.sqlite", "one", *[(1000, 100.0)] * 5, *[(10, 1.0)] * NEWEST)
    assert experience(path, "one") == Experience(10.0, 1.0)
