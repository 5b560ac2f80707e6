"""Simulated reviewers, asked to review a dataset of the real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from curation.errors import ServiceError
from curation.local import Stack
from curation.local.reviewers import simulate_reviewers
from tests.review.datasets import Dataset

pytestmark = pytest.mark.stack

RECORDS = 103
"""More than Argilla takes responses of in one request."""


@pytest.fixture
def dataset(stack: Stack) -> Iterator[Dataset]:
    with closing(Dataset(stack, records=RECORDS)) as made:
        yield made


def test_each_reviewer_answers_every_record_once(stack: Stack, dataset: Dataset) -> None:
    rules = {"always.a": lambda _fields: "a", "always.b": lambda _fields: "b"}
    counts = [
        simulate_reviewers(stack.argilla, workspace="argilla", dataset=dataset.name, rules=rules) for _ in range(2)
    ]
    assert counts == [2 * RECORDS, 0]
    with dataset.review(stack.argilla.url) as review:
        pulled = review.pull()
    names = pulled.accounts.usernames
    given = sorted(
        (str(pulled.records[answer.server_record_id]), names[answer.server_user_id]) for answer in pulled.answers
    )
    assert given == sorted((f"r{number}", name) for number in range(RECORDS) for name in rules)


def test_a_response_that_argilla_refuses_is_an_error(stack: Stack, dataset: Dataset) -> None:
    rules = {"always.nonsense": lambda _fields: "nonsense"}
    with pytest.raises(ServiceError, match=r"^Argilla refused 100 of 100 responses, the first with: .*nonsense"):
        simulate_reviewers(stack.argilla, workspace="argilla", dataset=dataset.name, rules=rules)
