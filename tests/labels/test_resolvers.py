"""From what reviewers said to one verdict: who counts, who wins, how far they agree, and when there is none."""

from __future__ import annotations

from typing import Literal

import pytest

from curation import ids
from curation.labels import MajorityResolver, MeanResolver, judge_verdict
from curation.labels.ballot import Ballot
from curation.types import Annotation, Drop, Verdict
from tests.rows import make_annotation, make_ballot

A, B, GOOD, BAD = (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.0, 0.0)
RESOLVERS: dict[str, MajorityResolver | MeanResolver] = {"majority": MajorityResolver(), "mean": MeanResolver()}


def ballot(*answers: tuple[float, float], more: tuple[Annotation, ...] = ()) -> Ballot:
    return make_ballot(*(make_annotation(f"r{number}", *scores) for number, scores in enumerate(answers)), *more)


def verdict(found: Verdict | Drop) -> Verdict:
    assert isinstance(found, Verdict), found
    return found


def majority(*answers: tuple[float, float]) -> Verdict:
    return verdict(MajorityResolver().resolve(ballot(*answers)))


def mean(*answers: tuple[float, float]) -> Verdict:
    return verdict(MeanResolver().resolve(ballot(*answers)))


def numbers(found: Verdict) -> tuple[float, ...]:
    return tuple(score.score for score in found.scores)


def texts(found: Verdict) -> list[str]:
    return [score.candidate.text for score in found.scores]


@pytest.mark.parametrize("answer", [A, B, GOOD, BAD])
@pytest.mark.parametrize("resolver", RESOLVERS)
def test_one_reviewers_answer_is_the_verdict_and_agreement_is_null(resolver: str, answer: tuple[float, float]) -> None:
    found = verdict(RESOLVERS[resolver].resolve(ballot(answer)))
    assert numbers(found) == answer
    assert texts(found) == ["Answer 0.", "Answer 1."]
    assert (found.reviewers, found.agreement) == (1, None)


@pytest.mark.parametrize("resolver", RESOLVERS)
def test_a_verdict_carries_its_record_its_prompt_and_all_that_was_said(resolver: str) -> None:
    draft = make_annotation("zoe", status="draft")
    counted = ballot(A, A, more=(draft,))
    found = verdict(RESOLVERS[resolver].resolve(counted))
    assert found.record_id == counted.record.id
    assert found.prompt == counted.candidate_set.prompt
    assert found.annotations == counted.annotations
    assert found.label_source == "human"


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
def test_the_most_frequent_answer_wins_and_agreement_is_its_share(
    answers: tuple[tuple[float, float], ...], winner: tuple[float, float], agreement: float
) -> None:
    found = majority(*answers)
    assert numbers(found) == winner
    assert found.agreement == pytest.approx(agreement)
    assert found.reviewers == len(answers)


@pytest.mark.parametrize("answers", [(A, B), (A, B, GOOD), (A, A, B, B), (A, A, B, B, GOOD), (GOOD, BAD)])
def test_a_draw_between_answers_gives_no_verdict(answers: tuple[tuple[float, float], ...]) -> None:
    counted = ballot(*answers)
    assert MajorityResolver().resolve(counted) == Drop(id=counted.record.id, reason="draw")


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
    answers: tuple[tuple[float, float], ...], means: tuple[float, float], agreement: float
) -> None:
    found = mean(*answers)
    assert numbers(found) == pytest.approx(means)
    assert found.agreement == pytest.approx(agreement)
    assert found.reviewers == len(answers)


@pytest.mark.parametrize("resolver", RESOLVERS)
def test_the_order_in_which_reviewers_come_changes_nothing(resolver: str) -> None:
    ann, bob, eve = (make_annotation("ann", *A, edit="One."), make_annotation("bob", *A, edit="Two."), B)
    one = make_ballot(ann, bob, make_annotation("eve", *eve))
    other = make_ballot(make_annotation("eve", *eve), bob, ann)
    resolve = RESOLVERS[resolver].resolve
    assert verdict(resolve(one)).scores == verdict(resolve(other)).scores


@pytest.mark.parametrize("resolver", RESOLVERS)
@pytest.mark.parametrize("status", ["draft", "discarded"])
def test_drafts_and_discards_never_count(resolver: str, status: Literal["draft", "discarded"]) -> None:
    loud = tuple(make_annotation(f"z{number}", status=status, edit="Mine.") for number in range(3))
    found = verdict(RESOLVERS[resolver].resolve(ballot(B, more=loud)))
    assert numbers(found) == B
    assert (found.reviewers, found.agreement) == (1, None)
    silent = make_ballot(*loud)
    assert RESOLVERS[resolver].resolve(silent) == Drop(id=silent.record.id, reason="unreviewed")


@pytest.mark.parametrize("resolver", RESOLVERS)
def test_a_record_that_nobody_answered_is_unreviewed(resolver: str) -> None:
    assert RESOLVERS[resolver].resolve(ballot()) == Drop(id=ballot().record.id, reason="unreviewed")


