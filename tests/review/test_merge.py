"""Bringing the stored responses up to date: nothing people decided is lost, nothing they took back is kept."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from curation.errors import RefusedError, TemporaryError
from curation.review.merge import Merged, Responses, merge_responses
from curation.review.pulled import Accounts, Answer, Pulled
from curation.types import Response, Status

HERE, BEFORE = "dataset-now", "dataset-before"
KNOWN = ("r0", "r1", "r2", "r3")
PEOPLE = {"id-ann": "ann", "id-bob": "bob"}
"""The accounts of the server: ids and usernames."""


def said(
    record: str = "r0",
    reviewer: str = "ann",
    preference: str = "a",
    *,
    status: Status = "submitted",
    dataset: str = HERE,
    copy: str | None = None,
    account: str | None = None,
    **values: Any,
) -> Response:
    """Return a response; `copy` is the server's id of the record, `account` that of the reviewer."""
    return Response(
        record_id=record,
        reviewer=reviewer,
        status=status,
        values={"preference": preference, **values},
        dataset_id=dataset,
        server_record_id=copy or f"{dataset}/{record}",
        server_user_id=account or f"id-{reviewer}",
    )


def stored(*responses: Response) -> Responses:
    return {(response.record_id, response.reviewer): response for response in responses}


def pull(
    *responses: Response,
    records: Mapping[str, str | None] | None = None,
    people: Mapping[str, str] = PEOPLE,
    left: Collection[str] = (),
    everybody: bool = True,
) -> Pulled:
    """Return what Argilla holds: these responses, the records by the server's id, and accounts, of whom some left."""
    return Pulled(
        began_at=datetime(2026, 1, 31, tzinfo=UTC),
        dataset_id=HERE,
        guidelines="",
        records={f"{HERE}/{record}": record for record in KNOWN} if records is None else records,
        answers=tuple(
            Answer(
                HERE,
                response.server_record_id,
                response.server_user_id,
                response.status,
                response.values,
                updated_at=response.updated_at,
            )
            for response in responses
        ),
        accounts=Accounts(usernames=people, members=frozenset(people.keys() - set(left)), everybody=everybody),
    )


def merge(before: Responses, *pulled: Response, forgotten: Collection[str] = (), **pulled_with: Any) -> Merged:
    return merge_responses(before, pull(*pulled, **pulled_with), known=KNOWN, forgotten=forgotten)


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


def test_a_response_that_is_older_than_the_stored_one_shows_that_the_server_was_set_back() -> None:
    def at(hour: int, preference: str, dataset: str = HERE) -> Response:
        changed_at = {"updated_at": datetime(2026, 1, 31, hour, tzinfo=UTC)}
        return said(preference=preference, dataset=dataset).model_copy(update=changed_at)

    assert merge(stored(at(12, "b")), at(11, "a")).set_back == 1
    assert merge(stored(at(12, "b")), at(12, "b")).set_back == 0
    assert merge(stored(at(12, "b")), at(13, "a")).set_back == 0
    # Another server's clock says nothing about this one, and a response without times says nothing at all.
    assert merge(stored(at(12, "b", BEFORE)), at(11, "a")).set_back == 0
    assert merge(stored(said(preference="b")), at(11, "a")).set_back == 0


def test_the_order_of_the_values_is_no_change() -> None:
    before = said().model_copy(update={"values": {"edit": "x", "preference": "a"}})
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
    merged = merge(before, said("r1"), records={f"{HERE}/r1": "r1"})
    assert merged.responses == before
    assert counts(merged) == (0, 0, 0, 0)


def test_what_was_said_of_a_record_that_was_pushed_anew_is_kept() -> None:
    before = stored(said("r0"), said("r1"), said("r1", "bob"))
    records = {"another copy of r0": "r0", f"{HERE}/r1": "r1"}
    merged = merge(before, said("r1"), records=records)
    assert merged.responses == stored(said("r0"), said("r1"))
    assert counts(merged) == (0, 0, 1, 0)
    anew = said("r0", preference="b", copy="another copy of r0")
    assert merge(merged.responses, anew, said("r1"), records=records).responses == stored(anew, said("r1"))


@pytest.mark.parametrize("status", ["draft", "discarded"])
@pytest.mark.parametrize("old", [said(dataset=BEFORE), said(copy="former"), said(account="former")])
def test_what_was_submitted_before_stays_until_the_reviewer_submits_anew(old: Response, status: Status) -> None:
    looked = merge(stored(old), said(status=status))
    assert looked.responses == stored(old)
    assert counts(looked) == (0, 0, 0, 0)
    submitted = merge(looked.responses, said(preference="b"))
    assert submitted.responses == stored(said(preference="b"))
    assert counts(submitted) == (0, 1, 0, 0)
    taken_back = merge(submitted.responses, said(preference="b", status=status))
    assert taken_back.responses == stored(said(preference="b", status=status))


