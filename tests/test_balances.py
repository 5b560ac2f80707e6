"""Sums that must close: what is on one side only is a gap with ids."""

from __future__ import annotations

from curation.balances import (
    Balance,
    prompt_balance,
    published_balance,
    record_balance,
    response_balance,
    row_balance,
    shown_balance,
)
from curation.types import Drop, Prompt, Response, Status
from tests.rows import make_prompt


def gaps(balance: Balance) -> list[tuple[str, int, tuple[str, ...]]]:
    return [(gap.what, gap.count, gap.ids) for gap in balance.gaps]


def test_each_row_of_the_source_was_asked_was_dropped_or_is_missing() -> None:
    asked, dropped, missing = (make_prompt(text) for text in ("First?", "Second?", "Third?"))
    rows: list[Prompt | Drop] = [
        asked,
        Drop(id="r2", reason="empty"),
        dropped,
        missing,
        Drop(id="r5", reason="duplicate"),
    ]
    balance = prompt_balance(rows, asked={asked.id, "of an earlier source"}, dropped={dropped.id: "foreign_language"})
    assert (balance.total, balance.parts) == (5, {"asked": 1, "empty": 1, "foreign_language": 1, "duplicate": 1})
    assert gaps(balance) == [("not asked yet", 1, (missing.id,))]
    assert not balance.closes


def test_a_candidate_set_is_shown_left_out_or_missing() -> None:
    balance = shown_balance(["s1", "s2", "s3", "s4"], shown={"s1", "s9"}, not_shown={"s2": "identical_candidates"})
    assert (balance.total, balance.parts) == (4, {"shown": 1, "identical_candidates": 1})
    assert gaps(balance) == [("neither shown to reviewers nor left out", 2, ("s3", "s4"))]


def test_records_are_compared_in_both_directions() -> None:
    balance = record_balance({"r1", "r2", "r3"}, in_argilla={"r2", "r4"})
    assert (balance.total, balance.parts["in Argilla"]) == (3, 1)
    assert [(count, ids) for _, count, ids in gaps(balance)] == [(2, ("r1", "r3")), (1, ("r4",))]
    assert record_balance({"r1"}, in_argilla={"r1"}).closes


def response(record_id: str, preference: str, status: Status = "submitted") -> tuple[tuple[str, str], Response]:
    """Return a response with its key."""
    return (record_id, "ann"), Response(
        record_id=record_id,
        reviewer="ann",
        status=status,
        values={"preference": preference},
        dataset_id="d",
        server_record_id=f"server-{record_id}",
        server_user_id="account",
    )


def test_a_response_is_in_argilla_is_kept_or_was_changed_since() -> None:
    stored = dict([response("r1", "a"), response("r2", "a"), response("r3", "a"), response("r4", "a")])
    now = dict([response("r1", "a"), response("r2", "b"), response("r4", "a"), response("r5", "a")])
    on_server = {(f"server-{record_id}", "account") for record_id in ("r1", "r2", "r5")}
    balance = response_balance(stored, now, on_server=on_server)
    assert (balance.total, balance.parts) == (4, {"in Argilla": 1, "kept": 1})
    assert gaps(balance) == [
        ("changed or withdrawn in Argilla since the last sync", 2, ("r2", "r3")),
        ("given in Argilla since the last sync", 1, ("r5",)),
    ]


def test_a_set_gives_rows_of_a_config_or_has_a_reason_of_that_config_or_of_all() -> None:
    sets = [
        {"set_id": "s1", "rows": True, "dropped": []},
        {"set_id": "s2", "rows": False, "dropped": ["kto:pii", "dpo:tie"]},
        {"set_id": "s3", "rows": False, "dropped": ["draw"]},
        {"set_id": "s4", "rows": False, "dropped": ["kto:pii"]},
        {"set_id": "s5", "rows": False, "dropped": []},
    ]
    balance = row_balance("dpo", sets)
    assert (balance.total, balance.parts) == (5, {"with rows": 1, "tie": 1, "draw": 1})
    assert gaps(balance) == [("without a row and without a reason", 2, ("s4", "s5"))]


def test_rows_are_compared_by_id_and_a_gap_names_the_first_twenty() -> None:
    derived = {f"row{number:02}" for number in range(30)}
    balance = published_balance("dpo", derived, published={"row00", "old"}, remedy="Run `curation publish`.")
    assert [(count, len(ids)) for _, count, ids in gaps(balance)] == [(29, 20), (1, 1)]
    assert list(balance.lines) == [
        "FAIL  rows of dpo: 30 = 1 published",
        "        29 not published (row01, row02, row03, ...). Run `curation publish`.",
        "        1 published, and no longer given by the store (old). Run `curation publish`.",
    ]


def test_a_sum_that_cannot_be_made_does_not_close() -> None:
    balance = Balance(name="responses", unknown="Argilla does not answer.")
    assert not balance.closes
    assert list(balance.lines) == ["FAIL  responses: cannot be checked. Argilla does not answer."]
