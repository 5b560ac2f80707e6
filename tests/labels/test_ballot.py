"""Who counts for a record, and which of their texts."""

from __future__ import annotations

import pickle

import pytest

from curation.labels.ballot import Ballot, verdict
from curation.types import Annotation, Status
from tests.labels.crowd import A, B
from tests.rows import make_annotation, make_ballot, make_verdict


def edits(*texts: str | None) -> tuple[str, ...]:
    editors = [make_annotation(f"r{number}", *A, edit=text) for number, text in enumerate(texts)]
    return verdict(make_ballot(*editors), A, agreeing=editors, editors=editors).edits


def counted(ballot: Ballot) -> list[str]:
    return [annotation.reviewer for annotation in ballot.submitted]


def test_annotations_that_count_are_sorted_by_reviewer() -> None:
    assert counted(make_ballot(make_annotation("zoe", *A), make_annotation("ann", *B))) == ["ann", "zoe"]


def test_programs_count_only_if_no_person_submitted() -> None:
    program, person = make_annotation("simulated-a", *A), make_annotation("zoe", *B)
    draft = make_annotation("bob", status="draft")
    assert counted(make_ballot(program, person, draft)) == ["zoe"]
    assert counted(make_ballot(program, draft)) == ["simulated-a"]
    assert make_ballot(program, person).label_source == "human"
    assert make_ballot(program, draft).label_source == "simulated"


def test_nobody_counts_if_nobody_submitted() -> None:
    assert counted(make_ballot(make_annotation("bob", status="discarded"))) == []
    assert make_ballot().label_source == "human"


def test_a_ballot_is_a_value() -> None:
    ballot = make_ballot(make_annotation("zoe", *A), ratings=(4.0, None))
    assert pickle.loads(pickle.dumps(ballot)) == ballot
    assert counted(pickle.loads(pickle.dumps(ballot))) == ["zoe"]
    with pytest.raises(AttributeError):
        ballot.record_id = "other"  # type: ignore[misc]


def test_edits_are_stripped_and_equal_edits_are_listed_once() -> None:
    assert edits(" é\n", None, "e\u0301", "Two.\r\nLines", "Two.\nLines") == ("é", "Two.\r\nLines")


@pytest.mark.parametrize("blank", ["", " \n\t"])
def test_a_blank_edit_is_no_edit(blank: str) -> None:
    assert edits(blank, "Text.") == ("Text.",)


def test_a_verdict_has_the_scores_edits_agreement_and_source() -> None:
    annotations = [make_annotation("ann", *A), make_annotation("bob", *B)]
    resolved = verdict(make_ballot(*annotations), A, agreeing=annotations[:1], editors=[])
    assert resolved == make_verdict(*A, reviewers=2, agreement=0.5)


def adjudicator(reviewer: str, *scores: float | None, status: Status = "submitted") -> Annotation:
    return make_annotation(reviewer, *scores, status=status).model_copy(update={"adjudication": True})


def test_adjudicators_decide_once_one_of_them_submitted() -> None:
    first = make_annotation("ann", *A), make_annotation("bob", *B)
    ballot = make_ballot(*first, adjudicator("zoe", *B), adjudicator("eve", *A, status="draft"))
    assert (counted(ballot), ballot.adjudicated, ballot.label_source) == (["zoe"], True, "adjudicated")
    assert (counted(ballot.first_round), ballot.first_round.label_source) == (["ann", "bob"], "human")
    # Who reviewed a record first may adjudicate it too, and has then two annotations.
    again = make_ballot(*first, adjudicator("ann", *B))
    assert [(given.reviewer, given.scores) for given in again.submitted] == [("ann", B)]


@pytest.mark.parametrize("status", ["draft", "discarded"])
def test_what_an_adjudicator_did_not_submit_decides_nothing(status: Status) -> None:
    ballot = make_ballot(make_annotation("ann", *A), adjudicator("zoe", status=status))
    assert (counted(ballot), ballot.adjudicated, ballot.label_source) == (["ann"], False, "human")


def test_a_program_that_adjudicates_never_takes_the_place_of_a_person() -> None:
    person, programs = make_annotation("ann", *A), [make_annotation("simulated-a", *A), adjudicator("simulated-b", *B)]
    assert counted(make_ballot(person, *programs)) == ["ann"]
    assert counted(make_ballot(*programs)) == ["simulated-b"]
    assert make_ballot(*programs).label_source == "simulated"
