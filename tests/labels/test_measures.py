"""Agreement between reviewers, of the judge with people, and of choices with lengths: published and planted truths."""

from __future__ import annotations

from typing import Literal

import krippendorff
import numpy as np
import pytest
from numpy.typing import NDArray

from curation.labels import Votes, agreement, judge_agreement, judges_agreement, length_bias
from curation.review_statistics import JudgePair, Measure
from tests.labels.crowd import SIDES, A, B, make_crowd, make_votes

# "Computing Krippendorff's Alpha-Reliability" (2011), section C: 4 observers, 12 units, 0 where one did not answer.
PUBLISHED = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
    [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
]
Level = Literal["nominal", "ordinal", "interval"]
LEVELS: list[Level] = ["nominal", "ordinal", "interval"]


def votes_of(observers: NDArray[np.int64] | list[list[int]]) -> Votes:
    """The votes of observers x units, values 1 to 5 as the score of one candidate; 0 is no answer."""
    return make_votes(
        *(
            {f"r{row:02}": (value / 5,) for row, value in enumerate(unit) if value}
            for unit in np.array(observers).T.tolist()
        )
    )


def alpha(votes: Votes, level: Level = "nominal", seed: int = 0) -> Measure:
    return agreement(votes, level=level, leaning=SIDES, seed=seed).alpha


def number(value: float | None) -> float:
    assert value is not None
    return value


