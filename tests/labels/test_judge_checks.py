"""How far the judge agrees with people, and whether people follow it, against values worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from curation.labels import Compared, judge_check, judge_check_lines, share_difference, ways_by_aspect, weighted_kappa
from curation.labels.judge_checks import Way

SPITZER: Mapping[tuple[Way, Way], int] = {
    (1, 1): 106,
    (1, 0): 10,
    (1, -1): 4,
    (0, 1): 22,
    (0, 0): 28,
    (0, -1): 10,
    (-1, 1): 2,
    (-1, 0): 12,
    (-1, -1): 6,
}
"""200 records with the shares of the table that Spitzer, Cohen, Fleiss and Endicott (1967) give, and Fleiss, Cohen and
Everitt (1969) use: .53 .05 .02 / .11 .14 .05 / .01 .06 .03, with the margins .60 .30 .10 and .65 .25 .10."""


def test_kappa_with_linear_weights_is_that_of_a_published_table() -> None:
    kappa = weighted_kappa(SPITZER)
    # Seen, weighted: (.11 + .05) + (.05 + .06) = .27 of neighbours, .02 + .01 = .03 of opposites: .27 / 2 + .03 = .165.
    # By chance: neighbours .60*.25 + .30*.65 + .30*.10 + .10*.25 = .40, opposites .60*.10 + .10*.65 = .125:
    # .40 / 2 + .125 = .325. So kappa is 1 - .165 / .325.
    assert kappa.value == pytest.approx(1 - 0.165 / 0.325)
    assert kappa.value == pytest.approx(0.4923, abs=5e-5)
    assert kappa.count == 200
    # Wilson's interval of .835 of 200: centre (.835 + 3.8415/400) / (1 + 3.8415/200) = .82868, reach .05134.
    assert kappa.low == pytest.approx(1 - (1 - 0.77735) / 0.325, abs=5e-4)
    assert kappa.high == pytest.approx(1 - (1 - 0.88002) / 0.325, abs=5e-4)


def test_without_ties_it_is_cohens_kappa() -> None:
    # The table of 20, 5, 10 and 15: seen 0.7, by chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5, so kappa is 0.4.
    kappa = weighted_kappa({(1, 1): 20, (1, -1): 5, (-1, 1): 10, (-1, -1): 15})
    assert kappa.value == pytest.approx(0.4)


def test_full_agreement_is_1_and_its_interval_is_not_empty() -> None:
    kappa = weighted_kappa({(1, 1): 25, (-1, -1): 25})
    assert [kappa.value, kappa.high] == pytest.approx([1, 1])
    # Wilson's low end of 50 of 50 is 50 / (50 + 3.8415) = .92865; by chance .5.
    assert kappa.low == pytest.approx((0.92865 - 0.5) / 0.5, abs=5e-5)


def test_where_kappa_is_not_defined_there_is_a_reason() -> None:
    assert weighted_kappa({}).reason == "on no record can the judge be compared with people"
    same = weighted_kappa({(1, 1): 7})
    assert (same.value, same.count) == (None, 7)
    assert same.reason == "the judge and people always said the same of every record"


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    # Newcombe (1998), table II, method 10.
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_of_a_difference_is_that_of_newcombe(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    difference = share_difference(first, second)
    assert difference.value == pytest.approx(first[0] / first[1] - second[0] / second[1])
    assert [difference.low, difference.high] == pytest.approx([low, high], abs=5e-5)
    assert difference.count == first[1] + second[1]


def test_what_a_response_prefers_by_aspect_is_a_choice_or_follows_from_two_ratings() -> None:
    labels = {
        "aspect_tone": ["b"],
        "aspect_depth": ["tie"],
        "honesty_1": ["4"],
        "honesty_2": ["2"],
        "brief_1": ["3"],
        "brief_2": ["3"],
        "alone_1": ["5"],
        "criteria_1": ["clear_boundary", "brief_reason"],
        "criteria_2": [],
        "category": ["edge_case"],
    }
    assert ways_by_aspect(labels) == {"tone": -1, "depth": 0, "honesty": 1, "brief": 0}


def compared(
    table: Mapping[tuple[Way, Way], int], judge: str = "", criterion: str = "", *, asked: bool = False
) -> dict[Compared, int]:
    return {Compared(judge, criterion, asked, *ways): count for ways, count in table.items()}


def test_each_criterion_has_a_kappa_against_its_own_aspect_where_people_were_asked_about_it() -> None:
    opposite = {(1, -1): 30, (-1, 1): 30}
    check = judge_check(
        {
            **compared(SPITZER),
            **compared(SPITZER, "j", "tone"),
            **compared(opposite, "j", "tone", asked=True),
            **compared(SPITZER, "j", "depth"),
        },
        {},
        {},
        left_to_judge=0,
    )
    assert [(one.criterion, one.asked, one.kappa.count) for one in check.criteria] == [
        ("depth", False, 200),
        ("tone", True, 60),
    ]
    assert check.criteria[1].kappa.value == pytest.approx(-1)
    assert list(judge_check_lines(check)) == [
        "Judge against people: weighted kappa 0.49 (95 % interval 0.31 to 0.63), on 200 records.",
        "j on depth against what reviewers prefer: weighted kappa 0.49 (95 % interval 0.31 to 0.63), on 200 records.",
        "j on tone against what reviewers say of tone: weighted kappa -1.00 (95 % interval -1.00 to -0.88), on 60 "
        "records.",
    ]


def test_one_aspect_alone_is_the_judge_as_a_whole() -> None:
    check = judge_check({**compared(SPITZER), **compared(SPITZER, "j", "overall-rating")}, {}, {}, left_to_judge=0)
    assert len(list(judge_check_lines(check))) == 1


@pytest.mark.parametrize(
    ("followed", "line"),
    [
        (
            {(True, True): 56, (True, False): 14, (False, True): 48, (False, False): 32},
            "Where reviewers saw what the judge says, they prefer the same answer in 80 % (95 % interval 69.2 % to "
            "87.7 %) of 70 records, where they did not, in 60 % (95 % interval 49 % to 70 %) of 80 records. The "
            "difference is +20 points (95 % interval +5 to +33): they follow it.",
        ),
        (
            {(True, True): 8, (True, False): 2, (False, True): 6, (False, False): 4},
            "it cannot be told whether they follow it.",
        ),
        (
            {(True, True): 48, (True, False): 32, (False, True): 56, (False, False): 14},
            "The difference is -20 points (95 % interval -33 to -5): they turn against it.",
        ),
        (
            {(True, True): 8, (True, False): 2},
            "whether they follow it is not known: no record that hid what the judge says was answered.",
        ),
    ],
)
def test_whether_reviewers_follow_what_they_are_shown_is_said_with_an_interval(
    followed: dict[tuple[bool, bool], int], line: str
) -> None:
    [said] = judge_check_lines(judge_check({}, followed, {}, left_to_judge=0))
    assert line in said


def test_what_is_left_to_the_judge_is_held_to_a_sample() -> None:
    check = judge_check({}, {}, {True: 45, False: 5}, left_to_judge=950)
    # Wilson's interval of 5 of 50.
    assert list(judge_check_lines(check)) == [
        "Of the records that the judge was sure of, people reviewed a random sample: they disagree with the judge on "
        "10 % (95 % interval 4.35 % to 21.4 %) of 50 records.",
        "950 candidate sets left to the judge, which was sure.",
    ]
    unseen = judge_check({}, {}, {}, left_to_judge=1)
    assert list(judge_check_lines(unseen)) == [
        "1 candidate set left to the judge, which was sure. Nobody has reviewed any of the sample of them yet."
    ]
    assert unseen.known
    assert not judge_check({}, {}, {}, left_to_judge=0).known
