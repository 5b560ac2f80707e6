"""Ballots: what each response means, by the task of its record, and who answered how often."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.derive.ballots import Ballots, read_ballots
from curation.derive.tables import read_records
from curation.errors import DataError
from curation.review import reading_task
from curation.store import Snapshot
from curation.types import Annotation, CandidateSet, Response, ReviewRecord
from tests.derive.stores import as_version, make_record, make_response, make_snapshot
from tests.rows import make_prompt, make_set


def sets_of(count: int) -> list[CandidateSet]:
    return [make_set(make_prompt(f"Question {number}?")) for number in range(count)]


def ballots_of(snapshot: Snapshot) -> Ballots:
    return read_ballots(
        snapshot,
        read_records(snapshot),
        lambda response, record: reading_task(record.task).annotation(response, record),
    )


def answers(ballots: Ballots) -> dict[str, list[tuple[str, str, tuple[float | None, ...]]]]:
    """Return who answered what to each record, by record id."""
    return {
        record_id: [
            (annotation.reviewer, annotation.status, annotation.scores) for annotation in ballots.annotations[ballot_no]
        ]
        for record_id, ballot_no in ballots.records.select("record_id", "ballot_no").iter_rows()
    }


def test_a_ballot_has_all_who_responded_to_the_record_by_reviewer(tmp_path: Path) -> None:
    sets = sets_of(3)
    records = [make_record(candidate_set) for candidate_set in sets]
    responses = [
        make_response(records[1], "b", "eva"),
        make_response(records[0], "a", "eva"),
        make_response(records[0], "both_good", "ann"),
        make_response(records[0], "a", "bob", status="discarded"),
    ]
    # In whatever order they were written.
    snapshot = make_snapshot(tmp_path, [sets], [[records[2], records[0]], [records[1]]], responses)
    assert answers(ballots_of(snapshot)) == {
        records[2].id: [],
        records[0].id: [
            ("ann", "submitted", (1.0, 1.0)),
            ("bob", "discarded", ()),
            ("eva", "submitted", (1.0, 0.0)),
        ],
        records[1].id: [("eva", "submitted", (0.0, 1.0))],
    }


def test_equal_ballots_are_one_and_each_response_is_read_once_for_all_that_are_alike(tmp_path: Path) -> None:
    sets = sets_of(100)
    records = [make_record(candidate_set) for candidate_set in sets]
    responses = [
        make_response(record, "ab"[number % 2], name)
        for number, record in enumerate(records)
        for name in ("eva", "ann")
    ]
    snapshot = make_snapshot(tmp_path, [sets], [records], responses)
    read: list[tuple[str, object]] = []

    def annotate(response: Response, record: ReviewRecord) -> Annotation:
        read.append((response.reviewer, response.values["preference"]))
        return reading_task(record.task).annotation(response, record)

    ballots = read_ballots(snapshot, read_records(snapshot), annotate)
    assert sorted(read) == [("ann", "a"), ("ann", "b"), ("eva", "a"), ("eva", "b")]
    assert len(ballots.annotations) == 2
    assert ballots.records["ballot_no"].to_list() == [0, 1] * 50
    assert ballots.examples == (records[0].id, records[1].id)


def test_responses_to_records_that_are_not_there_count_for_nothing(tmp_path: Path) -> None:
    [candidate_set] = sets_of(1)
    record = make_record(candidate_set)
    stray = ReviewRecord(id="stray", task="pairwise", prompt_id="p", set_id="s", candidates=("a", "b"))
    responses = [make_response(stray, "a", "eva"), make_response(record, "a"), make_response(stray, "b", "bob")]
    ballots = ballots_of(make_snapshot(tmp_path, [[candidate_set]], [[record]], responses))
    assert answers(ballots) == {record.id: [("ann", "submitted", (1.0, 0.0))]}
    assert ballots.reviewers == {"ann": 1}


def test_a_retired_record_is_none_without_a_verdict_and_counts_if_it_got_an_answer_after_all(tmp_path: Path) -> None:
    sets = sets_of(3)
    records = [make_record(candidate_set) for candidate_set in sets]
    responses = [make_response(records[1], "a")]
    ballots = ballots_of(make_snapshot(tmp_path, [sets], [records], responses, retired=records[:2]))
    assert answers(ballots) == {records[1].id: [("ann", "submitted", (1.0, 0.0))], records[2].id: []}


def test_reviewers_are_everybody_who_answered_with_what_they_submitted(tmp_path: Path) -> None:
    sets = sets_of(3)
    records = [make_record(candidate_set) for candidate_set in sets]
    responses = [
        make_response(records[0], "a", "eva"),
        make_response(records[1], "a", "eva"),
        make_response(records[2], "a", "eva", status="draft"),
        make_response(records[0], "a", "bob", status="discarded"),
        make_response(records[0], "a", "ann"),
    ]
    ballots = ballots_of(make_snapshot(tmp_path, [sets], [records], responses))
    assert list(ballots.reviewers.items()) == [("ann", 1), ("bob", 0), ("eva", 2)]


def test_answers_with_a_missing_score_are_votes_too(tmp_path: Path) -> None:
    sets = sets_of(3)
    records = [make_record(candidate_set) for candidate_set in sets]
    responses = [make_response(record, preference) for record, preference in zip(records, "aba", strict=True)]
    snapshot = make_snapshot(tmp_path, [sets], [records], responses)
    scores: dict[object, tuple[float | None, ...]] = {"a": (None, 1.0), "b": (0.5, None)}

    def annotate(response: Response, record: ReviewRecord) -> Annotation:
        return Annotation(reviewer="ann", status="submitted", scores=scores[response.values["preference"]])

    votes = read_ballots(snapshot, read_records(snapshot), annotate).votes()
    assert [votes.answers[answer] for answer in votes.answer] == [(None, 1.0), (0.5, None), (None, 1.0)]
    assert votes.record.tolist() == [0, 1, 2]


def test_a_response_that_is_no_answer_and_a_task_that_is_not_known_are_errors(tmp_path: Path) -> None:
    [candidate_set] = sets_of(1)
    record = make_record(candidate_set)
    odd = make_snapshot(tmp_path / "odd", [[candidate_set]], [[record]], [make_response(record, "neither")])
    with pytest.raises(DataError, match="neither"):
        ballots_of(odd)
    record = make_record(candidate_set, task="essay")
    newer = make_snapshot(tmp_path / "newer", [[candidate_set]], [[record]], [make_response(record, "a")])
    with pytest.raises(DataError, match="A review record has the task 'essay'"):
        ballots_of(newer)


def test_a_store_without_responses_has_empty_ballots(tmp_path: Path) -> None:
    sets = sets_of(2)
    records = [make_record(candidate_set) for candidate_set in sets]
    ballots = ballots_of(make_snapshot(tmp_path, [sets], [records]))
    assert answers(ballots) == {record.id: [] for record in records}
    assert (ballots.reviewers, len(ballots.votes()), ballots.votes().records) == ({}, 0, 2)
    empty = ballots_of(make_snapshot(tmp_path / "empty"))
    assert (empty.annotations, empty.reviewers, len(empty.votes())) == ((), {}, 0)


def test_of_a_response_with_several_versions_the_last_counts_and_none_that_ended(tmp_path: Path) -> None:
    [candidate_set] = sets_of(1)
    record = make_record(candidate_set)
    unreadable = make_response(record, "a", "bob").model_copy(update={"values": {"preference": "undecided"}})
    versions = [
        make_response(record, "a", "ann"),
        unreadable,
        make_response(record, "a", "eva"),
        make_response(record, "b", "ann"),
        # Nobody needs to read what bob answered first.
        make_response(record, "b", "bob"),
        as_version(make_response(record, "a", "eva"), ended="withdrawn"),
        as_version(make_response(record, "a", "kim"), ended="renamed"),
        make_response(record, "both_good", "kim"),
    ]
    ballots = ballots_of(make_snapshot(tmp_path, [[candidate_set]], [[record]], versions))
    assert answers(ballots)[record.id] == [
        ("ann", "submitted", (0.0, 1.0)),
        ("bob", "submitted", (0.0, 1.0)),
        ("kim", "submitted", (1.0, 1.0)),
    ]
    assert ballots.reviewers == {"ann": 1, "bob": 1, "kim": 1}
