"""A server that was set back to an older copy is told from people who take answers back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from curation.review.merge import Responses, merge_responses
from curation.review.set_back import sign_of_an_older_copy
from curation.types import Response
from tests.review.test_merge import BEFORE, KNOWN, pull, said, stored

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def at(minutes: int, record: str, reviewer: str = "ann", *, dataset: str = "dataset-now") -> Response:
    """Return a response that was changed last so many minutes after noon."""
    changed_at = {"updated_at": NOON + timedelta(minutes=minutes)}
    return said(record, reviewer, dataset=dataset).model_copy(update=changed_at)


ALL = stored(*(at(10 * number, f"r{number}", who) for number in range(4) for who in ("ann", "bob")))


def sign(
    before: Responses, *pulled: Response, active: int | None = None, seen: int | None = None, **pulled_with: object
) -> str | None:
    """Return the sign; `active` and `seen` are the last activities of the server and of the last sync, in minutes."""
    minutes = {"active": active, "seen": seen}
    times = {name: None if given is None else NOON + timedelta(minutes=given) for name, given in minutes.items()}
    held = replace(pull(*pulled, **pulled_with), last_activity_at=times["active"])  # type: ignore[arg-type]
    merged = merge_responses(before, held, known=KNOWN)
    return sign_of_an_older_copy(before, merged, held, seen_activity=times["seen"])


def without(*lost: tuple[str, str]) -> list[Response]:
    return [response for key, response in ALL.items() if key not in lost]


def test_a_last_activity_that_was_earlier_tells_of_a_single_lost_answer() -> None:
    lost = without(("r3", "bob"))
    told = sign(ALL, *lost, active=20, seen=30)
    assert told == (
        "it lacks 1 response, and its last activity was at 2026-01-31 12:20:00, before that of 2026-01-31 12:30:00 "
        "(UTC) which the last sync saw"
    )
    # Somebody took it back, which is an activity.
    assert sign(ALL, *lost, active=31, seen=30) is None
    # Nothing is gone: so it is after `restore`, whose responses move no last activity.
    assert sign(ALL, *ALL.values(), active=20, seen=30) is None
    # It is the first sync that notes it.
    assert sign(ALL, *lost, active=20) is None


def test_an_older_state_of_an_answer_tells() -> None:
    older = at(29, "r3", "bob")
    assert sign(ALL, *without(("r3", "bob")), older, active=99, seen=30) == "it has an older state of 1 response"


def test_the_newest_answers_alone_are_gone_although_people_went_on() -> None:
    lost = without(("r3", "ann"), ("r3", "bob"), ("r2", "bob"), ("r2", "ann"))
    assert sign(ALL, *lost, at(99, "r3", "bob"), active=99, seen=30) is None, "one of them was answered anew"
    assert (
        sign(ALL, *lost, active=99, seen=30) == "it lacks 4 responses, and they are the newest that the last sync saw"
    )


@pytest.mark.parametrize(
    "lost",
    [
        [("r3", "ann"), ("r3", "bob")],
        [("r0", "ann"), ("r0", "bob"), ("r1", "ann"), ("r1", "bob")],
        [("r3", "ann"), ("r2", "ann"), ("r1", "ann")],
        list(ALL),
    ],
    ids=["two", "the oldest", "one reviewer's", "all"],
)
def test_answers_that_people_may_have_taken_back_tell_nothing(lost: list[tuple[str, str]]) -> None:
    assert sign(ALL, *without(*lost), active=99, seen=30) is None


def test_renamed_reviewers_and_another_server_tell_nothing() -> None:
    people = {"id-ann": "anna", "id-bob": "bob"}
    assert sign(ALL, *ALL.values(), people=people, active=20, seen=30) is None
    elsewhere = stored(*(at(90, f"r{number}", dataset=BEFORE) for number in range(4)))
    assert sign(elsewhere, at(1, "r0"), active=20) is None
