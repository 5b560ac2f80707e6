"""Bringing the stored responses up to date: nothing people decided is lost, nothing they took back is kept."""

from __future__ import annotations

import random
from typing import Any

import pytest

from curation.review.merge import Merged, Responses, merge_responses
from curation.types import Response, Status

HERE, BEFORE = "dataset-now", "dataset-before"
KNOWN = {"r0", "r1", "r2", "r3"}


def said(
    record: str = "r0",
    reviewer: str = "ann",
    preference: str = "a",
    *,
    status: Status = "submitted",
    dataset: str = HERE,
    **values: Any,
) -> Response:
    return Response(
        record_id=record,
        reviewer=reviewer,
        status=status,
        values={"preference": preference, **values},
        dataset_id=dataset,
    )


def stored(*responses: Response) -> Responses:
    return {(response.record_id, response.reviewer): response for response in responses}


def merge(before: Responses, *pulled: Response, present: set[str] = KNOWN, known: set[str] = KNOWN) -> Merged:
    return merge_responses(before, pulled, dataset_id=HERE, present=present, known=known)


def counts(merged: Merged) -> tuple[int, int, int, int]:
    return merged.added, merged.changed, merged.withdrawn, merged.foreign


def test_a_new_response_is_added() -> None:
    merged = merge(stored(said("r0")), said("r0"), said("r1"))
    assert merged.responses == stored(said("r0"), said("r1"))
    assert counts(merged) == (1, 0, 0, 0)


def test_the_same_response_again_changes_nothing() -> None:
    before = stored(said("r0"), said("r0", "bob"))
    merged = merge(before, *before.values())
    assert merged.responses == before
    assert counts(merged) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "later",
    [said(preference="b"), said(status="discarded"), said(status="draft"), said(edit="Better.")],
    ids=["another choice", "discarded", "back to draft", "an edit"],
)
def test_a_response_that_says_something_else_is_changed(later: Response) -> None:
    merged = merge(stored(said()), later)
    assert merged.responses == stored(later)
    assert counts(merged) == (0, 1, 0, 0)


def test_the_order_of_the_values_is_no_change() -> None:
    before = Response(
        record_id="r0", reviewer="ann", status="submitted", values={"edit": "x", "preference": "a"}, dataset_id=HERE
    )
    assert counts(merge(stored(before), said(edit="x"))) == (0, 0, 0, 0)


def test_a_response_that_is_gone_from_its_record_was_withdrawn() -> None:
    merged = merge(stored(said("r0"), said("r1")), said("r1"))
    assert merged.responses == stored(said("r1"))
    assert counts(merged) == (0, 0, 1, 0)


def test_withdrawing_the_last_response_leaves_none() -> None:
    merged = merge(stored(said()))
    assert merged.responses == {}
    assert counts(merged) == (0, 0, 1, 0)


def test_one_reviewer_withdrawing_leaves_the_others_answers() -> None:
    merged = merge(stored(said(reviewer="ann"), said(reviewer="bob")), said(reviewer="bob"))
    assert merged.responses == stored(said(reviewer="bob"))


def test_what_was_said_in_a_dataset_since_created_anew_is_kept() -> None:
    before = stored(said("r0", dataset=BEFORE))
    merged = merge(before)
    assert merged.responses == before
    assert counts(merged) == (0, 0, 0, 0)


def test_what_is_said_again_in_the_new_dataset_replaces_the_old_answer() -> None:
    merged = merge(stored(said(preference="a", dataset=BEFORE)), said(preference="b"))
    assert merged.responses == stored(said(preference="b"))
    assert counts(merged) == (0, 1, 0, 0)


def test_the_same_answer_in_the_new_dataset_is_its_from_then_on_and_no_change() -> None:
    merged = merge(stored(said(dataset=BEFORE)), said())
    assert merged.responses == stored(said(dataset=HERE))
    assert counts(merged) == (0, 0, 0, 0)
    assert counts(merge(merged.responses)) == (0, 0, 1, 0)


def test_what_was_said_of_a_record_that_is_gone_is_kept() -> None:
    before = stored(said("r0"), said("r1"))
    merged = merge(before, said("r1"), present=KNOWN - {"r0"})
    assert merged.responses == before
    assert counts(merged) == (0, 0, 0, 0)


def test_responses_to_records_that_are_not_ours_are_left_out_and_counted() -> None:
    merged = merge({}, said("r0"), said("stranger"), said("stranger", "bob"), present=KNOWN | {"stranger"})
    assert merged.responses == stored(said("r0"))
    assert counts(merged) == (1, 0, 0, 2)


def test_the_stored_responses_are_left_as_they_were() -> None:
    before = stored(said("r0"), said("r1"))
    kept = dict(before)
    merge(before, said("r2"))
    assert before == kept


def test_merging_twice_is_merging_once_and_the_counts_add_up() -> None:
    for seed in range(500):
        chance = random.Random(seed)
        before, pulled = _some(chance), _some(chance)
        present = set(chance.sample(sorted(KNOWN), 3))
        pulled = {key: row.model_copy(update={"dataset_id": HERE}) for key, row in pulled.items()}
        once = merge(before, *pulled.values(), present=present, known=KNOWN - {"r3"})
        twice = merge(once.responses, *pulled.values(), present=present, known=KNOWN - {"r3"})
        assert twice.responses == once.responses
        assert counts(twice) == (0, 0, 0, once.foreign)
        assert len(once.responses) == len(before) + once.added - once.withdrawn


def _some(chance: random.Random) -> Responses:
    return stored(
        *(
            said(
                record,
                reviewer,
                chance.choice(["a", "b"]),
                status=chance.choice(["submitted", "draft", "discarded"]),
                dataset=chance.choice([HERE, BEFORE]),
            )
            for record in sorted(KNOWN)
            for reviewer in ("ann", "bob")
            if chance.random() < 0.6
        )
    )
