"""The dashboard says how often reviewers are right on gold, to those alone who see their names."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from curation.derive import derive
from curation.serving.gathering import dashboard_of
from curation.serving.page import page_html
from tests.derive.stores import SERVICES, make_config, make_record, make_response, make_snapshot
from tests.gold.test_measured import gold_record
from tests.rows import make_prompt, make_set


@pytest.mark.slow
def test_a_reviewer_who_answered_gold_alone_is_there_and_gold_is_seen_with_names_only(tmp_path: Path) -> None:
    config, other = make_config(), make_set(make_prompt("Other?"))
    gold = [gold_record(number) for number in range(8)]
    responses = [make_response(make_record(other), "a", "bob"), *(make_response(record, "b") for record in gold)]
    snapshot = make_snapshot(tmp_path, [[other]], [[make_record(other)]], responses, gold=gold)
    dashboard = dashboard_of(config, snapshot, derive(config, snapshot, SERVICES))
    ann, bob = dashboard.reviewers
    assert (ann.name, ann.submitted, ann.marks) == ("ann", 8, ("wrong_on_gold",))
    assert ann.gold is not None
    assert (ann.gold.value, ann.gold.count) == (0.0, 8)
    assert (bob.name, bob.submitted, bob.gold, bob.marks) == ("bob", 1, None, ())
    assert (dashboard.records, dashboard.completed) == (1, 1)
    with_names, without = (
        page_html("demo", dashboard, (), now=datetime.now(UTC), running=False, notes=(), names=names)
        for names in (True, False)
    )
    assert "right on gold records: 0 % " in with_names
    assert "wrong on gold" in with_names
    assert "gold" not in without
    assert [reviewer.submitted for reviewer in dashboard.without_names().reviewers] == [8, 1]
