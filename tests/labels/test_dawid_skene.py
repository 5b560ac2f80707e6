"""Dawid and Skene's estimates are those of a plain loop, find what was planted, and are refused where they cannot."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from curation import labels
from curation.errors import RefusedError
from curation.labels import Ballot, DawidSkeneResolver, FittedDawidSkene, MajorityResolver, Votes
from curation.labels.em import em_estimate
from curation.types import Drop, Scores, Verdict
from tests.labels.crowd import BAD, GOOD, A, B, Habit, make_crowd
from tests.rows import make_annotation, make_ballot

HONEST: list[Habit] = ["honest"] * 8
CONTRARY: list[Habit] = ["contrary"] * 3
MIXED = HONEST + CONTRARY


def naive(
    ballots: list[Ballot], *, smoothing: float, iterations: int
) -> tuple[list[float], dict[str, list[list[float]]]]:
    """Priors and confusion[reviewer][true][given] after some iterations, one number at a time."""
    answers = sorted({voter.scores for ballot in ballots for voter in ballot.submitted})
    votes = [[(voter.reviewer, answers.index(voter.scores)) for voter in ballot.submitted] for ballot in ballots]
    votes = [record for record in votes if record]
    names = {reviewer for record in votes for reviewer, _ in record}
    classes = range(len(answers))
    posteriors = [[sum(given == k for _, given in record) / len(record) for k in classes] for record in votes]
    for _ in range(iterations):
        sums = [smoothing + sum(posterior[k] for posterior in posteriors) for k in classes]
        priors = [value / sum(sums) for value in sums]
        confusion = {}
        for name in names:
            counts = [[smoothing] * len(answers) for _ in classes]
            for record, posterior in zip(votes, posteriors, strict=True):
                for reviewer, given in record:
                    for true in classes:
                        counts[true][given] += posterior[true] * (reviewer == name)
            confusion[name] = [[count / sum(row) for count in row] for row in counts]
        posteriors = []
        for record in votes:
            joint = [priors[k] * math.prod(confusion[name][k][given] for name, given in record) for k in classes]
            posteriors.append([value / sum(joint) for value in joint])
    return priors, confusion


def fitted(ballots: list[Ballot], **options: float) -> FittedDawidSkene:
    return labels.fitted(DawidSkeneResolver(force=True, **options), Votes.of(ballots))


def right(truth: list[Scores], outcomes: list[Verdict | Drop]) -> float:
    """The share of records whose true scores are the verdict's, to the nearest whole."""
    hits = [
        isinstance(outcome, Verdict) and tuple(round(score or 0.0) for score in outcome.scores) == true
        for true, outcome in zip(truth, outcomes, strict=True)
    ]
    return sum(hits) / len(hits)