def test_a_draft_before_is_replaced_by_whatever_came_after_it() -> None:
    old = said(status="draft", dataset=BEFORE)
    assert merge(stored(old), said(status="discarded")).responses == stored(said(status="discarded"))


def test_the_answers_of_an_account_that_was_deleted_are_kept_and_said() -> None:
    before = stored(said("r0"), said("r1"), said("r0", "bob"))
    merged = merge(before, said("r0", "bob"), people={"id-bob": "bob"})
    assert merged.responses == before
    assert counts(merged) == (0, 0, 0, 0)
    assert merged.gone == {"ann": 2}


def test_who_left_the_workspace_is_said_and_still_withdraws_what_is_gone() -> None:
    merged = merge(stored(said("r0"), said("r1")), said("r0"), left={"id-ann"})
    assert merged.responses == stored(said("r0"))
    assert merged.gone == {"ann": 1}
    assert counts(merged) == (0, 0, 1, 0)


def test_who_has_another_account_of_the_same_name_is_not_gone() -> None:
    before = stored(said("r0", dataset=BEFORE, account="id-on-another-server"))
    assert merge(before).gone == {}


def test_an_account_that_the_key_may_not_see_keeps_the_name_that_is_remembered() -> None:
    before = stored(said("r0", "simulated-one"))
    again = [said("r0", "simulated-one"), said("r1", "simulated-one", "b")]
    merged = merge(before, *again, everybody=False)
    assert merged.responses == stored(*again)
    assert merged.gone == {"simulated-one": 2}


def test_an_account_without_a_name_is_refused_in_a_sentence() -> None:
    before = stored(said("r0"))
    with pytest.raises(RefusedError, match=r"not in the workspace \(id-eve\).*once with an owner's key"):
        merge(before, said("r0"), said("r1", "eve"), everybody=False)


def test_an_account_that_was_deleted_during_the_pull_is_asked_for_again() -> None:
    with pytest.raises(TemporaryError, match="id-eve was deleted"):
        merge({}, said("r1", "eve"))


def test_nobody_needs_the_name_of_who_answered_records_that_are_not_ours() -> None:
    records = {f"{HERE}/stranger": "stranger", "nobody's": None}
    answers = [said("stranger", "eve"), said("none", "eve", copy="nobody's")]
    merged = merge({}, *answers, records=records, everybody=False)
    assert (merged.responses, merged.foreign) == ({}, 2)


def test_a_renamed_reviewer_is_the_same_one() -> None:
    before = stored(said("r0"), said("r1"), said("r0", "bob"))
    people = {"id-ann": "anna", "id-bob": "bob"}
    again = [said("r0", "anna", account="id-ann"), said("r2", "anna", account="id-ann"), said("r0", "bob")]
    merged = merge(before, *again, people=people)
    assert merged.responses == stored(*again)
    assert counts(merged) == (1, 0, 1, 0)
    assert merged.renamed == {"ann": "anna"}
    assert merge(merged.responses, *again, people=people).renamed == {}


def test_a_renamed_reviewer_is_the_same_one_in_a_dataset_created_anew() -> None:
    before = stored(said("r0", dataset=BEFORE), said("r1", dataset=BEFORE))
    anew = said("r0", "anna", "b", account="id-ann")
    merged = merge(before, anew, people={"id-ann": "anna"})
    assert merged.responses == stored(anew, said("r1", "anna", dataset=BEFORE, account="id-ann"))
    assert counts(merged) == (0, 1, 0, 0)


def test_a_rename_reaches_what_the_same_person_said_on_a_server_before() -> None:
    before = stored(said("r0", dataset=BEFORE, account="id-on-another-server"), said("r1"))
    merged = merge(before, said("r1", "anna", account="id-ann"), people={"id-ann": "anna"})
    assert {reviewer for _, reviewer in merged.responses} == {"anna"}
    assert len(merged.responses) == 2


def test_two_reviewers_who_swapped_their_names_keep_their_answers() -> None:
    before = stored(said("r0", "ann", "a"), said("r0", "bob", "b"))
    again = [said("r0", "bob", "a", account="id-ann"), said("r0", "ann", "b", account="id-bob")]
    merged = merge(before, *again, people={"id-ann": "bob", "id-bob": "ann"})
    assert merged.responses == stored(*again)
    assert counts(merged) == (0, 0, 0, 0)


def test_a_name_that_is_taken_by_another_answer_takes_none_away() -> None:
    before = stored(
        said("r0", "ann", dataset=BEFORE, account="id-on-another-server"),
        said("r0", "anna", dataset=BEFORE, account="id-gone"),
        said("r1", "ann"),
    )
    again = said("r1", "anna", account="id-ann")
    merged = merge(before, again, people={"id-ann": "anna"})
    assert len(merged.responses) == 3


