"""What is left to the judge, which of it is reviewed all the same, and in which order the rest comes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from curation.errors import ConfigError
from curation.review import BinaryTask, PairwiseTask, RatingTask, ReviewTask
from curation.review.budget import Priority, SkipIf, as_sample, as_shown, in_order, is_sampled
from curation.types import CandidateSet, ReviewRecord
from tests.rows import make_prompt, make_set

Pair = tuple[CandidateSet, tuple[ReviewRecord, ...]]


def shown(number: int, *ratings: float | None, task: ReviewTask | None = None) -> Pair:
    made = make_set(make_prompt(f"Question {number}"), ratings)
    records = (task or PairwiseTask()).records(made)
    assert isinstance(records, tuple)
    return made, records


@pytest.mark.parametrize(
    ("ratings", "task", "skipped"),
    [
        ((5.0, 3.0), PairwiseTask(), True),
        ((3.0, 4.99), PairwiseTask(), False),
        ((5.0, 3.0, 3.5), PairwiseTask(), True),
        ((5.0, None), PairwiseTask(), False),
        ((None, None), PairwiseTask(), False),
        ((5.0, 4.0, 3.0), RatingTask(), True),
        ((5.0, None, 3.0), RatingTask(), False),
        ((5.0, 2.0), BinaryTask(), True),
        # One answer alone: there is no other that it is better than.
        ((5.0,), BinaryTask(), False),
    ],
)
def test_the_judge_is_sure_if_its_ratings_of_what_is_shown_are_far_apart(
    ratings: Sequence[float | None], task: ReviewTask, skipped: bool
) -> None:
    assert SkipIf(judge_gap=2.0).skips(*shown(1, *ratings, task=task)) is skipped


@pytest.mark.parametrize("gap", [0.0, 4.1, -1.0])
def test_a_gap_that_no_two_ratings_have_is_refused(gap: float) -> None:
    with pytest.raises(ConfigError, match=r"judge_gap = .*: must be greater than 0 and at most 4"):
        SkipIf(judge_gap=gap)


def test_a_twentieth_is_reviewed_all_the_same_and_always_the_same() -> None:
    sampled = [is_sampled(f"{number:016x}") for number in range(4000)]
    # Of 4,000 draws with a chance of 0.05 the share is this far off less than once in 10,000 times.
    assert 0.037 < sum(sampled) / 4000 < 0.064
    assert sampled == [is_sampled(f"{number:016x}") for number in range(4000)]


def test_the_sample_never_shows_what_the_judge_says() -> None:
    _, records = shown(1, 5.0, 1.0, task=PairwiseTask(show_suggestions=True))
    assert records[0].suggested
    [sampled] = as_sample(records)
    assert (sampled.sampled, sampled.suggested) == (True, False)
    assert sampled.model_copy(update={"sampled": False, "suggested": True}) == records[0]


def ordered_by(priority: Priority | None, pairs: Sequence[Pair]) -> list[Sequence[ReviewRecord]]:
    return in_order(priority, [as_shown(*pair) for pair in pairs])


def gaps(ordered: Sequence[Sequence[ReviewRecord]], pairs: Sequence[Pair]) -> list[float]:
    rated = {candidate_set.id: candidate_set for candidate_set, _ in pairs}
    return [
        (first.rating or 0) - (second.rating or 0) for first, second in (rated[r[0].set_id].candidates for r in ordered)
    ]


def test_what_the_judge_is_least_sure_of_comes_first_and_what_it_did_not_rate_too() -> None:
    pairs = [shown(1, 5.0, 2.0), shown(2, 4.0, 4.0), shown(3, 3.0, 2.0), shown(4, None, None), shown(5, 4.0, 2.0)]
    ordered = ordered_by("uncertain", pairs)
    assert gaps(ordered, pairs) == [0, 0, 1, 2, 3]
    assert ordered_by("uncertain", pairs[::-1]) == ordered


def test_of_single_answers_those_in_the_middle_of_the_scale_come_first() -> None:
    pairs = [shown(number, rating, task=BinaryTask()) for number, rating in enumerate((5.0, 3.0, 1.5, 3.5))]
    rating = {candidate_set.id: candidate_set.candidates[0].rating for candidate_set, _ in pairs}
    assert [rating[records[0].set_id] for records in ordered_by("uncertain", pairs)] == [3.0, 3.5, 1.5, 5.0]


def test_the_sample_stands_anywhere_among_the_others() -> None:
    pairs: list[Pair] = [shown(number, 4.0, 3.0) for number in range(200)]
    sample = [(made, as_sample(records)) for made, records in (shown(number, 5.0, 1.0) for number in range(200, 240))]
    ordered = ordered_by("uncertain", [*pairs, *sample])
    places = [place for place, records in enumerate(ordered) if records[0].sampled]
    assert len(places) == 40
    # The mean of 40 places drawn from 0 to 240 is 120, with a standard error of 11.
    assert 75 < sum(places) / 40 < 165
    assert [len([place for place in places if low <= place < low + 80]) > 4 for low in (0, 80, 160)] == [True] * 3


def test_an_order_by_chance_is_always_the_same_and_none_is_that_of_the_prompts() -> None:
    pairs = [shown(number, 4.0, 3.0) for number in range(20)]
    ordered = ordered_by("random", pairs)
    assert ordered == ordered_by("random", pairs[::-1])
    assert ordered != ordered_by(None, pairs)
    assert sorted(map(str, ordered)) == sorted(map(str, ordered_by(None, pairs)))
    assert ordered_by(None, pairs) == [records for _, records in pairs]
