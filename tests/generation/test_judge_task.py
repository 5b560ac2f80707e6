"""How answers are judged: in which order and how often they are shown, what a reply is worth, what is asked again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import tenacity

from curation.generation import Generator, Models, UltraFeedbackJudge, client, disagrees_with_itself
from curation.generation.ratings import complaint, parse_ratings
from curation.local.inference import (
    Fault,
    JudgePrompt,
    Request,
    ScriptedServer,
    read_judge_prompt,
    ultrafeedback_reply,
)
from curation.types import CandidateSet, Failure
from tests.rows import failures_of, made_sets, make_prompt

WORTH = {"one": 5, "two": 3, "three": 1}
TITLES = {
    "honesty": "# Honesty and Uncertainty Expression Assessment",
    "helpfulness": "# Informativeness / Helpfulness Assessment",
    "overall-rating": "# General Text Quality Assessment",
}

Judge = Callable[[Request, tuple[str, ...]], str]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_backoff", tenacity.wait_none())


def question(request: Request) -> JudgePrompt | None:
    """Return what a judge is asked, for the first time or again; None for a request that is none to a judge."""
    return read_judge_prompt(request.messages[:2])


def texts_of(request: Request) -> tuple[str, ...]:
    """Return the answers that a judge is shown, in their order."""
    shown = question(request)
    assert shown is not None
    return shown.texts


def authors(request: Request) -> tuple[str, ...]:
    """Return who wrote the answers that a judge is shown, in their order."""
    return tuple(text.partition(":")[0] for text in texts_of(request))


def rate(request: Request, *ratings: int) -> str:
    """Return a well-formed reply to a judge's prompt, asked for the first time or again."""
    return ultrafeedback_reply(request.messages[:2], ratings)


def by_worth(request: Request, shown: tuple[str, ...]) -> str:
    return rate(request, *(WORTH[author] for author in shown))


def first_is_best(request: Request, shown: tuple[str, ...]) -> str:
    return rate(request, *range(5, 5 - len(shown), -1))


def judged_by(judge: Judge = by_worth, *faults: Fault) -> ScriptedServer:
    """Return a server where models say who they are and what they were asked, and judges what `judge` says."""

    def reply(request: Request) -> str:
        if question(request) is None:
            return f"{request.model}: {request.prompt}"
        return judge(request, authors(request))

    return ScriptedServer(reply, faults=faults)


def models(server: ScriptedServer, *generators: str, judges: Sequence[dict[str, Any]] = ({},)) -> Models:
    place: dict[str, Any] = {"base_url": server.url, "max_attempts": 2}
    return Models(
        generators=tuple(Generator(model_id=name, **place) for name in generators or ("one", "two")),
        judges=tuple(UltraFeedbackJudge(**{"model_id": "judge", **place, **options}) for options in judges),
    )


def judge_one(server: ScriptedServer, *generators: str, **options: Any) -> CandidateSet:
    """Return the set of one prompt, judged by one judge with these options."""
    [found] = made_sets(models(server, *generators, judges=[options]), [make_prompt()])
    return found


def asked(server: ScriptedServer) -> list[Request]:
    return [exchange.request for exchange in server.requests if question(exchange.request) is not None]


def ratings(found: CandidateSet) -> dict[str, float | None]:
    return {candidate.generator: candidate.rating for candidate in found.candidates}


@pytest.mark.slow
def test_the_order_in_which_answers_are_shown_follows_from_the_prompt_alone() -> None:
    prompts = [make_prompt(f"Question {number}") for number in range(24)]
    with judged_by(first_is_best) as server:
        first = made_sets(models(server, "one", "two"), prompts)
        texts = {texts_of(request) for request in asked(server)}
        other = {"name": "other", "aspects": ("honesty",), "temperature": 1.0}
        second = made_sets(models(server, "a", "b", judges=[other]), prompts[::-1])
    orders = {found.prompt.id: [judgement.order for judgement in found.judgements] for found in first}
    assert {found.prompt.id: [judgement.order for judgement in found.judgements] for found in second} == orders
    assert texts == {
        tuple(found.candidates[place].text for place in judgement.order)
        for found in first
        for judgement in found.judgements
    }


