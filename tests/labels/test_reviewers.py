"""Each reviewer's agreement and share of "a", and the marks of those who stand out in simulated crowds."""

from __future__ import annotations

import pytest

from curation.labels import Votes
from curation.labels.reviewers import reviewer_statistics
from curation.labels.votes import Answer
from curation.review import BinaryTask
from curation.review_statistics import Measure, ReviewerStatistics
from tests.labels.crowd import BAD, GOOD, SIDES, A, B, Habit, make_crowd, make_votes


def statistics(votes: Votes) -> dict[str, ReviewerStatistics]:
    return {of_reviewer.reviewer: of_reviewer for of_reviewer in reviewer_statistics(votes, SIDES)}


def marks(habits: list[Habit], *, records: int, seed: int, accuracy: float = 0.8) -> dict[str, tuple[str, ...]]:
    ballots = make_crowd(habits, records=records, seed=seed, accuracy=accuracy)[1]
    return {
        reviewer: of_reviewer.marks
        for reviewer, of_reviewer in statistics(Votes.of(ballots)).items()
        if of_reviewer.marks
    }


def test_agreement_is_the_mean_share_of_the_others_with_the_same_answer() -> None:
    of_reviewer = statistics(
        make_votes(
            {"ann": A, "bob": A, "eve": B},  # ann: 1 of 2
            {"ann": B, "bob": B, "eve": B},  # ann: 2 of 2
            {"ann": GOOD, "bob": BAD},  # ann: 0 of 1
            {"ann": BAD},  # nobody beside her
        )
    )
    assert list(of_reviewer) == ["ann", "bob", "eve"]
    assert [statistic.responses for statistic in of_reviewer.values()] == [4, 3, 2]
    assert [statistic.agreement.count for statistic in of_reviewer.values()] == [3, 3, 2]
    assert [statistic.agreement.value for statistic in of_reviewer.values()] == pytest.approx([0.5, 0.5, 0.5])
    assert all(statistic.agreement.low < 0.5 < statistic.agreement.high for statistic in of_reviewer.values())  # type: ignore[operator]


def test_the_leaning_is_among_answers_that_prefer_one_of_two() -> None:
    of_reviewer = statistics(
        make_votes({"ann": A}, {"ann": A}, {"ann": B}, {"ann": GOOD}, {"bob": BAD}, {"eve": (1.0, 0.0, 0.5)})
    )
    share = of_reviewer["ann"].leaning
    assert (share.value, share.count) == pytest.approx((2 / 3, 3))
    # Clopper and Pearson: two or more of three at `low`, and two or less at `high`, have a probability of 2.5 %.
    low, high = share.low or 0.0, share.high or 0.0
    assert low**3 + 3 * low**2 * (1 - low) == pytest.approx(0.025)
    assert 1 - high**3 == pytest.approx(0.025)
    for reviewer in ("bob", "eve"):
        assert of_reviewer[reviewer].leaning == Measure(value=None, reason="no answer leans to either side")


def test_a_reviewer_who_shares_no_record_has_no_agreement() -> None:
    of_reviewer = statistics(make_votes({"ann": A, "bob": A}, {"eve": A}))
    assert of_reviewer["eve"].agreement == Measure(value=None, reason="no other reviewer answered the same records")
    assert of_reviewer["ann"].agreement.value == 1.0
    assert of_reviewer["ann"].agreement.low == pytest.approx(0.207, abs=0.001)
    alone = statistics(make_votes({"ann": A}, {"ann": B}))["ann"]
    assert alone.agreement == Measure(value=None, reason="only one reviewer answered")


