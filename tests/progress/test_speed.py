"""Who answers faster than the answers can be read is marked, and nobody else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from curation.frames import pl
from curation.progress.responses import frame_of, values_of, with_first_times
from curation.progress.speed import Speed, speeds
from curation.types import Response, Status

START = datetime(2026, 11, 28, 9, tzinfo=UTC)
CHARACTERS = pl.DataFrame(
    {"record_id": [f"r{number}" for number in range(100)], "characters": [1_000] * 100},
    schema_overrides={"characters": pl.UInt32},
)
"""Ten seconds at 100 characters a second."""


def speeds_of(responses: Iterable[Response]) -> dict[str, Speed]:
    return speeds(frame_of(responses), CHARACTERS)


def answer(
    number: int, second: float, *, reviewer: str = "ann", status: Status = "submitted", changed: float = 0.0
) -> Response:
    given = START + timedelta(seconds=second)
    return Response(
        record_id=f"r{number}",
        reviewer=reviewer,
        status=status,
        values={"preference": "a"},
        dataset_id="dataset",
        server_record_id=f"r{number}",
        server_user_id=reviewer,
        inserted_at=given,
        updated_at=given + timedelta(seconds=changed),
    )


def test_the_time_of_an_answer_is_that_since_the_answer_before() -> None:
    responses = [answer(0, 0), answer(1, 5), answer(2, 60), answer(3, 69.9), answer(4, 79.9)]
    speed = speeds_of(reversed(responses))["ann"]
    # 5, 55, 9.9 and 10 seconds; the first has nothing before it, and 10 seconds are enough.
    assert (speed.timed, speed.too_fast, speed.median_seconds, speed.hasty) == (4, 2, 9.9, False)


def test_drafts_discards_and_what_was_changed_later_have_no_time_but_end_that_of_the_next() -> None:
    responses = [
        answer(0, 0),
        answer(1, 100, status="discarded"),
        answer(2, 103),
        answer(3, 200, changed=30),
        answer(4, 203, status="draft"),
    ]
    speed = speeds_of(responses)["ann"]
    assert (speed.timed, speed.too_fast, speed.median_seconds) == (1, 1, 3.0)


@pytest.mark.parametrize(("count", "hasty"), [(8, False), (9, True)])
def test_few_answers_mark_nobody(count: int, hasty: bool) -> None:
    # One reviewer, 1 % in two tails: the interval of 7 of 7 begins at 0.005 ** (1 / 7) = 0.469, of 8 of 8 at 0.516.
    assert speeds_of(answer(number, number) for number in range(count))["ann"].hasty is hasty


def test_who_skims_a_third_is_not_hasty_and_who_clicks_through_is() -> None:
    rng, responses = Random(3), []
    for reviewer, share in (("skimmer", 1 / 3), ("clicker", 0.9)):
        second = 0.0
        for number in range(100):
            second += 4 if rng.random() < share else 40
            responses.append(answer(number, second, reviewer=reviewer))
    marked = {reviewer: speed.hasty for reviewer, speed in speeds_of(responses).items()}
    assert marked == {"skimmer": False, "clicker": True}


def test_programs_and_answers_without_times_are_not_timed() -> None:
    program = [answer(number, number, reviewer="simulated-ann") for number in range(20)]
    timeless = [answer(number, number, reviewer="bob").model_copy(update={"inserted_at": None}) for number in range(20)]
    assert {reviewer: speed.timed for reviewer, speed in speeds_of([*program, *timeless]).items()} == {
        "simulated-ann": 0
    }


def test_an_answer_that_was_put_back_has_the_time_at_which_it_was_given() -> None:
    given, restored = answer(0, 0), answer(0, 9_000)
    edited = answer(1, 60).model_copy(update={"values": {"preference": "b"}})
    versions = [given, answer(1, 30), restored, edited]
    first, second = values_of(with_first_times(frame_of([restored, edited]), frame_of(versions)))
    assert first.inserted_at == given.inserted_at
    assert second.inserted_at == edited.inserted_at


def test_an_answer_that_went_back_to_what_it_was_before_has_its_latest_times() -> None:
    versions = [answer(0, 0), answer(0, 0, changed=50).model_copy(update={"values": {"preference": "b"}})]
    back = answer(0, 0, changed=90)
    [response] = values_of(with_first_times(frame_of([back]), frame_of([*versions, back])))
    assert response == back
