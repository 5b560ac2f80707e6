"""From what reviewers said to one verdict: who wins, how far they agree, and when there is none."""

from __future__ import annotations

import pickle
from typing import Any, Literal, cast

import pytest

from curation.errors import ConfigError
from curation.labels import (
    Ballot,
    DawidSkeneResolver,
    MajorityResolver,
    MeanResolver,
    Resolver,
    UnanimousResolver,
    Votes,
    fitted,
    judge_verdict,
)
from curation.types import Annotation, Drop, Scores, Verdict
from tests.labels.crowd import ANSWERS, BAD, GOOD, A, B, make_crowd
from tests.rows import make_annotation, make_ballot

# Three hundred records by honest reviewers of 95 in 100: what anybody says is the most probable answer.
CROWD = Votes.of(make_crowd(["honest"] * 6, records=300, seed=0, accuracy=0.95)[1])
OPTIONS: dict[str, type[Any]] = {
    "majority": MajorityResolver,
    "mean": MeanResolver,
    "unanimous": UnanimousResolver,
    "dawid-skene": DawidSkeneResolver,
}


def resolver(name: str, min_reviewers: int = 1) -> Resolver:
    options = OPTIONS[name](min_reviewers=min_reviewers)
    return fitted(options, CROWD) if isinstance(options, DawidSkeneResolver) else cast(Resolver, options)


def ballot(*answers: Scores, more: tuple[Annotation, ...] = ()) -> Ballot:
    return make_ballot(*(make_annotation(f"r{number:02}", *scores) for number, scores in enumerate(answers)), *more)


def verdict(outcome: Verdict | Drop) -> Verdict:
    assert isinstance(outcome, Verdict), outcome
    return outcome


def scores(outcome: Verdict | Drop, name: str = "") -> Scores:
    """The scores of a verdict; expected scores as the answer they are near to."""
    given = [score for score in verdict(outcome).scores if score is not None]
    return tuple(round(score) if name == "dawid-skene" else score for score in given)


def drop(counted: Ballot, reason: str) -> Drop:
    return Drop(id=counted.record_id, reason=reason)


every_resolver = pytest.mark.parametrize("name", OPTIONS)


@every_resolver
def test_a_resolver_says_its_name_and_has_the_options_of_all(name: str) -> None:
    options = OPTIONS[name]()
    assert options.resolver == name
    assert options.model_dump().items() >= {"judge_fallback": False, "ties": "kto-only"}.items()
    assert options.min_reviewers == (2 if name == "unanimous" else 1)
    for wrong in ({"ties": "keep"}, {"min_reviewers": 0}, {"minimum": 1}):
        with pytest.raises(ConfigError):
            OPTIONS[name](**wrong)


@every_resolver
def test_a_resolver_can_be_sent_to_another_process(name: str) -> None:
    original = resolver(name)
    copy = pickle.loads(pickle.dumps(original))
    for counted in (ballot(A), ballot(A, A, B), ballot()):
        assert copy.resolve(counted) == original.resolve(counted)


@pytest.mark.parametrize("answer", ANSWERS)
@every_resolver
def test_one_reviewers_answer_is_the_verdict_and_agreement_is_null(name: str, answer: Scores) -> None:
    outcome = verdict(resolver(name).resolve(ballot(answer)))
    assert scores(outcome, name) == answer
    assert (outcome.reviewers, outcome.agreement, outcome.edits) == (1, None, ())


@pytest.mark.parametrize(
    ("answers", "winner", "agreement"),
    [
        ((A, A), A, 1.0),
        ((A, A, B), A, 2 / 3),
        ((B, A, GOOD, B), B, 0.5),
        ((GOOD, GOOD, A), GOOD, 2 / 3),
        ((BAD, BAD, BAD, A, B), BAD, 0.6),
    ],
)
@pytest.mark.parametrize("name", ["majority", "dawid-skene"])
def test_the_most_frequent_answer_wins_and_agreement_is_its_share(
    name: str, answers: tuple[Scores, ...], winner: Scores, agreement: float
) -> None:
    outcome = verdict(resolver(name).resolve(ballot(*answers)))
    assert scores(outcome, name) == winner
    assert outcome.agreement == pytest.approx(agreement)
    assert outcome.reviewers == len(answers)


