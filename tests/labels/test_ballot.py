"""Who counts for a record, and which of their texts."""

from __future__ import annotations

import pickle

import pytest

from curation.labels.ballot import Ballot, verdict
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