def test_a_name_given_to_another_reviewer_of_the_same_records_is_refused() -> None:
    before = stored(said("r0", "ann", "a", account="id-gone"), said("r0", "bob", "b"))
    renamed = said("r0", "ann", "b", account="id-bob")
    with pytest.raises(RefusedError, match=r"given the name 'ann'.*r0 among them"):
        merge(before, renamed, people={"id-bob": "ann"})
    apart = stored(said("r1", "ann", "a", account="id-gone"), said("r0", "bob", "b"))
    assert len(merge(apart, renamed, people={"id-bob": "ann"}).responses) == 2


def test_a_remembered_name_that_somebody_else_has_now_is_not_trusted() -> None:
    before = stored(said("r0", "ann", account="id-left"))
    answers = [said("r0", "ann", account="id-left"), said("r1", "ann", "b", account="id-new")]
    with pytest.raises(RefusedError, match="id-left"):
        merge(before, *answers, people={"id-new": "ann"}, everybody=False)


def test_a_program_never_becomes_a_person_by_a_new_name() -> None:
    before = stored(said("r0", "simulated-one"))
    people = {"id-simulated-one": "maria"}
    with pytest.raises(RefusedError, match="'simulated-one' is called 'maria' now"):
        merge(before, said("r0", "maria", account="id-simulated-one"), people=people)
    merged = merge(before, said("r0", "maria", account="id-simulated-one"), people=people, forgotten={*people})
    assert (merged.responses, merged.forgotten, merged.ignored) == ({}, 1, 1)


def test_forgotten_accounts_are_taken_out_and_left_out_from_then_on() -> None:
    before = stored(said("r0"), said("r1"), said("r0", "bob"))
    merged = merge(before, said("r0"), said("r2"), said("r0", "bob"), forgotten={"id-ann"})
    assert merged.responses == stored(said("r0", "bob"))
    assert (merged.forgotten, merged.ignored, merged.withdrawn, merged.gone) == (2, 2, 0, {})
    again = merge(merged.responses, said("r0"), said("r2"), said("r0", "bob"), forgotten={"id-ann"})
    assert (again.forgotten, again.ignored, again.responses) == (0, 2, merged.responses)


def test_who_comes_back_with_another_account_is_not_forgotten() -> None:
    anew = said("r0", "ann", account="id-new")
    assert merge({}, anew, people={"id-new": "ann"}, forgotten={"id-ann"}).responses == stored(anew)


def test_responses_to_records_that_are_not_ours_are_left_out_and_counted() -> None:
    records = {f"{HERE}/r0": "r0", f"{HERE}/stranger": "stranger"}
    merged = merge({}, said("r0"), said("stranger"), said("stranger", "bob"), records=records)
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
        before = _some(chance, copies=("dataset-before", "former", HERE))
        now = _some(chance, copies=(HERE,))
        records = {f"{HERE}/{record}": record for record in chance.sample(KNOWN, 3)}
        answers = [response for response in now.values() if response.server_record_id in records]
        people = dict(chance.sample(sorted(PEOPLE.items()), chance.randint(1, 2)))
        answers = [response for response in answers if response.server_user_id in people]
        once = merge(before, *answers, records=records, people=people)
        twice = merge(once.responses, *answers, records=records, people=people)
        assert twice.responses == once.responses
        assert counts(twice) == (0, 0, 0, 0)
        assert len(once.responses) == len(before) + once.added - once.withdrawn
        for key, response in before.items():
            # Whatever was submitted stays, unless it was taken back where it was given or is given anew.
            if response.status == "submitted" and response.server_record_id not in records:
                assert once.responses[key].status == "submitted"


def _some(chance: random.Random, *, copies: tuple[str, ...]) -> Responses:
    return stored(
        *(
            said(
                record,
                reviewer,
                chance.choice(["a", "b"]),
                status=chance.choice(["submitted", "draft", "discarded"]),
                copy=f"{chance.choice(copies)}/{record}",
            )
            for record in KNOWN
            for reviewer in ("ann", "bob")
            if chance.random() < 0.6
        )
    )


def test_who_answers_under_a_known_name_from_another_account_is_one_person_and_is_said() -> None:
    before = stored(said("r0", "ann", "a", account="ann-elsewhere"), said("r1", "ann", "a", account="ann-elsewhere"))
    merged = merge(before, said("r1", "ann", "b"), said("r2", "ann", "b"))
    assert merged.second_accounts == {"ann": 2}
    # The later answer to the same record counts, and the earlier one to another record stays.
    assert {key: response.values["preference"] for key, response in merged.responses.items()} == {
        ("r0", "ann"): "a",
        ("r1", "ann"): "b",
        ("r2", "ann"): "b",
    }
    # It is said once, when the first answers of the new account come.
    assert merge(merged.responses, said("r1", "ann", "b"), said("r2", "ann", "b")).second_accounts == {}