@pytest.mark.parametrize("answers", [(A, B), (A, B, GOOD), (A, A, B, B), (B, B, GOOD, A, A), (GOOD, BAD)])
def test_a_draw_between_answers_gives_no_verdict(answers: tuple[Scores, ...]) -> None:
    counted = ballot(*answers)
    assert MajorityResolver().resolve(counted) == drop(counted, "draw")


@pytest.mark.parametrize(
    ("answers", "means", "agreement"),
    [
        ((A, A), (1.0, 0.0), 1.0),
        ((A, B), (0.5, 0.5), 0.0),
        ((A, A, B, GOOD), (0.75, 0.5), 0.5),
        ((A, GOOD), (1.0, 0.5), 0.5),
        ((GOOD, BAD), (0.5, 0.5), 1.0),
        ((A, A, A, BAD), (0.75, 0.0), 0.75),
    ],
)
def test_the_mean_is_per_candidate_and_agreement_counts_who_orders_them_so(
    answers: tuple[Scores, ...], means: Scores, agreement: float
) -> None:
    outcome = verdict(MeanResolver().resolve(ballot(*answers)))
    assert outcome.scores == pytest.approx(means)
    assert outcome.agreement == pytest.approx(agreement)
    assert outcome.reviewers == len(answers)


def test_the_mean_of_a_candidate_is_that_of_the_reviewers_who_scored_it() -> None:
    answers = [(0.0, 1.0, None), (0.5, None, None), (0.25, 0.5, None)]
    outcome = verdict(MeanResolver().resolve(ballot(*answers)))
    assert outcome.scores == (0.25, 0.75, None)
    assert outcome.agreement == 1.0


@pytest.mark.parametrize("answer", ANSWERS)
def test_equal_answers_are_unanimous(answer: Scores) -> None:
    outcome = verdict(UnanimousResolver().resolve(ballot(answer, answer, answer)))
    assert (outcome.scores, outcome.agreement, outcome.reviewers) == (answer, 1.0, 3)


@pytest.mark.parametrize("answers", [(A, B), (A, A, B), (GOOD, A, GOOD), (A, A, A, A, BAD)])
def test_one_different_answer_gives_no_verdict(answers: tuple[Scores, ...]) -> None:
    counted = ballot(*answers)
    assert UnanimousResolver().resolve(counted) == drop(counted, "not_unanimous")


def test_one_reviewer_is_not_unanimous_unless_the_config_says_so() -> None:
    counted = ballot(A)
    assert UnanimousResolver().resolve(counted) == drop(counted, "too_few_reviewers")
    assert verdict(UnanimousResolver(min_reviewers=1).resolve(counted)).scores == A


@every_resolver
def test_the_order_in_which_reviewers_come_changes_nothing(name: str) -> None:
    annotations = [make_annotation("ann", *A, edit="One."), make_annotation("bob", *A, edit="Two.")]
    annotations += [] if name == "unanimous" else [make_annotation("eve", *B)]
    assert verdict(resolver(name).resolve(make_ballot(*annotations))) == resolver(name).resolve(
        make_ballot(*annotations[::-1])
    )


@pytest.mark.parametrize("status", ["draft", "discarded"])
@every_resolver
def test_drafts_and_discards_never_count(name: str, status: Literal["draft", "discarded"]) -> None:
    loud = tuple(make_annotation(f"z{number}", status=status, edit="Mine.") for number in range(3))
    outcome = verdict(resolver(name).resolve(ballot(B, more=loud)))
    assert scores(outcome, name) == B
    assert (outcome.reviewers, outcome.agreement, outcome.edits) == (1, None, ())
    silent = make_ballot(*loud)
    assert resolver(name).resolve(silent) == drop(silent, "discarded" if status == "discarded" else "unreviewed")


@every_resolver
def test_a_draft_beside_a_discard_is_no_answer_either(name: str) -> None:
    looked_at = make_ballot(make_annotation("ann", status="draft"), make_annotation("bob", status="discarded"))
    assert resolver(name).resolve(looked_at) == drop(looked_at, "discarded")


@every_resolver
def test_a_record_that_nobody_answered_is_unreviewed(name: str) -> None:
    assert resolver(name).resolve(ballot()) == drop(ballot(), "unreviewed")
    assert resolver(name, min_reviewers=3).resolve(ballot()) == drop(ballot(), "unreviewed")