@pytest.mark.slow
def test_over_many_prompts_each_answer_is_shown_first_equally_often() -> None:
    with judged_by() as server:
        made_sets(models(server, "one", "two", "three"), [make_prompt(f"Question {number}") for number in range(90)])
        first = [authors(request)[0] for request in asked(server)]
    assert all(20 <= first.count(author) <= 40 for author in ("one", "two", "three")), first


@pytest.mark.slow
def test_a_rating_goes_to_the_answer_that_was_rated_wherever_it_was_shown() -> None:
    with judged_by() as server:
        sets = made_sets(models(server, "one", "two", "three"), [make_prompt(f"Question {n}") for n in range(12)])
    assert len({found.judgements[0].order for found in sets}) > 1
    for found in sets:
        assert ratings(found) == WORTH
        assert found.judgements[0].ratings == (5, 3, 1)
        assert found.came_through(2)


def test_swapped_a_judge_is_asked_in_both_orders_and_a_rating_is_the_mean() -> None:
    with judged_by(first_is_best) as server:
        found = judge_one(server, "one", "two", "three", order="swap")
        one, other = (texts_of(request) for request in asked(server))
    assert one == other[::-1]
    first, second = (judgement.order for judgement in found.judgements)
    assert second == first[::-1]
    assert ratings(found) == {"one": 4, "two": 4, "three": 4}


def test_unless_swapped_a_judge_is_asked_once() -> None:
    with judged_by() as server:
        found = judge_one(server)
        assert len(asked(server)) == len(found.judgements) == 1


@pytest.mark.parametrize(("judge", "contradicts"), [(first_is_best, True), (by_worth, False)])
def test_a_judge_that_prefers_what_comes_first_is_seen_when_the_order_is_swapped(
    judge: Judge, contradicts: bool
) -> None:
    with judged_by(judge) as server:
        assert disagrees_with_itself(judge_one(server, order="swap").judgements) is contradicts
        assert not disagrees_with_itself(judge_one(server).judgements)


@pytest.mark.parametrize(("order", "times"), [("shuffled", 1), ("swap", 2)])
def test_every_aspect_is_asked_about_and_the_rating_is_the_mean_of_all(order: str, times: int) -> None:
    rated = {"honesty": 5, "helpfulness": 2, "overall-rating": 3}

    def judge(request: Request, shown: tuple[str, ...]) -> str:
        [aspect] = [name for name, title in TITLES.items() if title in request.prompt]
        return rate(request, *(rated[aspect] if author == "one" else 1 for author in shown))

    with judged_by(judge) as server:
        found = judge_one(server, aspects=tuple(rated), order=order)
        titles = [request.prompt.partition("\n")[0] for request in asked(server)]
    assert sorted(titles) == sorted([TITLES[aspect] for aspect in rated] * times)
    assert [judgement.aspect for judgement in found.judgements] == [aspect for aspect in rated for _ in range(times)]
    assert ratings(found) == {"one": pytest.approx(10 / 3), "two": 1}
    assert len([usage for usage in found.usage if usage.stage == "judge"]) == 3 * times


def test_two_judges_are_both_kept_and_the_rating_is_the_mean_of_both() -> None:
    said = {"mild": {"one": 5, "two": 4}, "strict": {"one": 2, "two": 1}}

    def judge(request: Request, shown: tuple[str, ...]) -> str:
        return rate(request, *(said[request.model][author] for author in shown))

    judges = [{"model_id": "mild"}, {"model_id": "strict", "name": "severe"}]
    with judged_by(judge) as server:
        [found] = made_sets(models(server, judges=judges), [make_prompt()])
    assert [(judgement.judge, judgement.ratings) for judgement in found.judgements] == [
        ("mild", (5, 4)),
        ("severe", (2, 1)),
    ]
    assert ratings(found) == {"one": 3.5, "two": 2.5}
    assert [usage.generator for usage in found.usage] == ["one", "two", "mild", "severe"]
    assert found.came_through(2)


