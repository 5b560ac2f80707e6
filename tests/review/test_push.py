"""Records go in together: those that Argilla refuses are left out and named, down to the field, and block no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from curation.errors import ServiceError
from curation.local import Stack
from curation.review import RecordSpec
from tests.between import Between, once
from tests.review.datasets import Dataset, spec

pytestmark = pytest.mark.stack


@pytest.fixture
def dataset(stack: Stack) -> Iterator[Dataset]:
    with closing(Dataset(stack)) as made:
        yield made


def asking(record_id: str, *texts: str) -> RecordSpec:
    """Return a record whose prompt has these turns; nothing of it is looked at before Argilla does."""
    turns: list[Any] = [{"role": "user", "content": text} for text in texts]
    given = spec(record_id)
    return replace(given, fields={**given.fields, "prompt": turns})


def test_records_that_argilla_refuses_block_no_other(dataset: Dataset, stack: Stack) -> None:
    good = [spec(f"good{number}") for number in range(9)]
    lacking = replace(spec("lacking"), fields={"prompt": [{"role": "user", "content": "Q"}], "response_a": "A"})
    specs = [*good[:5], asking("empty", "Q", ""), lacking, *good[5:], asking("long", "x" * 20_001)]
    with dataset.review(stack.argilla.url) as review:
        pushed = review.push(specs)
        again = review.push(specs)
    assert pushed.added == 9
    assert pushed.refused == {
        "empty": "items[0].fields: Error parsing chat field 'prompt': content: String should have at least 1 character",
        "lacking": "Record at position 0 is not valid because missing required value for field: 'response_b'",
        "long": "items[0].fields: Error parsing chat field 'prompt': content: "
        "String should have at most 20000 characters",
    }
    assert (again.added, again.refused) == (0, pushed.refused)
    assert {item["external_id"] for item in dataset.items()} == {f"good{number}" for number in range(9)}


def test_if_argilla_refuses_all_records_that_is_an_error_with_its_reason(dataset: Dataset, stack: Stack) -> None:
    with (
        dataset.review(stack.argilla.url) as review,
        pytest.raises(ServiceError, match=r"refused all 2 records; e0: .*at least 1 character"),
    ):
        review.push([asking("e0", ""), asking("e1", "")])


def test_a_record_that_is_answered_just_before_it_would_be_deleted_stays(dataset: Dataset, stack: Stack) -> None:
    with dataset.review(stack.argilla.url) as review:
        review.push([spec(f"r{number}") for number in range(4)])
    by_id = {item["external_id"]: item["id"] for item in dataset.items()}
    dataset.answer(by_id["r0"])
    late = once(
        lambda request: request.startswith(f"GET /api/v1/records/{by_id['r1']}"), lambda: dataset.answer(by_id["r1"])
    )
    gone = once(
        lambda request: request.startswith(f"DELETE /api/v1/records/{by_id['r2']}"), lambda: dataset.delete(by_id["r2"])
    )

    def before(request: str) -> None:
        late(request)
        gone(request)

    with Between(stack.argilla.url, before) as proxy, dataset.review(proxy.url) as review:
        assert review.remove_unanswered({"r0", "r1", "r2", "never-there"}) == {"r2", "never-there"}
    assert {item["external_id"] for item in dataset.items()} == {"r0", "r1", "r3"}