@pytest.mark.parametrize("resolver", [MajorityResolver(min_reviewers=3), MeanResolver(min_reviewers=3)])
def test_too_few_reviewers_give_no_verdict(resolver: MajorityResolver | MeanResolver) -> None:
    few = ballot(A, A)
    assert resolver.resolve(few) == Drop(id=few.record.id, reason="too_few_reviewers")
    assert verdict(resolver.resolve(ballot(A, A, A))).reviewers == 3


@pytest.mark.parametrize("resolver", RESOLVERS)
def test_people_outweigh_any_number_of_programs(resolver: str) -> None:
    programs = tuple(make_annotation(f"simulated-{number}", *A) for number in range(5))
    found = verdict(RESOLVERS[resolver].resolve(ballot(B, more=programs)))
    assert numbers(found) == B
    assert (found.reviewers, found.label_source) == (1, "human")


@pytest.mark.parametrize("resolver", RESOLVERS)
def test_programs_alone_decide_and_it_is_said(resolver: str) -> None:
    counted = make_ballot(
        make_annotation("simulated-ann", *A),
        make_annotation("simulated-bob", *A),
        make_annotation("carl", status="draft"),
    )
    found = verdict(RESOLVERS[resolver].resolve(counted))
    assert (numbers(found), found.reviewers, found.label_source) == (A, 2, "simulated")


@pytest.mark.parametrize("resolver", RESOLVERS)
def test_an_edit_is_one_more_candidate_with_score_one(resolver: str) -> None:
    counted = make_ballot(make_annotation("ann", *A, edit="A better text."))
    found = verdict(RESOLVERS[resolver].resolve(counted))
    assert numbers(found) == (1.0, 0.0, 1.0)
    edit = found.scores[2].candidate
    assert (edit.text, edit.generator, edit.model, edit.rating) == ("A better text.", "human-edit", "human-edit", None)
    assert edit.id == ids.candidate_id(counted.record.prompt_id, "human-edit", "A better text.")


def test_only_the_winners_edits_become_candidates_of_a_majority() -> None:
    counted = make_ballot(
        make_annotation("ann", *A, edit="Ann's."), make_annotation("bob", *A), make_annotation("eve", *B, edit="Eve's.")
    )
    assert texts(verdict(MajorityResolver().resolve(counted))) == ["Answer 0.", "Answer 1.", "Ann's."]
    assert texts(verdict(MeanResolver().resolve(counted))) == ["Answer 0.", "Answer 1.", "Ann's.", "Eve's."]


@pytest.mark.parametrize("same", ["Answer 0.", " Answer 0. \n", "Answer 1."])
@pytest.mark.parametrize("resolver", RESOLVERS)
def test_an_edit_that_says_what_is_shown_already_is_none(resolver: str, same: str) -> None:
    found = verdict(RESOLVERS[resolver].resolve(make_ballot(make_annotation("ann", *A, edit=same))))
    assert texts(found) == ["Answer 0.", "Answer 1."]


@pytest.mark.parametrize("resolver", RESOLVERS)
def test_two_reviewers_who_wrote_the_same_wrote_one_candidate(resolver: str) -> None:
    counted = make_ballot(make_annotation("ann", *A, edit="é"), make_annotation("bob", *A, edit="e\u0301\r"))
    assert texts(verdict(RESOLVERS[resolver].resolve(counted))) == ["Answer 0.", "Answer 1.", "é"]


@pytest.mark.parametrize(("ratings", "scores"), [((5, 1), (1.0, 0.0)), ((3, 4.5), (0.5, 0.875)), ((1, 1), (0.0, 0.0))])
def test_the_judges_ratings_become_scores(ratings: tuple[float, float], scores: tuple[float, float]) -> None:
    found = verdict(judge_verdict(make_ballot(ratings=ratings)))
    assert numbers(found) == scores
    assert (found.reviewers, found.agreement, found.label_source) == (0, None, "judge")


@pytest.mark.parametrize("ratings", [(None, None), (4, None), (None, 1)])
def test_without_two_ratings_the_judge_decides_nothing(ratings: tuple[float | None, float | None]) -> None:
    counted = make_ballot(ratings=ratings)
    assert judge_verdict(counted) == Drop(id=counted.record.id, reason="unrated")


def test_the_scores_stand_in_the_order_of_the_page_and_not_of_the_set() -> None:
    plain = ballot(A)
    turned = Ballot(
        record=plain.record.model_copy(update={"candidates": plain.record.candidates[::-1]}),
        candidate_set=plain.candidate_set,
        annotations=plain.annotations,
    )
    found = verdict(MajorityResolver().resolve(turned))
    assert [(score.candidate.text, score.score) for score in found.scores] == [("Answer 1.", 1.0), ("Answer 0.", 0.0)]
