"""Puts back into an Argilla dataset the responses that it lost, each under the account of its author.

Argilla lets an owner write the response of anybody, with a record: PUT /datasets/ID/records/bulk takes a list of
{"id", "responses": [{"user_id", "status", "values"}]}. What such an item does not name stays as it is. The response
belongs to the account `user_id`, as if it had been given there, but Argilla takes the present time for its times.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from curation.errors import ServiceError
from curation.review.accounts import get
from curation.review.refusal import refusal
from curation.review.times import time_of
from curation.types import Response

if TYPE_CHECKING:
    from curation.review.argilla import ArgillaReview

PAGE = 200
ROUNDS = 4
"""So many times at most, records are read again and the responses that did not arrive are written again."""

Key = tuple[str, str]
"""A response by (record id, reviewer)."""


@dataclass(frozen=True, slots=True)
class Written:
    """The responses that were written, and Argilla's reason for each that it refused."""

    responses: frozenset[Key]
    refused: Mapping[Key, str]

    def with_more(self, other: Written) -> Written:
        """Return what was written to two datasets."""
        return Written(self.responses | other.responses, {**self.refused, **other.refused})


def write_responses(
    review: ArgillaReview, dataset_id: str, responses: Mapping[Key, Response], *, user_ids: Mapping[str, str]
) -> Written:
    """Write the responses that Argilla lacks; each belongs to the account in `user_ids` of its reviewer.

    An answer that Argilla has stays, unless Argilla's own times say that it is an older state of the same response.
    Each page of records is read right before it is written, so that the answers that reviewers give meanwhile stay.
    (Argilla cannot write conditionally, so a small gap remains.) Responses to records that are not in Argilla are left
    out. Raises ServiceError if responses do not arrive.
    """
    by_record: dict[str, list[tuple[str, Response]]] = {}
    for response in responses.values():
        by_record.setdefault(response.record_id, []).append((user_ids[response.reviewer], response))
    written: set[Key] = set()
    refused: dict[Key, str] = {}
    with review.errors():
        for _ in range(ROUNDS):
            lacking = False
            for page in _pages(review, dataset_id):
                batch = [
                    _Write(record["id"], user_id, response)
                    for record in page
                    for user_id, response in _lacked(record, by_record.get(record["external_id"], ()))
                    if _key(response) not in refused
                ]
                if batch:
                    lacking = True
                    refused |= _write(review, dataset_id, batch)
                    written |= {_key(write.response) for write in batch}
            if not lacking:
                return Written(frozenset(written - refused.keys()), refused)
    raise ServiceError(
        f"Argilla at {review.api_url} does not keep the responses that are written to it: after {ROUNDS} attempts some "
        "are still missing.",
        remedy="Run `curation restore` again when nobody deletes records or responses.",
    )


@dataclass(frozen=True, slots=True)
class _Write:
    """A response that is to be written to a record of the server."""

    server_record_id: str
    user_id: str
    response: Response

    @property
    def item(self) -> dict[str, Any]:
        values = {name: {"value": value} for name, value in self.response.values.items()}
        return {"user_id": self.user_id, "status": self.response.status, "values": values}


def _pages(review: ArgillaReview, dataset_id: str) -> Iterator[list[dict[str, Any]]]:
    offset = 0
    while True:
        params = {"offset": offset, "limit": PAGE, "include": "responses"}
        items = get(review, f"/api/v1/datasets/{dataset_id}/records", params)["items"]
        yield items
        if len(items) < PAGE:
            return
        offset += len(items)


def _lacked(record: Mapping[str, Any], expected: Collection[tuple[str, Response]]) -> Iterator[tuple[str, Response]]:
    """Yield the responses among `expected`, by the account, that a record of the server does not have."""
    answers = {answer["user_id"]: answer for answer in record["responses"]}
    for user_id, response in expected:
        answer = answers.get(user_id)
        if answer is None or _is_older(answer, response, same=(record["id"], user_id)):
            yield user_id, response


def _is_older(answer: Mapping[str, Any], stored: Response, *, same: tuple[str, str]) -> bool:
    """Whether an answer is an earlier state of a stored one, because the server was set back to an older copy."""
    if stored.updated_at is None or (stored.server_record_id, stored.server_user_id) != same:
        return False
    return time_of(answer["updated_at"]) < stored.updated_at


def _write(review: ArgillaReview, dataset_id: str, batch: Sequence[_Write]) -> dict[Key, str]:
    """Write responses in one request; return Argilla's reason for each that it refuses.

    Argilla accepts all of a request or none. So if it refuses, each half is sent again by itself.
    """
    items: dict[str, dict[str, Any]] = {}
    for write in batch:
        item = items.setdefault(write.server_record_id, {"id": write.server_record_id, "responses": []})
        item["responses"].append(write.item)
    answer = review.http.put(f"/api/v1/datasets/{dataset_id}/records/bulk", json={"items": list(items.values())})
    if answer.status_code != httpx.codes.UNPROCESSABLE_ENTITY:
        answer.raise_for_status()
        return {}
    if len(batch) == 1:
        return {_key(batch[0].response): refusal(answer.text)}
    half = len(batch) // 2
    return _write(review, dataset_id, batch[:half]) | _write(review, dataset_id, batch[half:])


def _key(response: Response) -> Key:
    return response.record_id, response.reviewer