def test_of_two_judges_one_that_fails_leaves_the_others_judgement_but_no_rating() -> None:
    judges = [{"model_id": "well"}, {"model_id": "ill"}]
    with judged_by(by_worth, Fault(kind="status", status=500, model="ill")) as server:
        [found] = made_sets(models(server, judges=judges), [make_prompt()])
    assert [(judgement.judge, judgement.ratings) for judgement in found.judgements] == [("well", (5, 3))]
    assert ratings(found) == {"one": None, "two": None}
    assert failures_of(found) == (Failure(stage="judge", generator="ill", reason="http_500", attempts=2),)
    assert not found.came_through(2)


def test_one_judgements_rationale_is_kept_as_it_is() -> None:
    with judged_by() as server:
        found = judge_one(server)
    words = {5: "excellent", 3: "fair"}
    for place, candidate in enumerate(found.candidates):
        number = found.judgements[0].order.index(place) + 1
        assert candidate.rationale == f"Text {number} is {words[WORTH[candidate.generator]]}."
        assert found.judgements[0].rationales[place] == candidate.rationale


@pytest.mark.parametrize(
    ("judges", "names"),
    [
        ([{"aspects": ("honesty", "helpfulness")}], ["honesty", "helpfulness"]),
        ([{"name": "a"}, {"name": "b", "aspect": "honesty"}], ["a, overall-rating", "b, honesty"]),
    ],
)
def test_several_rationales_are_named_by_judge_and_aspect(judges: list[dict[str, Any]], names: list[str]) -> None:
    with judged_by() as server:
        [found] = made_sets(models(server, judges=judges), [make_prompt()])
    said = found.candidates[0].rationale
    assert said is not None
    assert [part.partition(": Text ")[0] for part in said.split("\n\n")] == names


def test_an_answer_that_failed_is_not_shown_and_moves_no_rating() -> None:
    prompts = [make_prompt(f"Question {number}") for number in range(12)]
    with judged_by(by_worth, Fault(kind="status", status=400, model="two", match="[02468]$")) as server:
        sets = made_sets(models(server, "one", "two", "three"), prompts)
        seen = [set(authors(request)) for request in asked(server) if "Question 4\n" in request.prompt]
        assert not any("None" in request.prompt.partition("## Annotation")[2] for request in asked(server))
    assert seen == [{"one", "three"}]
    halved = [found for found in sets if found.failures]
    assert len({found.judgements[0].order for found in halved}) == 2
    for found in halved:
        assert ratings(found) == {"one": 5, "three": 1}
        assert found.judgements[0].ratings == (5, 1)
        assert sorted(found.judgements[0].order) == [0, 1]
        assert failures_of(found) == (Failure(stage="generate", generator="two", reason="http_400", attempts=1),)


def unreadable(*spoiled: str, also_again: bool = False, again: Judge = by_worth) -> Judge:
    """Return a judge that first gives these authors' texts a rating in words."""

    def judge(request: Request, shown: tuple[str, ...]) -> str:
        is_repeated = len(request.messages) > 2
        if is_repeated and not also_again:
            return again(request, shown)
        reply = by_worth(request, shown)
        for author in spoiled:
            reply = reply.replace(f"Rating: {WORTH[author]}", "Rating: high")
        return reply

    return judge


def test_an_unreadable_rating_is_asked_for_once_more_with_what_is_wrong_with_it() -> None:
    with judged_by(unreadable("two")) as server:
        found = judge_one(server, "one", "two", "three")
        first, second = asked(server)
    said = by_worth(first, authors(first)).replace("Rating: 3", "Rating: high")
    assert second.messages[:2] == first.messages
    assert second.messages[2] == {"role": "assistant", "content": said}
    number = authors(first).index("two") + 1
    assert second.messages[3]["role"] == "user"
    assert second.messages[3]["content"] == complaint(parse_ratings(said, 3), 3)
    assert f"Text {number}: its rating is not one number." in second.messages[3]["content"]
    assert ratings(found) == WORTH
    assert found.failures == ()
    assert len(found.judgements) == 1
    assert len([usage for usage in found.usage if usage.stage == "judge"]) == 2