def test_without_votes_there_are_no_statistics() -> None:
    assert reviewer_statistics(make_votes(), SIDES) == ()
    assert reviewer_statistics(make_votes({}, {}), SIDES) == ()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_planted_reviewers_get_their_marks_and_nobody_else_does(seed: int) -> None:
    honest: list[Habit] = ["honest"] * 7
    habits: list[Habit] = ["contrary", "random", "one_sided", *honest]
    of_reviewer = marks(habits, records=1500, seed=seed)
    assert of_reviewer.keys() == {"r00", "r01", "r02"}
    assert of_reviewer["r00"] == ("contrary",)
    assert of_reviewer["r01"] == ("random",)
    assert "one_sided" in of_reviewer["r02"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("accuracy", [0.5, 0.8, 0.95])
@pytest.mark.parametrize(("reviewers", "records"), [(3, 30), (5, 200), (40, 400), (10, 1000)])
def test_an_honest_crowd_has_no_marks(reviewers: int, records: int, accuracy: float, seed: int) -> None:
    habits: list[Habit] = ["honest"] * reviewers
    assert not marks(habits, records=records, seed=seed, accuracy=accuracy)


@pytest.mark.slow
def test_a_little_agreement_is_not_random_if_it_is_certain() -> None:
    # Two who know 35 of 100 answers, and guess the others, have a kappa near 0.12.
    honest: list[Habit] = ["honest"] * 3
    assert not marks(honest, records=3000, seed=0, accuracy=0.35)


def test_few_answers_are_no_reason_for_a_mark() -> None:
    habits: list[Habit] = ["random"] * 4
    assert not marks(habits, records=12, seed=0)


@pytest.mark.slow
def test_a_crowd_that_only_guesses_is_random_altogether() -> None:
    habits: list[Habit] = ["random"] * 5
    of_reviewer = marks(habits, records=2000, seed=0)
    assert len(of_reviewer) >= 4
    assert set(of_reviewer.values()) == {("random",)}


def test_a_reviewer_who_prefers_the_second_is_one_sided_too() -> None:
    votes = make_votes(*({"ann": B, "bob": A if number % 2 else B} for number in range(60)))
    of_reviewer = statistics(votes)
    assert "one_sided" in of_reviewer["ann"].marks
    assert "one_sided" not in of_reviewer["bob"].marks


@pytest.mark.slow
@pytest.mark.parametrize(("share", "marked"), [(0.55, False), (0.63, False), (0.7, True)])
def test_a_small_leaning_gives_no_mark_however_certain(share: float, marked: bool) -> None:
    votes = make_votes(*({"ann": A if number < share * 3000 else B} for number in range(3000)))
    of_reviewer = statistics(votes)["ann"]
    assert (of_reviewer.leaning.low or 0) > 0.5
    assert ("one_sided" in of_reviewer.marks) is marked


def test_if_an_honest_share_is_not_known_nobody_is_one_sided() -> None:
    votes = make_votes(*({"ann": (1.0,)} for _ in range(300)), *({"ann": (0.0,)} for _ in range(100)))
    for leaning, marked in ((BinaryTask().leaning, ()), (BinaryTask().leaning._replace(even=True), ("one_sided",))):
        [of_reviewer] = reviewer_statistics(votes, leaning)
        assert (of_reviewer.leaning.value, of_reviewer.leaning.count, of_reviewer.marks) == (0.75, 400, marked)


def test_a_task_with_one_candidate_a_record_marks_nobody_as_contrary() -> None:
    # Ann and Bob always differ, and each answers but one thing: independent answers would differ as much.
    of_reviewer = statistics(make_votes(*[{"ann": A, "bob": B}] * 200))
    assert all("contrary" not in statistic.marks for statistic in of_reviewer.values())


@pytest.mark.slow
@pytest.mark.parametrize("others", [(), (GOOD,), (GOOD, BAD, B)])
def test_reviewers_who_always_agree_are_neither_contrary_nor_random(others: tuple[Answer, ...]) -> None:
    # Agreement and chance are both 1 among equal answers, and must be so to the last digit.
    for count in range(1, 200):
        votes = make_votes(*[{"ann": answer, "bob": answer, "eve": answer} for answer in (*[A] * count, *others)])
        assert not {mark for statistic in reviewer_statistics(votes, SIDES) for mark in statistic.marks} - {
            "one_sided"
        }, count