@every_resolver
def test_too_few_reviewers_give_no_verdict(name: str) -> None:
    few = ballot(A, A)
    assert resolver(name, min_reviewers=3).resolve(few) == drop(few, "too_few_reviewers")
    assert verdict(resolver(name, min_reviewers=3).resolve(ballot(A, A, A))).reviewers == 3


@every_resolver
def test_people_outweigh_any_number_of_programs(name: str) -> None:
    programs = tuple(make_annotation(f"simulated-{number}", *A) for number in range(5))
    outcome = verdict(resolver(name).resolve(ballot(B, more=programs)))
    assert scores(outcome, name) == B
    assert (outcome.reviewers, outcome.label_source) == (1, "human")


@every_resolver
def test_if_only_programs_answered_they_decide_and_the_verdict_says_so(name: str) -> None:
    programs = (make_annotation("simulated-ann", *A), make_annotation("simulated-bob", *A))
    outcome = verdict(resolver(name).resolve(make_ballot(*programs, make_annotation("carl", status="draft"))))
    assert (scores(outcome, name), outcome.reviewers, outcome.label_source) == (A, 2, "simulated")


@every_resolver
def test_a_verdict_carries_the_edits(name: str) -> None:
    counted = make_ballot(make_annotation("bob", *A, edit=" Two. "), make_annotation("ann", *A, edit="One."))
    assert verdict(resolver(name).resolve(counted)).edits == ("One.", "Two.")


@pytest.mark.parametrize("name", ["majority", "dawid-skene", "mean"])
def test_the_edits_of_those_who_were_outvoted_do_not_count(name: str) -> None:
    counted = make_ballot(
        make_annotation("ann", *A, edit="Ann's."), make_annotation("bob", *A), make_annotation("eve", *B, edit="Eve's.")
    )
    assert verdict(resolver(name).resolve(counted)).edits == ("Ann's.",)


def test_if_two_reviewers_cancel_each_other_out_the_mean_is_a_tie_without_edits() -> None:
    counted = make_ballot(make_annotation("ann", *A, edit="Ann's."), make_annotation("eve", *B, edit="Eve's."))
    outcome = verdict(resolver("mean").resolve(counted))
    assert (outcome.scores, outcome.edits, outcome.agreement) == ((0.5, 0.5), (), 0.0)


@pytest.mark.parametrize(
    ("ratings", "expected"),
    [
        ((5, 1), (1.0, 0.0)),
        ((3, 4.5), (0.5, 0.875)),
        ((1, 1), (0.0, 0.0)),
        ((None, 2, 5), (None, 0.25, 1.0)),
        ((4,), (0.75,)),
    ],
)
def test_the_judges_ratings_become_scores_and_unrated_candidates_have_none(
    ratings: tuple[float | None, ...], expected: tuple[float | None, ...]
) -> None:
    outcome = verdict(judge_verdict(make_ballot(ratings=ratings)))
    assert outcome.scores == expected
    assert (outcome.reviewers, outcome.agreement, outcome.label_source, outcome.edits) == (0, None, "judge", ())


@pytest.mark.parametrize("ratings", [(), (None,), (None, None), (4, None), (None, 1), (None, 3, None)])
def test_without_two_ratings_the_judge_gives_no_verdict(ratings: tuple[float | None, ...]) -> None:
    counted = make_ballot(ratings=ratings)
    assert judge_verdict(counted) == drop(counted, "unrated")


@every_resolver
def test_adjudicators_decide_however_few_they_are(name: str) -> None:
    adjudicator = make_annotation("zoe", *B).model_copy(update={"adjudication": True})
    outcome = verdict(resolver(name, min_reviewers=3).resolve(ballot(A, A, A, more=(adjudicator,))))
    # Not even `dawid-skene` weighs them against what it learnt of others.
    assert (outcome.scores, outcome.reviewers, outcome.agreement) == (B, 1, None)
    assert outcome.label_source == "adjudicated"


@pytest.mark.parametrize(
    ("name", "reason"), [("majority", "draw"), ("dawid-skene", "draw"), ("unanimous", "not_unanimous")]
)
def test_adjudicators_who_do_not_agree_give_no_verdict(name: str, reason: str) -> None:
    adjudicators = tuple(
        make_annotation(reviewer, *answer).model_copy(update={"adjudication": True})
        for reviewer, answer in (("eve", A), ("zoe", B))
    )
    counted = ballot(A, A, A, more=adjudicators)
    assert resolver(name).resolve(counted) == drop(counted, reason)
