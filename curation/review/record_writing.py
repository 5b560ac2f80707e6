"""Writes records into an Argilla dataset, and prepares the next ones meanwhile.

PUT /api/v1/datasets/ID/records/bulk takes {"items": [{"external_id", "fields", "suggestions", "metadata"}]}, at
most 500 items, and answers with the records as it has them now. A record that exists under the external id is written
again; what an item does not name stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

import httpx
import orjson

from curation.review.ahead import begin
from curation.review.refusal import refusal
from curation.review.shares import SHARE, share_of
from curation.review.spec import RecordSpec

MOST_RECORDS = 500
MOST_BYTES = 4 * 2**20
"""The most bytes in one request, unless a single record has more. The server keeps several copies in memory."""

Item = tuple[str, bytes]
"""A record id, and the record as JSON."""


@dataclass(slots=True)
class WrittenRecords:
    """The ids of the records that Argilla has after they were sent, and its reason for each that it refused."""

    arrived: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)

    def add(self, other: WrittenRecords) -> None:
        """Add what another request wrote."""
        self.arrived |= other.arrived
        self.refused |= other.refused


def write_records(
    http: httpx.Client, dataset_id: str, specs: Iterable[RecordSpec], *, question_ids: Mapping[str, str]
) -> WrittenRecords:
    """Write records, one request after the other. `question_ids` has the server's id of each question, by its name.

    Raises httpx.HTTPStatusError if Argilla refuses anything but a record.
    """
    written = WrittenRecords()
    sent: Future[WrittenRecords] | None = None
    path = f"/api/v1/datasets/{dataset_id}/records/bulk"
    for items in _batches(_item(spec, question_ids) for spec in specs):
        if sent is not None:
            written.add(sent.result())
        sent = begin(partial(_send, http, path, items))
    if sent is not None:
        written.add(sent.result())
    return written


def _send(http: httpx.Client, path: str, items: list[Item]) -> WrittenRecords:
    """Send records in one request.

    Argilla accepts all records of a request or none. So if it refuses, each half is sent again by itself.
    """
    body = b'{"items":[%b]}' % b",".join(content for _, content in items)
    answer = http.put(path, content=body, headers={"Content-Type": "application/json"})
    # A response of httpx and its stream hold each other, and with them the request: megabytes that would stay in memory
    # until all objects of the process are searched for such rings. It is read already.
    answer.stream = httpx.ByteStream(b"")
    if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
        if len(items) == 1:
            return WrittenRecords(refused={items[0][0]: refusal(answer.text)})
        half = len(items) // 2
        written = _send(http, path, items[:half])
        written.add(_send(http, path, items[half:]))
        return written
    answer.raise_for_status()
    return WrittenRecords(arrived={str(item["external_id"]) for item in orjson.loads(answer.content)["items"]})


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    size = 0
    for item in items:
        if batch and (len(batch) == MOST_RECORDS or size + len(item[1]) > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += len(item[1])
    if batch:
        yield batch


def _item(spec: RecordSpec, question_ids: Mapping[str, str]) -> Item:
    suggestions = [
        {"question_id": question_ids[question], "value": value} for question, value in spec.suggestions.items()
    ]
    record_id = spec.record.id
    metadata = {SHARE: share_of(record_id)}
    item = {"external_id": record_id, "fields": spec.fields, "suggestions": suggestions, "metadata": metadata}
    return record_id, orjson.dumps(item)
