"""Some rows of a large table are read by their ids, without the others."""

from __future__ import annotations

from pathlib import Path

from tests.derive.stores import Store, make_response, make_snapshot


def test_records_are_read_by_id_with_gold_and_what_adjudicators_are_shown(tmp_path: Path) -> None:
    store = Store()
    first, second, _ = store.add("a", "b"), store.add("a"), store.add()
    store.escalate(first)
    snapshot = store.written(tmp_path)
    [adjudication] = snapshot.adjudications
    assert snapshot.records_by_id([second.id, "unknown"]) == {second.id: second}
    named = [second.id, adjudication]
    assert snapshot.shown_by_id(named) == {name: snapshot.shown[name] for name in named}
    assert snapshot.shown_by_id([]) == {}


def test_sets_are_read_by_id_each_in_its_latest_state(tmp_path: Path) -> None:
    store = Store()
    for _ in range(3):
        store.add()
    first, second, third = store.sets
    later = first.model_copy(update={"settings": "later"})
    snapshot = make_snapshot(tmp_path, [[first, second], [third], [later]])
    assert snapshot.sets_by_id({first.id, third.id}) == {first.id: later, third.id: third}
    assert snapshot.sets_by_id(()) == {}
    # One at a time each set comes once, where its latest state stands.
    assert list(snapshot.each_set({first.id, second.id})) == [second, later]


def test_a_retired_record_that_got_an_answer_or_was_escalated_is_not_retired(tmp_path: Path) -> None:
    store = Store()
    records = [store.add() for _ in range(4)]
    store.retired += records[:3]
    store.escalate(records[1])
    store.responses.append(make_response(records[0], "a"))
    assert store.written(tmp_path).retired == {records[2].id}
