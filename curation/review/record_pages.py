"""Reads all records of an Argilla dataset, page by page, while people go on to work in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from curation.review.ahead import begin

Page = list[dict[str, Any]]
KeptT = TypeVar("KeptT")
GetPage = Callable[[int, int], Page]
"""Returns the records of a page, by its offset and the most records that it may hold."""

PAGE = 1000
"""The most records that Argilla returns at once."""

TRIES = 4


class RecordsMovedError(Exception):
    """Records were deleted at every try to read them all."""


def read_all(get: GetPage, keep: Callable[[dict[str, Any]], KeptT]) -> list[KeptT]:
    """Return what `keep` makes of every record that exists when the reading begins.

    `keep` is called while the server works on the next page, so its time is not added to that of the server.

    Argilla gives pages by offset, in the order in which records were added. If a record of an earlier page is deleted
    in the meantime, all later records move up by one, and the first record of the next page would be skipped. So each
    page begins with the last record of the page before. If another record stands there, all is read again. Raises
    RecordsMovedError if that happens at every try, ValueError for a record without its responses.
    """
    for _ in range(TRIES):
        records = _read_through(get, keep)
        if records is not None:
            return records
    raise RecordsMovedError


def _read_through(get: GetPage, keep: Callable[[dict[str, Any]], KeptT]) -> list[KeptT] | None:
    """Return what is kept of all records; None if records moved in the meantime."""
    records: dict[str, KeptT] = {}
    last: str | None = None
    for page in _pages(get):
        if last is not None and (not page or page[0]["id"] != last):
            return None
        read = page if last is None else page[1:]
        for item in read:
            if item["id"] in records:
                return None
            if not isinstance(item.get("responses"), list):
                # A missing list of responses is an error. Reading it as an empty list would withdraw all answers.
                raise ValueError("a record without its responses")
            records[item["id"]] = keep(item)
            last = item["id"]
    return list(records.values())


def _pages(get: GetPage) -> Iterator[Page]:
    """Yield the pages, each from the last record of the page before on.

    The next page is asked for while the caller reads this one. The server takes most of the time.
    """
    offset = 0
    page: Future[Page] | None = begin(partial(get, offset, PAGE))
    while page is not None:
        items = page.result()
        offset += PAGE - 1
        page = begin(partial(get, offset, PAGE)) if len(items) >= PAGE else None
        yield items
