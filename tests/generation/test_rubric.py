"""A judge with criteria of its own: what it is asked, how its replies are read, and what a rating is worth."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest

from curation.errors import ConfigError
from curation.generation import Criterion, Generator, JudgeTally, Models, RubricJudge, settings_of
from curation.generation.judge_report import judge_line
from curation.generation.ratings import complaint, parse_ratings
from curation.local.inference import Request, ScriptedServer, read_judge_prompt
from curation.types import CandidateSet, Judgement
from tests.rows import failures_of, made_sets, make_judgement, make_prompt

BRIEF = Criterion(name="brief", description="Is it {short}? A word is \\boxed{enough}.")
TONE = Criterion(name="tone", description="3: friendly. 1: rude.", scale=3)
DEPTH = Criterion(name="depth", description="How deep is it?", scale=10)

Rate = Callable[[str, str, int], int | str]
"""A function of criterion, author and place (from 1) that returns a rating."""


def judged(rate: Rate, *criteria: Criterion, order: str = "swap") -> tuple[CandidateSet, list[Request]]:
    """Return the set of one prompt that two models answered and this judge rated, and the requests to the judge."""

    def reply(request: Request) -> str:
        shown = read_judge_prompt(request.messages[:2])
        if shown is None:
            return f"{request.model}: {request.prompt}"
        criterion = request.messages[1]["content"].partition("\n")[0].rpartition(": ")[2]
        lines = [
            f"#### Output for Text {place}\nRating: {rate(criterion, text.partition(':')[0], place)}\nRationale: So."
            for place, text in enumerate(shown.texts, 1)
        ]
        return "\n\n".join(lines)

    with ScriptedServer(reply) as server:
        models = Models(
            generators=tuple(Generator(model_id=name, base_url=server.url) for name in ("one", "two")),
            judges=(RubricJudge(model_id="judge", base_url=server.url, criteria=criteria, order=order),),
        )
        [candidate_set] = made_sets(models, [make_prompt()])
        requests = [exchange.request for exchange in server.requests]
    return candidate_set, [request for request in requests if read_judge_prompt(request.messages[:2])]


def ratings(candidate_set: CandidateSet) -> dict[str, float | None]:
    return {candidate.generator: candidate.rating for candidate in candidate_set.candidates}


def test_each_criterion_is_asked_about_in_both_orders_with_its_words_and_its_scale() -> None:
    candidate_set, asked = judged(lambda criterion, author, place: 1, BRIEF, TONE)
    prompts = [request.messages[1]["content"] for request in asked]
    assert [prompt.partition("\n")[0] for prompt in prompts].count("# Rating by one criterion: brief") == 2
    assert len(prompts) == 4
    brief = [prompt for prompt in prompts if "one criterion: brief" in prompt]
    assert all("\n\nIs it {short}? A word is \\boxed{enough}.\n" in prompt for prompt in brief)
    assert all("from 1 (not at all) to 5" in prompt for prompt in brief)
    assert all("from 1 (not at all) to 3" in prompt for prompt in prompts if "one criterion: tone" in prompt)
    orders = [judgement.order for judgement in candidate_set.judgements]
    assert orders[0] == orders[2] == orders[1][::-1] == orders[3][::-1]
    assert "Instruction: Why is the sky blue?" in prompts[0]


def test_a_rating_is_the_mean_over_criteria_and_orders_on_the_scale_from_1_to_5() -> None:
    # brief: one 5, two 1 in both orders. tone (of 3): one 2 in both, two 3 where it stands first and 1 where second.
    def rate(criterion: str, author: str, place: int) -> int:
        if criterion == "brief":
            return 5 if author == "one" else 1
        return 2 if author == "one" else 3 if place == 1 else 1

    candidate_set, _ = judged(rate, BRIEF, TONE)
    # On the scale from 1 to 5 a 2 of 3 is 3, a 3 of 3 is 5, a 1 of 3 is 1.
    assert ratings(candidate_set) == {"one": (5 + 5 + 3 + 3) / 4, "two": (1 + 1 + 5 + 1) / 4}
    assert {(judgement.aspect, judgement.scale) for judgement in candidate_set.judgements} == {
        ("brief", 5),
        ("tone", 3),
    }
    tone = {judgement.ratings for judgement in candidate_set.judgements if judgement.aspect == "tone"}
    assert tone == {(2, 3), (2, 1)}


def test_the_disagreement_between_the_orders_is_reported() -> None:
    candidate_set, _ = judged(lambda criterion, author, place: 5 if place == 1 else 2, BRIEF, TONE)
    tally = JudgeTally()
    tally.add([judgement for judgement in candidate_set.judgements if judgement.aspect == "brief"])
    [statistics] = tally.statistics()
    assert statistics.swap_consistency == 0
    assert "0 % of pairs in the same order when swapped" in judge_line(statistics)


def test_ratings_of_other_scales_are_counted_together_from_1_to_5() -> None:
    tally = JudgeTally()
    tally.add([make_judgement(1, 5, aspect="brief"), make_judgement(1, 10, aspect="depth", scale=10)])
    [statistics] = tally.statistics()
    assert statistics.histogram == {"1": 2, "5": 2}


def test_a_rating_on_another_scale_is_asked_for_once_more_and_then_null() -> None:
    def rate(criterion: str, author: str, place: int) -> str:
        return "5/5" if author == "one" else "2/3"

    candidate_set, asked = judged(rate, TONE, order="shuffled")
    assert len(asked) == 2
    assert "Text 1" in asked[1].messages[3]["content"] or "Text 2" in asked[1].messages[3]["content"]
    assert "with one whole number from 1 to 3 after each" in asked[1].messages[3]["content"]
    assert ratings(candidate_set) == {"one": None, "two": 3}
    assert [failure.reason for failure in failures_of(candidate_set)] == ["rating_is_not_a_number"]


@pytest.mark.parametrize(
    ("said", "scale", "rating"),
    [
        ("8", 10, 8),
        ("8/10", 10, 8),
        ("8 (out of 10)", 10, 8),
        ("8 points on a scale from 1 to 10", 10, 8),
        ("10", 10, 10),
        ("7.5/10", 10, 7.5),
        ("3 out of three", 3, 3),
        ("★★☆", 3, 2),
        ("4 out of 5", 10, None),
        ("★★★★☆", 10, None),
        ("2/10", 3, None),
        ("8-9", 10, None),
        ("80%", 10, None),
    ],
)
def test_a_rating_is_read_on_the_scale_of_its_criterion(said: str, scale: int, rating: float | None) -> None:
    forms = (f"#### Output for Text 1\nRating: {said}\nRationale: So.", f"Text 1: {said}")
    # Alone on its line after the name of a text, only a rating and nothing else is one.
    assert parse_ratings(forms[0], 1, scale)[0].rating == rating
    if rating is not None:
        assert parse_ratings(f"{forms[1]}\nText 2: 1", 2, scale)[0].rating == rating


def test_what_is_above_the_scale_is_named_with_the_scale() -> None:
    read = parse_ratings("#### Output for Text 1\nRating: 4", 1, 3)
    assert read[0].reason == "rating_out_of_range"
    assert "Text 1: its rating is not between 1 and 3." in complaint(read, 1, 3)


def test_a_judge_may_answer_in_json_on_any_scale() -> None:
    reply = orjson.dumps([{"text": 2, "rating": "9/10"}, {"text": 1, "rating": 4}]).decode()
    assert [read.rating for read in parse_ratings(reply, 2, 10)] == [4, 9]


def test_criteria_shape_the_ratings_and_their_order_of_showing_too() -> None:
    def settings(*criteria: Criterion, order: str = "swap") -> object:
        judge = RubricJudge(model_id="judge", criteria=criteria, order=order)
        return settings_of(Models(generators=(Generator(model_id="one"),), judges=(judge,)))["judge judge"]

    plain = settings(BRIEF)
    assert plain != settings(TONE)
    assert plain != settings(BRIEF.model_copy(update={"description": "Short?"}))
    assert plain != settings(BRIEF.model_copy(update={"scale": 7}))
    assert plain != settings(BRIEF, order="shuffled")
    assert plain == settings(Criterion(name="brief", description=BRIEF.description))


def test_a_rubric_costs_a_request_for_each_criterion_and_order() -> None:
    assert RubricJudge(model_id="judge", criteria=(BRIEF, TONE, DEPTH)).requests == 6
    assert RubricJudge(model_id="judge", criteria=(BRIEF, TONE, DEPTH), order="shuffled").requests == 3


def test_two_criteria_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two criteria of one name"):
        RubricJudge(model_id="judge", criteria=(BRIEF, BRIEF))


def test_a_judgement_is_brought_to_the_scale_from_1_to_5() -> None:
    judgement = Judgement(
        judge="j", aspect="depth", scale=10, order=(0, 1, 2), ratings=(1, 10, None), rationales=(None,) * 3
    )
    assert judgement.on_five == (1, 5, None)
    assert judgement.model_copy(update={"scale": 9, "ratings": (5, 3, 9)}).on_five == (3, 2, 5)
