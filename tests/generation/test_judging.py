"""What judgements amount to: one rating per answer, a text that says why, and how far a judge can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from curation.generation import JudgeStatistics, JudgeTally, disagrees_with_itself
from curation.generation.judge_report import judges_line
from curation.generation.judging import mean_rating, rationale
from curation.review_statistics import JudgePair, JudgesAgreement, Measure
from curation.types import Judgement
from tests.rows import make_judgement


def tallied(*sets: Sequence[Judgement]) -> tuple[JudgeStatistics, ...]:
    """Return the statistics of sets with these judgements."""
    tally = JudgeTally()
    for judgements in sets:
        tally.add(judgements)
    return tally.statistics()


@pytest.mark.parametrize(
    ("judgements", "means"),
    [
        ([], [None, None]),
        ([make_judgement(5, 1)], [5, 1]),
        ([make_judgement(5, 1), make_judgement(4, 2)], [4.5, 1.5]),
        ([make_judgement(5, None), make_judgement(4, 2)], [4.5, None]),
        ([make_judgement(None, 1), make_judgement(None, 2)], [None, 1.5]),
        ([make_judgement(1, 5, judge="a"), make_judgement(2, 4, judge="b"), make_judgement(3, 3, judge="b")], [2, 4]),
    ],
)
def test_a_rating_is_the_mean_of_all_readings_and_none_if_one_is_missing(
    judgements: list[Judgement], means: list[float | None]
) -> None:
    assert [mean_rating(judgements, place) for place in (0, 1)] == means


@pytest.mark.parametrize(
    ("judgements", "text"),
    [
        ([], None),
        ([make_judgement(5, rationales=[None])], None),
        ([make_judgement(5, rationales=["Good."])], "Good."),
        (
            [
                make_judgement(5, aspect="honesty", rationales=["Good."]),
                make_judgement(2, aspect="helpfulness", rationales=["Weak."]),
            ],
            "honesty: Good.\n\nhelpfulness: Weak.",
        ),
        (
            [make_judgement(5, judge="a", rationales=["Good."]), make_judgement(2, judge="b", rationales=["Weak."])],
            "a: Good.\n\nb: Weak.",
        ),
        (
            [make_judgement(5, judge="a", rationales=[None]), make_judgement(2, judge="b", rationales=["Weak."])],
            "b: Weak.",
        ),
        ([make_judgement(5, judge="a", rationales=[None]), make_judgement(2, judge="b", rationales=[None])], None),
        (
            [
                make_judgement(5, judge="a", aspect="honesty", rationales=["Good."]),
                make_judgement(2, judge="b", aspect="helpfulness", rationales=["Weak."]),
            ],
            "a, honesty: Good.\n\nb, helpfulness: Weak.",
        ),
        ([make_judgement(5, rationales=["Good."]), make_judgement(2, rationales=["Weak."])], "Good.\n\nWeak."),
    ],
)
def test_a_rationale_names_judge_and_aspect_where_there_are_several(
    judgements: list[Judgement], text: str | None
) -> None:
    assert rationale(judgements, 0) == text


@pytest.mark.parametrize(
    ("judgements", "contradicts"),
    [
        ([], False),
        ([make_judgement(5, 1)], False),
        ([make_judgement(5, 1), make_judgement(4, 2)], False),
        ([make_judgement(5, 1), make_judgement(2, 4)], True),
        ([make_judgement(5, 1), make_judgement(3, 3)], False),
        ([make_judgement(3, 3), make_judgement(3, 3)], False),
        ([make_judgement(5, None), make_judgement(1, 4)], False),
        ([make_judgement(5, 4, 3), make_judgement(5, 3, 4)], True),
        ([make_judgement(5, 1, aspect="honesty"), make_judgement(1, 5, aspect="helpfulness")], False),
        ([make_judgement(5, 1, judge="a"), make_judgement(1, 5, judge="b")], False),
        (
            [make_judgement(5, 1, judge=judge) for judge in "aab"] + [make_judgement(1, 5, judge="b")],
            True,
        ),
    ],
)
def test_a_judge_disagrees_with_itself_if_it_turned_a_pair_round_on_one_aspect(
    judgements: list[Judgement], contradicts: bool
) -> None:
    assert disagrees_with_itself(judgements) is contradicts


def test_without_judgements_there_is_no_judge() -> None:
    assert tallied() == tallied([]) == ()


def test_where_there_is_nothing_to_share_a_share_is_null() -> None:
    [found] = tallied([make_judgement(None, None)])
    assert found == JudgeStatistics(
        judge="judge", judgements=1, parsed=0.0, swap_consistency=None, histogram={}, ties=None
    )
    [found] = tallied([make_judgement()])
    assert (found.judgements, found.parsed) == (1, None)


def test_ratings_that_could_be_read_are_a_share_of_all() -> None:
    [found] = tallied([make_judgement(5, None, 3)], [make_judgement(None, 2, 2)], [make_judgement(1, 1)])
    assert (found.judgements, found.parsed) == (3, 6 / 8)


def test_the_histogram_counts_readings_rounded_half_up() -> None:
    [found] = tallied([make_judgement(5, 4.5, 4.49)], [make_judgement(2.5, 1, None)], [make_judgement(1, 1)])
    assert found.histogram == {"1": 3, "3": 1, "4": 1, "5": 2}
    assert list(found.histogram) == sorted(found.histogram)


def test_a_tie_is_a_set_whose_best_and_worst_answer_have_the_same_mean() -> None:
    [found] = tallied(
        [make_judgement(3, 3)],
        [make_judgement(5, 1), make_judgement(1, 5)],
        [make_judgement(3, 3, 2)],
        [make_judgement(5, 5, None)],
        [make_judgement(4, None)],
        [make_judgement(3, 3.5)],
    )
    assert found.ties == 3 / 5


def test_swap_consistency_is_the_share_of_pairs_that_kept_their_order() -> None:
    [found] = tallied(
        [make_judgement(5, 3, 1), make_judgement(5, 3, 1)],
        [make_judgement(5, 1), make_judgement(1, 5)],
        [make_judgement(4, 1), make_judgement(2, 2)],
        [make_judgement(2, 2), make_judgement(3, 3)],
        [make_judgement(5, None), make_judgement(1, 5)],
        [make_judgement(5, 1)],
    )
    assert found.swap_consistency == 4 / 6
    assert found.judgements == 11


def test_every_judge_is_counted_by_itself_whichever_set_names_it_first() -> None:
    found = tallied(
        [make_judgement(5, 5, judge="mild"), make_judgement(2, None, judge="strict")],
        [make_judgement(1, 2, judge="strict")],
    )
    assert [(one.judge, one.judgements, one.parsed, one.ties) for one in found] == [
        ("mild", 1, 1.0, 1.0),
        ("strict", 2, 3 / 4, 0.0),
    ]


def test_aspects_are_compared_with_themselves_alone() -> None:
    [found] = tallied(
        [
            *(make_judgement(5, 1, aspect="honesty") for _ in range(2)),
            make_judgement(5, 1, aspect="helpfulness"),
            make_judgement(1, 5, aspect="helpfulness"),
        ]
    )
    assert (found.judgements, found.swap_consistency) == (4, 1 / 2)


SETS = (
    [make_judgement(5, 3, 1), make_judgement(4, 3, 1)],
    [make_judgement(5, 1, judge="strict"), make_judgement(1, 5, judge="strict"), make_judgement(3, None)],
    [make_judgement(2, 2), make_judgement(3, 3)],
)


def test_what_is_counted_several_times_at_once_is_counted_as_often_one_by_one() -> None:
    tally = JudgeTally()
    for times, judgements in enumerate(SETS, 2):
        tally.add(judgements, times=times)
    assert tally.statistics() == tallied(*SETS[:1] * 2, *SETS[1:2] * 3, *SETS[2:] * 4)
    mild, strict = tally.statistics()
    assert (mild.judgements, mild.ties, mild.histogram) == (4 + 3 + 8, 4 / 6, {"1": 4, "2": 8, "3": 15, "4": 2, "5": 2})
    assert (strict.judgements, strict.ties, strict.swap_consistency) == (6, 1.0, 0.0)


def test_two_judges_are_compared_on_pairs_of_which_both_prefer_one() -> None:
    tally = JudgeTally()
    # Of three pairs they choose equally in two; an unread rating leaves one pair, and a tie decides none.
    tally.add([make_judgement(5, 3, 1, judge="b"), make_judgement(3, 5, 1, judge="a")])
    tally.add([make_judgement(5, 1, None, judge="b"), make_judgement(4, 2, 3, judge="a")], times=2)
    tally.add([make_judgement(5, 5, judge="b"), make_judgement(4, 2, judge="a")])
    assert tally.pairs() == (JudgePair(judges=("a", "b"), pairs=3 + 2 + 1, undecided=1, sets=3, equal=2 / 3 + 2),)


def test_judges_are_compared_by_their_means_over_aspects_and_orders() -> None:
    tally = JudgeTally()
    mild = [make_judgement(4, 5, judge="mild", aspect="honesty"), make_judgement(5, 1, judge="mild")]
    tally.add([*mild, make_judgement(3, 2, judge="strict"), make_judgement(1, 2, judge="other")])
    assert [(pair.judges, pair.equal) for pair in tally.pairs()] == [
        (("mild", "other"), 0.0),
        (("mild", "strict"), 1.0),
        (("other", "strict"), 0.0),
    ]


def test_one_judge_is_compared_with_nobody() -> None:
    tally = JudgeTally()
    tally.add(SETS[0])
    assert tally.pairs() == ()


def test_the_line_about_two_judges_has_the_share_its_interval_and_what_is_left_out() -> None:
    equal = Measure(value=0.75, low=0.5, high=0.9, count=12)
    agreement = JudgesAgreement(judges=("a", "b"), equal=equal, undecided=0.125)
    assert judges_line(agreement) == (
        "Judges a and b prefer the same one of two answers in 75 % (95 % interval 50 % to 90 %) of pairs, in 12 sets; "
        "12.5 % of pairs left out, which one of them rates equally."
    )
    missing = agreement.model_copy(update={"equal": Measure(value=None, reason="none")})
    assert judges_line(missing) == "Judges a and b: equal choices not defined (none)."


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_tallies_that_are_merged_are_one(cut: int) -> None:
    first, second = JudgeTally(), JudgeTally()
    for place, judgements in enumerate(SETS):
        (first if place < cut else second).add(judgements)
    first.merge(second)
    assert first.statistics() == tallied(*SETS)
    whole = JudgeTally()
    for judgements in SETS:
        whole.add(judgements)
    assert first.pairs() == whole.pairs()
    assert len(whole.pairs()) == 1


def test_merging_leaves_the_other_tally_as_it_was() -> None:
    first, second = JudgeTally(), JudgeTally()
    first.add(SETS[0])
    second.add(SETS[0])
    first.merge(second)
    first.add(SETS[2])
    assert second.statistics() == tallied(SETS[0])