@pytest.mark.parametrize(("level", "expected"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_krippendorffs_example(level: Level, expected: float) -> None:
    result = alpha(votes_of(PUBLISHED), level)
    assert number(result.value) == pytest.approx(expected, abs=0.0005)
    assert number(result.low) < expected < number(result.high)
    assert result.count == 11  # one unit has one answer


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("level", LEVELS)
def test_alpha_is_that_of_the_library(level: Level, seed: int) -> None:
    data = np.random.default_rng(seed).integers(0, 6, size=(4, 60))
    expected = krippendorff.alpha(np.where(data == 0, np.nan, data), level_of_measurement=level)
    assert alpha(votes_of(data), level).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("level", LEVELS)
def test_every_record_is_a_unit_of_nominal_alpha_and_every_candidate_of_the_others(level: Level) -> None:
    rng = np.random.default_rng(1)
    first, second = rng.integers(1, 4, size=(2, 3, 40))
    votes = make_votes(
        *({f"r{row}": (first[row, unit] / 3, second[row, unit] / 3) for row in range(3)} for unit in range(40))
    )
    units = first * 10 + second if level == "nominal" else np.hstack([first, second])
    expected = krippendorff.alpha(units.astype(float), level_of_measurement=level)
    assert alpha(votes, level).value == pytest.approx(expected, abs=1e-12)


def test_records_may_show_different_numbers_of_candidates() -> None:
    votes = make_votes(
        {"ann": (0.0, 1.0), "bob": (0.0, 1.0)},
        {"ann": (1.0, 0.0, 0.5), "bob": (1.0, 0.5, 0.5)},
        {"ann": (0.5,), "bob": (1.0,)},
    )
    units = [[0, 1, 1, 0, 0.5, 0.5], [0, 1, 1, 0.5, 0.5, 1]]
    expected = krippendorff.alpha(units, level_of_measurement="ordinal")
    assert alpha(votes, "ordinal").value == pytest.approx(expected, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_the_interval_holds_the_alpha_of_the_population(level: Level) -> None:
    # What so many records have that their own error is far below that of the samples.
    truth = number(alpha(Votes.of(make_crowd(["honest"] * 8, records=20_000, seed=99)[1]), level).value)
    result = [alpha(Votes.of(make_crowd(["honest"] * 8, records=120, seed=seed)[1]), level) for seed in range(60)]
    inside = [number(entry.low) <= truth <= number(entry.high) for entry in result]
    assert 0.85 <= np.mean(inside) <= 1
    # Wide enough is easy if it is too wide: the samples vary as much as the intervals say.
    width = np.mean([number(entry.high) - number(entry.low) for entry in result])
    assert width == pytest.approx(2 * 1.96 * np.std([number(entry.value) for entry in result]), rel=0.3)


@pytest.mark.parametrize("level", LEVELS)
def test_with_too_many_distinct_records_random_groups_are_drawn(level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    data = np.clip(
        np.random.default_rng(0).integers(1, 6, size=400) + np.random.default_rng(1).integers(-1, 2, (5, 400)), 1, 5
    )
    kinds = alpha(votes_of(data), level)
    monkeypatch.setattr("curation.labels.alpha.MOST_BLOCKS", 40)
    groups = alpha(votes_of(data), level)
    assert groups.value == pytest.approx(number(kinds.value))
    width = number(kinds.high) - number(kinds.low)
    assert number(groups.high) - number(groups.low) == pytest.approx(width, rel=0.3)
    assert groups != kinds


def test_the_same_seed_gives_the_same_interval_however_the_records_were_split() -> None:
    ballots = make_crowd(["honest"] * 5, records=80, seed=1)[1]
    whole = Votes.of(ballots)
    parts = Votes.joined([Votes.of(ballots[60:]), Votes.of(ballots[:60])])
    assert alpha(whole, seed=4) == alpha(parts, seed=4)
    assert alpha(whole, seed=4) != alpha(whole, seed=5)


def test_percent_is_the_mean_share_of_equal_pairs() -> None:
    votes = make_votes(
        {"ann": A, "bob": A, "eve": A},  # 3 of 3 pairs
        {"ann": A, "bob": A, "eve": B},  # 1 of 3
        {"ann": A, "bob": B},  # 0 of 1
        {"ann": A},  # no pair
    )
    result = agreement(votes, level="nominal", leaning=SIDES, seed=0).percent
    assert (result.value, result.count) == pytest.approx((4 / 9, 3))
    assert 0 < number(result.low) < 4 / 9 < number(result.high) < 1


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ((), "nobody answered"),
        (({}, {}), "nobody answered"),
        (({"ann": A}, {"ann": B}), "only one reviewer answered"),
        (({"ann": A}, {"bob": B}), "no record was answered by two reviewers"),
    ],
)
@pytest.mark.parametrize("level", LEVELS)
def test_without_two_answers_to_a_record_nothing_is_measured(
    level: Level, records: tuple[dict[str, tuple[float, float]], ...], reason: str
) -> None:
    result = agreement(make_votes(*records), level=level, leaning=SIDES, seed=0)
    missing = Measure(value=None, reason=reason)
    assert (result.alpha, result.percent) == (missing, missing)
    assert all(
        entry.agreement.value is None and entry.agreement.reason and not entry.marks for entry in result.reviewers
    )


@pytest.mark.parametrize("level", LEVELS)
def test_equal_answers_have_no_alpha_and_a_percentage_with_an_interval(level: Level) -> None:
    result = agreement(make_votes(*[{"ann": (1.0, 1.0), "bob": (1.0, 1.0)}] * 9), level=level, leaning=SIDES, seed=0)
    assert result.alpha == Measure(value=None, count=9, reason="all answers are equal, as they would be by chance")
    assert (result.percent.value, result.percent.high) == (1.0, 1.0)
    assert number(result.percent.low) == pytest.approx(0.7, abs=0.01)
    assert [entry.marks for entry in result.reviewers] == [(), ()]


@pytest.mark.parametrize("level", LEVELS)
def test_one_shared_record_has_no_alpha(level: Level) -> None:
    result = agreement(make_votes({"ann": A, "bob": B}, {"ann": A}), level=level, leaning=SIDES, seed=0)
    assert result.alpha == Measure(value=None, count=1, reason="only one record was answered by two reviewers")
    assert (result.percent.value, result.percent.count) == (0.0, 1)


@pytest.mark.parametrize("level", LEVELS)
def test_draws_without_an_alpha_are_left_out(level: Level) -> None:
    result = alpha(make_votes({"ann": A, "bob": A}, {"ann": B, "bob": B}, {"ann": A, "bob": B}), level)
    assert -1 <= number(result.low) < number(result.value) < number(result.high) == 1


@pytest.mark.parametrize("level", LEVELS)
def test_few_records_without_disagreement_have_a_wide_interval(level: Level) -> None:
    few, many = (alpha(make_votes(*[{"ann": A, "bob": A}, {"ann": B, "bob": B}] * n), level) for n in (1, 500))
    assert (few.value, few.high, many.value, many.high) == (1.0, 1.0, 1.0, 1.0)
    # Wilson: none of 2 leaves room for 66 % of records, none of 1,000 for 0.4 %; by chance half of all would disagree.
    assert number(few.low) == pytest.approx(0.01, abs=0.01)
    assert number(many.low) == pytest.approx(0.992, abs=0.001)


@pytest.mark.slow
@pytest.mark.parametrize(("records", "truth"), [(5, 0.9), (10, 0.9), (20, 0.6)])
def test_the_interval_of_few_records_holds_the_truth(records: int, truth: float) -> None:
    rng = np.random.default_rng(3)
    answers = (A, B, (1.0, 1.0), (0.0, 0.0))
    inside = []
    for _ in range(200):
        true = rng.integers(4, size=records)
        guessed = rng.random((3, records)) > truth**0.5
        given = np.where(guessed, rng.integers(4, size=(3, records)), true)
        votes = make_votes(
            *[
                dict(zip(("ann", "bob", "eva"), (answers[entry] for entry in of_record), strict=True))
                for of_record in given.T
            ]
        )
        result = alpha(votes, "nominal")
        inside.append(number(result.low) <= truth <= number(result.high))
    assert np.mean(inside) >= 0.88


def test_the_judge_is_compared_on_records_where_both_prefer_one() -> None:
    judge = np.array([1, 1, -1, -1, 0, 1, np.nan, -1, 1])
    people = np.array([1, -1, -1, -1, 1, 0, 1, np.nan, 1])
    result = judge_agreement(judge, people)
    assert (result.accuracy.value, result.accuracy.count) == (0.8, 5)
    # Observed 4/5; by chance 3/5 * 2/5 + 2/5 * 3/5 = 12/25.
    assert result.kappa.value == pytest.approx((0.8 - 0.48) / (1 - 0.48))
    assert number(result.kappa.low) < number(result.kappa.value) < number(result.kappa.high)


def test_kappa_is_that_of_cohens_example() -> None:
    # A textbook table of 50 decisions by two readers: both yes 20, only the first 5, only the second 10, both no 15.
    judge = np.repeat([1, 1, -1, -1], [20, 5, 10, 15])
    people = np.repeat([1, -1, 1, -1], [20, 5, 10, 15])
    assert judge_agreement(judge, people).kappa.value == pytest.approx(0.4)


@pytest.mark.parametrize("accuracy", [0.5, 0.7, 0.9])
def test_the_interval_of_kappa_holds_the_truth(accuracy: float) -> None:
    rng = np.random.default_rng(0)
    people = np.where(rng.random((500, 80)) < 0.5, 1, -1)
    judge = np.where(rng.random((500, 80)) < accuracy, people, -people)
    result = [judge_agreement(*pair).kappa for pair in zip(judge, people, strict=True)]
    inside = [number(entry.low) <= 2 * accuracy - 1 <= number(entry.high) for entry in result]
    assert 0.92 <= np.mean(inside) <= 0.99


@pytest.mark.parametrize("judge", [[], [0, 0], [np.nan, 1]])
def test_without_shared_preferences_the_judge_is_not_measured(judge: list[float]) -> None:
    result = judge_agreement(judge, [1, 0][: len(judge)])
    assert result.accuracy == result.kappa
    assert (result.accuracy.value, result.accuracy.count) == (None, 0)
    assert result.accuracy.reason == "on no record do both the judge and people prefer one of two"


def test_two_judges_agree_by_the_share_of_sets_with_wilsons_interval() -> None:
    result = judges_agreement(JudgePair(judges=("a", "b"), pairs=20, undecided=5, sets=10, equal=7.0))
    assert (result.equal.value, result.equal.count, result.undecided) == (0.7, 10, 0.25)
    # Wilson's interval of 7 in 10.
    assert (result.equal.low, result.equal.high) == pytest.approx((0.3968, 0.8922), abs=1e-4)


def test_judges_who_rate_no_pair_differently_have_no_measure() -> None:
    result = judges_agreement(JudgePair(judges=("a", "b"), pairs=2, undecided=2, sets=0, equal=0.0))
    assert (result.equal.value, result.undecided) == (None, 1.0)
    assert result.equal.reason == "on no pair of answers do both judges prefer one"
    assert judges_agreement(JudgePair(judges=("a", "b"), pairs=0, undecided=0, sets=0, equal=0.0)).undecided is None


def test_kappa_is_not_defined_if_the_same_position_always_wins() -> None:
    result = judge_agreement(np.ones(7), np.ones(7))
    assert result.accuracy.value == 1.0
    assert number(result.accuracy.low) < 0.7
    assert (result.kappa.value, result.kappa.count) == (None, 7)
    assert result.kappa.reason == "the judge and people always preferred the same position"


def test_full_agreement_of_a_few_is_not_certain() -> None:
    result = judge_agreement([1, -1, 1, -1], [1, -1, 1, -1]).kappa
    assert (result.value, result.high) == (1.0, 1.0)
    assert number(result.low) < 0.1


def test_length_bias_is_kerbys_difference_of_ranks() -> None:
    # Differences 10, 20, 30, -5 and one of 0: ranks 2, 3, 4 for longer, 1 against; (9 - 1) / 10.
    result = length_bias([110, 120, 130, 95, 100], [100, 100, 100, 100, 100])
    assert (result.longer_chosen.value, result.longer_chosen.count) == (0.75, 4)
    assert (result.effect.value, result.effect.count) == pytest.approx((0.8, 4))
    assert -1 <= number(result.effect.low) < 0.8 < number(result.effect.high) <= 1


def test_the_interval_of_the_effect_holds_the_truth() -> None:
    # Normal differences with a mean of 0.3: the effect of the population is that of very many of them.
    rng = np.random.default_rng(0)
    truth = number(length_bias(rng.normal(0.3, 1, 200_000), np.zeros(200_000)).effect.value)
    result = [length_bias(entry, np.zeros(60)).effect for entry in rng.normal(0.3, 1, (400, 60))]
    inside = [number(entry.low) <= truth <= number(entry.high) for entry in result]
    assert 0.92 <= np.mean(inside) <= 0.98


def test_equal_differences_share_their_rank() -> None:
    # Ranks 1.5, 1.5 and 3: (4.5 - 1.5) / 6.
    assert length_bias([2, 3, 1], [1, 1, 2]).effect.value == pytest.approx((4.5 - 1.5) / 6)


@pytest.mark.parametrize(("shift", "expected"), [(0, 0.0), (10_000, 1.0), (-10_000, -1.0)])
def test_length_bias_measures_a_planted_shift(shift: int, expected: float) -> None:
    chosen, rejected = np.random.default_rng(0).integers(1, 5000, size=(2, 400))
    result = length_bias(chosen + shift, rejected)
    assert number(result.effect.low) - 1e-9 <= expected <= number(result.effect.high) + 1e-9
    assert result.effect.value == pytest.approx(expected, abs=0.12)
    assert result.longer_chosen.value == pytest.approx((expected + 1) / 2, abs=0.06)


@pytest.mark.parametrize("lengths", [[], [5, 7]])
def test_equal_lengths_have_no_bias(lengths: list[int]) -> None:
    result = length_bias(lengths, lengths)
    missing = Measure(value=None, reason="there is no pair of texts of different lengths")
    assert (result.longer_chosen, result.effect) == (missing, missing)


def test_arrays_of_different_lengths_are_an_error() -> None:
    with pytest.raises(ValueError, match="do not pair up"):
        length_bias([1, 2], [1])
    with pytest.raises(ValueError, match="do not pair up"):
        judge_agreement([1, 1], [1])
