"""Reading all records page by page: when the next page is asked for, and what a record without responses is."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from curation.review.record_pages import PAGE, RecordsMovedError, read_all


def records(count: int) -> list[dict[str, Any]]:
    return [
        {"id": f"s{number}", "external_id": f"r{number}", "responses": [], "fields": "x"} for number in range(count)
    ]


def as_it_is(record: dict[str, Any]) -> dict[str, Any]:
    return record


def test_the_next_page_is_on_its_way_while_a_page_is_read() -> None:
    whole, asked, second = records(2 * PAGE), [], threading.Event()

    class FirstPage(list[dict[str, Any]]):
        """A page that cannot be read before the second is asked for."""

        def __iter__(self) -> Any:
            assert second.wait(30)
            return super().__iter__()

    def get(offset: int, limit: int) -> list[dict[str, Any]]:
        asked.append(offset)
        if offset:
            second.set()
        page = whole[offset : offset + limit]
        return page if offset else FirstPage(page)

    assert [record["id"] for record in read_all(get, as_it_is)] == [record["id"] for record in whole]
    # Each page begins with the last record of the page before.
    assert asked == [0, PAGE - 1, 2 * (PAGE - 1)]


def test_of_each_record_stays_what_is_to_be_kept() -> None:
    assert read_all(lambda offset, limit: records(2), lambda record: record["external_id"]) == ["r0", "r1"]
    assert read_all(lambda offset, limit: [], as_it_is) == []


def test_a_record_without_its_responses_is_an_error() -> None:
    with pytest.raises(ValueError, match="without its responses"):
        read_all(lambda offset, limit: [{"id": "s0", "external_id": "r0"}], as_it_is)


def test_an_error_does_not_wait_for_the_page_that_was_asked_for() -> None:
    hangs, first = threading.Event(), records(PAGE)
    del first[0]["responses"]

    def get(offset: int, limit: int) -> list[dict[str, Any]]:
        if offset:
            hangs.wait(30)
        return first

    with pytest.raises(ValueError, match="without its responses"):
        read_all(get, as_it_is)
    assert not hangs.is_set()
    threads = [thread for thread in threading.enumerate() if thread.name == "records"]
    assert threads, "the second page was waited for"
    assert all(thread.daemon for thread in threads)
    hangs.set()


def test_records_that_move_at_every_try_end_the_reading() -> None:
    whole = records(PAGE + 5)

    def get(offset: int, limit: int) -> list[dict[str, Any]]:
        if offset:
            del whole[0]
        return whole[offset : offset + limit]

    with pytest.raises(RecordsMovedError):
        read_all(get, as_it_is)
    assert len(whole) == PAGE + 1
