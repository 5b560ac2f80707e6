"""Reads the answers in one Argilla dataset in the shortest way that the server and the caller allow.

the caller or the server knows                        what is read
the records that changed (`read_named`)               these records
when every response was changed last (`read_listed`)  the list of these times, and the records that changed
neither (`read_all`)                                  all records, in pages of a thousand
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import httpx
import orjson

from curation.review import record_pages
from curation.review.listing import Key, parse_listing, records_to_read, unchanged_answers
from curation.review.pulled import Answer
from curation.review.times import time_of
from curation.review.transport import get_json
from curation.types import Response, Status

SEARCHED = 100
"""So many records are searched for at once. Argilla takes at most 250 ids."""


@dataclass(frozen=True, slots=True)
class RecordsRead:
    """Records and the answers to them; the fields are those of `Pulled`."""

    records: Mapping[str, str | None]
    answers: tuple[Answer, ...]
    whole: bool = True
    read: int | None = None


@dataclass(frozen=True, slots=True)
class _Record:
    """A record at the server: the server's id, ours, and its answers. Nobody needs its texts, which are most of it."""

    id: str
    external_id: str | None
    answers: tuple[Answer, ...]


class RecordReader:
    """Reads the records of one Argilla dataset.

    Its methods raise httpx.HTTPError if Argilla refuses a request, and ValueError, TypeError or KeyError for an answer
    that has not the shape of Argilla's.
    """

    def __init__(self, http: httpx.Client, dataset_id: str) -> None:
        """Read with `http`, which sends requests to Argilla with a key."""
        self.http = http
        self.dataset_id = dataset_id
        self._path = f"/api/v1/datasets/{dataset_id}"

    def read_named(self, server_ids: Collection[str], beside: str | None) -> RecordsRead | None:
        """Return the records that have these ids at the server, without those in the dataset `beside`.

        None if one of them is in neither of the two datasets.
        """
        records = self._named_records(server_ids, beside)
        return None if records is None else replace(_records_read(records), whole=False, read=len(records))

    def read_listed(self, stored: Collection[Response]) -> RecordsRead | None:
        """Return all records and answers, by the server's list of responses and the responses that are stored.

        None if nothing is stored, if the server has no such list, or if so much changed that `read_all` is faster.
        """
        before: Mapping[Key, Response] = {
            (response.server_record_id, response.server_user_id): response
            for response in stored
            if response.dataset_id == self.dataset_id
        }
        if not before:
            return None
        try:
            items = get_json(self.http, f"{self._path}/curation/responses")["items"]
        except httpx.HTTPStatusError as error:
            # Any Argilla but that of spaces/argilla and the local stack has no such list.
            if error.response.status_code != httpx.codes.NOT_FOUND:
                raise
            return None
        listing = parse_listing(items)
        changed = records_to_read(listing, before)
        records = self._named_records(changed, None) if changed is not None and listing.records else None
        if records is None or changed is None:
            return None
        answers = (*unchanged_answers(listing, before, changed), *_records_read(records).answers)
        return RecordsRead(listing.records, answers, read=len(records))

    def read_all(self) -> RecordsRead:
        """Return every record that exists when the reading begins, with its answers.

        Raises RecordsMovedError (see `record_pages`) if records keep being deleted while they are read.
        """

        def page(offset: int, limit: int) -> list[dict[str, Any]]:
            params = {"offset": offset, "limit": limit, "include": "responses"}
            return list(get_json(self.http, f"{self._path}/records", params)["items"])

        return _records_read(record_pages.read_all(page, self._record))

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield {"id": ..., "external_id": ...} of every record: the server's id and ours.

        If records are deleted in the meantime, some may be skipped.
        """
        offset = 0
        while True:
            params = {"offset": offset, "limit": record_pages.PAGE}
            items = get_json(self.http, f"{self._path}/records", params)["items"]
            yield from ({"id": item["id"], "external_id": item["external_id"]} for item in items)
            if len(items) < record_pages.PAGE:
                return
            offset += len(items)

    def _named_records(self, server_ids: Collection[str], beside: str | None) -> list[_Record] | None:
        """Return these records with their responses, None if one is in neither of the datasets."""
        records = self._searched_records(sorted(set(server_ids)))
        for server_id in sorted(set(server_ids) - records.keys()):
            # The search may not know it yet, or it is in the other dataset.
            try:
                record = get_json(self.http, f"/api/v1/records/{server_id}")
            except httpx.HTTPStatusError as error:
                # Argilla answers 422 to an id that is not of its layout.
                if error.response.status_code not in {httpx.codes.NOT_FOUND, httpx.codes.UNPROCESSABLE_ENTITY}:
                    raise
                return None
            if beside is not None and record["dataset_id"] == beside:
                continue
            if record["dataset_id"] != self.dataset_id:
                return None
            records[server_id] = record
        if any(not isinstance(record.get("responses"), list) for record in records.values()):
            raise ValueError("a record without its responses")
        return [self._record(record) for record in records.values()]

    def _searched_records(self, server_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return those of the records that Argilla's search finds, by id.

        It looks for them in its index, which may be old, but takes what it finds from the database.
        """
        records: dict[str, dict[str, Any]] = {}
        for start in range(0, len(server_ids), SEARCHED):
            ids = server_ids[start : start + SEARCHED]
            condition = {"type": "terms", "scope": {"entity": "record", "property": "id"}, "values": ids}
            answer = self.http.post(
                f"{self._path}/records/search",
                params={"include": "responses", "limit": len(ids)},
                json={"filters": {"and": [condition]}},
            )
            answer.raise_for_status()
            for item in orjson.loads(answer.content)["items"]:
                if item["record"]["id"] in ids:
                    records[item["record"]["id"]] = item["record"]
        return records

    def _record(self, item: dict[str, Any]) -> _Record:
        answers = tuple(parse_answer(response, self.dataset_id) for response in item["responses"])
        return _Record(item["id"], item["external_id"], answers)


def _records_read(records: Collection[_Record]) -> RecordsRead:
    return RecordsRead(
        records={record.id: record.external_id for record in records},
        answers=tuple(answer for record in records for answer in record.answers),
    )


def parse_answer(response: dict[str, Any], dataset_id: str) -> Answer:
    """Return the answer in a response of the API; ValueError if it has a status that Argilla does not have."""
    if response["status"] not in get_args(Status):
        raise ValueError(f"a response with the status {response['status']!r}")
    return Answer(
        dataset_id=dataset_id,
        server_record_id=str(response["record_id"]),
        server_user_id=str(response["user_id"]),
        status=response["status"],
        values={name: entry["value"] for name, entry in (response.get("values") or {}).items()},
        inserted_at=time_of(response["inserted_at"]),
        updated_at=time_of(response["updated_at"]),
    )