def test_the_second_reply_fills_only_what_the_first_lacked() -> None:
    with judged_by(unreadable("two", again=lambda request, shown: rate(request, 2, 2, 2))) as server:
        found = judge_one(server, "one", "two", "three")
    assert ratings(found) == {"one": 5, "two": 2, "three": 1}
    words = {candidate.generator: (candidate.rationale or "").split()[-1] for candidate in found.candidates}
    assert words == {"one": "excellent.", "two": "weak.", "three": "poor."}


def test_what_stays_unreadable_costs_its_own_rating_alone() -> None:
    with judged_by(unreadable("two", also_again=True)) as server:
        found = judge_one(server, "one", "two", "three")
        assert len(asked(server)) == 2
    assert ratings(found) == {"one": 5, "two": None, "three": 1}
    assert found.failures == (Failure(stage="rating", generator="two", reason="rating_is_not_a_number", attempts=2),)
    assert found.came_through(2)


def test_of_several_questions_only_those_that_could_not_be_read_are_asked_again() -> None:
    def judge(request: Request, shown: tuple[str, ...]) -> str:
        honest = TITLES["honesty"] in request.messages[1]["content"]
        return unreadable("one", also_again=True)(request, shown) if honest else by_worth(request, shown)

    with judged_by(judge) as server:
        found = judge_one(server, aspects=("honesty", "helpfulness"))
        again = [request for request in asked(server) if len(request.messages) > 2]
        assert len(asked(server)) == 3
    assert [TITLES["honesty"] in request.messages[1]["content"] for request in again] == [True]
    assert [judgement.ratings for judgement in found.judgements] == [(None, 3), (5, 3)]
    assert ratings(found) == {"one": None, "two": 3}


def test_a_second_request_that_fails_leaves_what_the_first_reply_gave() -> None:
    broken = Fault(kind="status", status=500, match="Your reply could not be read")
    with judged_by(unreadable("two"), broken) as server:
        found = judge_one(server, "one", "two", "three")
    assert ratings(found) == {"one": 5, "two": None, "three": 1}
    assert [(failure.stage, failure.generator, failure.attempts) for failure in found.failures] == [
        ("rating", "two", 2)
    ]
    assert found.came_through(2)


def test_a_judge_that_fails_for_good_is_a_failure_of_its_own_and_nothing_is_rated() -> None:
    with judged_by(by_worth, Fault(kind="status", status=500, model="judge")) as server:
        found = judge_one(server, name="critic")
        assert len(asked(server)) == 2
    assert failures_of(found) == (Failure(stage="judge", generator="critic", reason="http_500", attempts=2),)
    assert ratings(found) == {"one": None, "two": None}
    assert found.judgements == ()
    assert len(found.candidates) >= 2
    assert not found.came_through(2)


def test_a_prompt_that_a_judge_will_never_take_came_through_without_ratings() -> None:
    too_long = Fault(kind="status", status=400, model="judge", body="This model's maximum context length is 5 tokens.")
    with judged_by(by_worth, too_long) as server:
        found = judge_one(server)
        assert len(asked(server)) == 1
    assert failures_of(found) == (Failure(stage="judge", generator="judge", reason="context_too_long", attempts=1),)
    assert ratings(found) == {"one": None, "two": None}
    assert found.came_through(2)


def test_a_judge_that_fails_about_one_aspect_rates_nothing() -> None:
    broken = Fault(kind="status", status=500, match=TITLES["honesty"])
    with judged_by(by_worth, broken) as server:
        found = judge_one(server, aspects=("honesty", "helpfulness"))
    assert [judgement.aspect for judgement in found.judgements] == ["helpfulness"]
    assert ratings(found) == {"one": None, "two": None}
    assert not found.came_through(2)


@pytest.mark.parametrize(("broken", "left"), [(("two",), ["one"]), (("one", "two"), [])])
def test_fewer_than_two_answers_are_not_judged(broken: tuple[str, ...], left: list[str]) -> None:
    with judged_by(by_worth, *(Fault(kind="status", status=400, model=model) for model in broken)) as server:
        found = judge_one(server, order="swap")
        assert asked(server) == []
    assert [candidate.generator for candidate in found.candidates] == left
    assert found.judgements == ()
    assert {failure.stage for failure in found.failures} == {"generate"}
    assert not found.came_through(2)