@pytest.mark.slow
@pytest.mark.parametrize("smoothing", [0.01, 0.5])
@pytest.mark.parametrize("habits", [HONEST, MIXED], ids=["honest", "mixed"])
def test_the_estimate_is_that_of_a_plain_loop(habits: list[Habit], smoothing: float) -> None:
    ballots = [*make_crowd(habits, records=60, seed=1)[1], make_ballot(), make_ballot(make_annotation("r00", *A))]
    model = fitted(ballots, smoothing=smoothing)
    priors, confusion = naive(ballots, smoothing=smoothing, iterations=model.iterations)
    assert model.converged
    assert model.priors == pytest.approx(priors, abs=1e-9)
    assert set(model.confusion) == set(confusion)
    for reviewer, matrix in confusion.items():
        assert np.array(model.confusion[reviewer]) == pytest.approx(np.array(matrix), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_more_iterations_of_a_plain_loop_do_not_move_a_posterior(seed: int) -> None:
    """The crowds are hard: half of all answers are random, so EM comes near its end in small steps."""
    ballots = make_crowd(MIXED, records=60, seed=seed, accuracy=0.5)[1]
    model = fitted(ballots)
    priors, confusion = naive(ballots, smoothing=0.5, iterations=4 * model.iterations)
    for ballot in ballots:
        given = [(voter.reviewer, model.answers.index(voter.scores)) for voter in ballot.submitted]
        joint = [
            prior * math.prod(confusion[reviewer][true][answer] for reviewer, answer in given)
            for true, prior in enumerate(priors)
        ]
        expected = [probability / sum(joint) for probability in joint]
        assert model.posterior(ballot.submitted) == pytest.approx(expected, abs=1e-6)


def test_a_records_posterior_is_bayes_rule() -> None:
    model = fitted(make_crowd(MIXED, records=100, seed=2)[1])
    voters = [make_annotation("r00", *A), make_annotation("r09", *B), make_annotation("r10", *GOOD)]
    joint = [
        prior * math.prod(model.confusion[voter.reviewer][true][model.answers.index(voter.scores)] for voter in voters)
        for true, prior in enumerate(model.priors)
    ]
    assert model.posterior(voters) == pytest.approx([value / sum(joint) for value in joint], abs=1e-12)


def test_scores_are_expected_scores_with_six_digits() -> None:
    model = fitted(make_crowd(MIXED, records=100, seed=2)[1])
    voters = [make_annotation("r00", *A), make_annotation("r01", *B)]
    posterior = dict(zip(model.answers, model.posterior(voters), strict=True))
    resolved = model.resolve(make_ballot(*voters))
    assert isinstance(resolved, Verdict)
    assert resolved.scores == (
        round(posterior[A] + posterior[GOOD], 6),
        round(posterior[B] + posterior[GOOD], 6),
    )


@pytest.mark.parametrize("tie", [GOOD, BAD])
def test_if_a_tie_is_most_probable_the_verdict_is_a_tie(tie: tuple[float, float]) -> None:
    model = fitted(make_crowd(MIXED, records=100, seed=2)[1])
    voters = [make_annotation(f"r0{number}", *tie) for number in range(3)]
    posterior = dict(zip(model.answers, model.posterior(voters), strict=True))
    assert max(posterior, key=lambda answer: posterior[answer]) == tie
    assert posterior[A] != posterior[B]
    resolved = model.resolve(make_ballot(*voters))
    assert isinstance(resolved, Verdict)
    both = round(posterior[GOOD] + (posterior[A] + posterior[B]) / 2, 6)
    assert resolved.scores == (both, both)


@pytest.mark.parametrize(
    ("priors", "scores", "edit_score"),
    [
        ((0.7, 0.1, 0.1, 0.1), (0.8, 0.8), 0.8),  # both good: a tie with the edit
        ((0.1, 0.1, 0.7, 0.1), (0.8, 0.2), 0.8),  # A: the edit takes its place
        ((0.1, 0.7, 0.1, 0.1), (0.2, 0.2), 1.0),  # both bad: only the edit is good
        ((0.0, 0.3, 0.36, 0.34), (0.36, 0.34), 1.0),  # A, but probably not good
    ],
)
def test_an_edit_scores_as_much_as_a_probably_good_answer(
    priors: tuple[float, ...], scores: tuple[float, ...], edit_score: float
) -> None:
    """The reviewer answers at random, so that the posterior is the prior."""
    answers = (GOOD, BAD, A, B)
    by_chance = ((0.25,) * 4,) * 4
    priors = tuple(max(prior, 1e-12) for prior in priors)
    most_probable = answers[priors.index(max(priors))]
    model = FittedDawidSkene(1, answers, priors, {"ann": by_chance}, by_chance, 0.0, 1, True)
    resolved = model.resolve(make_ballot(make_annotation("ann", *most_probable, edit="Better.")))
    assert isinstance(resolved, Verdict)
    assert (resolved.scores, resolved.edits, resolved.edit_score) == (scores, ("Better.",), edit_score)


@pytest.mark.parametrize("smoothing", [0.5, 30])
@pytest.mark.parametrize("seed", range(3))
def test_no_iteration_lowers_the_objective(seed: int, smoothing: float) -> None:
    votes = Votes.of(make_crowd(MIXED, records=150, seed=seed)[1])
    objectives = em_estimate(votes, smoothing=smoothing).objectives
    assert len(objectives) > 3
    assert np.diff(objectives).min() > -1e-9


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_planted_contrary_reviewers_are_recognised_and_their_answers_reversed(seed: int) -> None:
    truth, ballots = make_crowd(MIXED, records=1500, seed=seed)
    votes = Votes.of(ballots)
    model = labels.fitted(DawidSkeneResolver(), votes)
    a, b = model.answers.index(A), model.answers.index(B)
    for reviewer in ("r08", "r09", "r10"):
        assert model.confusion[reviewer][a][b] > 0.7
        assert model.confusion[reviewer][b][a] > 0.7
    for reviewer in ("r00", "r07"):
        assert model.confusion[reviewer][a][a] > 0.7
    resolved, counted = map(model.resolve, ballots), map(MajorityResolver().resolve, ballots)
    assert right(truth, list(resolved)) > right(truth, list(counted)) + 0.1
    # The contrary reviewer's A outweighs nobody's B: it speaks for B.
    alone = model.resolve(make_ballot(make_annotation("r08", *A)))
    assert isinstance(alone, Verdict)
    assert alone.scores[0] < 0.5 < alone.scores[1]  # type: ignore[operator]
    assert alone.edits == ()


@pytest.mark.slow
def test_priors_are_the_shares_of_true_answers() -> None:
    model = fitted(make_crowd(HONEST, records=3000, seed=5)[1])
    assert dict(zip(model.answers, model.priors, strict=True)) == pytest.approx(
        {A: 0.4, B: 0.4, GOOD: 0.12, BAD: 0.08}, abs=0.04
    )


def test_rows_of_every_confusion_matrix_add_up_to_one() -> None:
    model = fitted(make_crowd(MIXED, records=100, seed=2)[1])
    for matrix in (*model.confusion.values(), model.average):
        assert np.array(matrix).sum(axis=1) == pytest.approx(1.0)


def test_a_reviewer_without_votes_in_the_fit_errs_like_the_average() -> None:
    ballots = make_crowd(MIXED, records=300, seed=4)[1]
    model = fitted(ballots)
    a, b = model.answers.index(A), model.answers.index(B)
    posterior = model.posterior([make_annotation("stranger", *A)])
    joint = [prior * row[a] for prior, row in zip(model.priors, model.average, strict=True)]
    assert posterior == pytest.approx([value / sum(joint) for value in joint])
    honest, contrary = model.confusion["r00"], model.confusion["r08"]
    assert contrary[a][a] < model.average[a][a] < honest[a][a]
    assert honest[a][b] < model.average[a][b] < contrary[a][b]


def test_an_answer_that_is_not_in_the_fit_gives_no_verdict() -> None:
    model = fitted(make_crowd(HONEST, records=50, seed=4)[1])
    assert model.resolve(make_ballot(make_annotation("r00", 0.5, 0.5))) == Drop(
        id=make_ballot().record_id, reason="unknown_answer"
    )


def test_the_order_of_records_and_of_reviewers_changes_nothing() -> None:
    ballots = make_crowd(MIXED, records=200, seed=6)[1]
    turned = [
        Ballot(record_id=ballot.record_id, annotations=ballot.annotations[::-1], ratings=()) for ballot in ballots[::-1]
    ]
    model, model_of_turned = fitted(ballots), fitted(turned)
    assert [model.resolve(ballot) for ballot in ballots] == [model_of_turned.resolve(ballot) for ballot in turned[::-1]]


def test_a_fitted_model_survives_pickling() -> None:
    model = fitted(make_crowd(MIXED, records=100, seed=2)[1])
    assert pickle.loads(pickle.dumps(model)) == model


@pytest.mark.slow
def test_many_records_are_summed_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    votes = Votes.of(make_crowd(MIXED, records=300, seed=7)[1])
    whole = em_estimate(votes, smoothing=0.5)
    monkeypatch.setattr("curation.labels.em.CHUNK", 7)
    parts = em_estimate(votes, smoothing=0.5)
    assert parts.confusion == pytest.approx(whole.confusion, abs=1e-9)
    assert parts.log_likelihood == pytest.approx(whole.log_likelihood)


@pytest.mark.parametrize(
    ("reviewers", "records", "sentence"),
    [(8, 199, "199 records .* by 8 reviewers"), (4, 500, "500 records .* by 4 reviewers")],
)
def test_too_little_to_learn_from_is_refused_unless_forced(reviewers: int, records: int, sentence: str) -> None:
    habits: list[Habit] = ["honest"] * reviewers
    votes = Votes.of(make_crowd(habits, records=records, seed=0)[1])
    with pytest.raises(RefusedError, match=sentence) as refused:
        labels.fitted(DawidSkeneResolver(), votes)
    assert refused.value.remedy is not None
    assert "labels.force = true" in refused.value.remedy
    assert 'labels.resolver = "majority"' in refused.value.remedy
    assert len(labels.fitted(DawidSkeneResolver(force=True), votes).confusion) == reviewers


def test_two_hundred_records_by_five_reviewers_are_enough() -> None:
    assert labels.fitted(DawidSkeneResolver(), Votes.of(make_crowd(["honest"] * 5, records=200, seed=0)[1])).converged


def test_records_with_one_answer_do_not_count_as_records_to_learn_from() -> None:
    with pytest.raises(RefusedError, match="0 records with two"):
        labels.fitted(DawidSkeneResolver(), Votes.of(make_crowd(HONEST, records=300, seed=0, each=1)[1]))


def test_records_of_different_lengths_are_refused() -> None:
    ballots = [*make_crowd(HONEST, records=5, seed=0)[1], make_ballot(make_annotation("ann", 1.0, 0.0, 0.5))]
    with pytest.raises(RefusedError, match="different numbers"):
        fitted(ballots)


def test_too_many_distinct_answers_are_refused() -> None:
    ballots = [make_ballot(make_annotation("ann", number / 100, 0.0)) for number in range(65)]
    with pytest.raises(RefusedError, match="65 distinct"):
        fitted(ballots)
    assert len(fitted(ballots[:64]).answers) == 64


def test_with_no_votes_at_all_every_record_is_unreviewed() -> None:
    assert fitted([]).resolve(make_ballot()) == Drop(id=make_ballot().record_id, reason="unreviewed")


def test_if_all_gave_one_answer_it_is_the_verdict() -> None:
    ballots = [make_ballot(make_annotation("ann", *A), make_annotation("bob", *A)) for _ in range(3)]
    resolved = fitted(ballots).resolve(ballots[0])
    assert isinstance(resolved, Verdict)
    assert (resolved.scores, resolved.agreement) == (A, 1.0)
