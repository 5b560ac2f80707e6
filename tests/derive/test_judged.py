"""Where nobody answered the judge may, and what it preferred is compared with what people did."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.derive.stores import (
    EVERY,
    Store,
    chosen,
    derived,
    make_config,
    make_response,
    published,
)

pytestmark = pytest.mark.slow


def test_where_nobody_answered_the_judge_may(tmp_path: Path) -> None:
    store = Store()
    store.add(ratings=(5.0, 2.0), texts=["Five.", "Two."])
    store.add("b", ratings=(5.0, 2.0))
    store.add(ratings=(5.0, None))
    store.add("a", "b", ratings=(5.0, 2.0))
    judge = {"type": "ultrafeedback", "model_id": "acme/judge"}
    config = make_config(publish={"formats": EVERY, "test_size": 0}, labels={"judge_fallback": True}, judge=judge)
    result = derived(store, tmp_path, config)
    assert result.tally.label_sources == {"judge": 1, "human": 1}
    assert result.tally.unresolved == {"unrated": 1, "draw": 1}
    [judged] = [row for row in published(tmp_path / "out", "dpo") if row["label_source"] == "judge"]
    assert (*chosen(judged), judged["score_gap"], judged["reviewers"]) == ("Five.", "Two.", 0.75, 0)
    without = derived(store, tmp_path / "without")
    assert without.tally.unresolved == {"unreviewed": 2, "draw": 1}
    # What the judge preferred against what people did: of the one record with a verdict of people.
    assert [list(map(float, row)) for part in result.tally.choices["human"] for row in part] == [[1.0, -1.0]]


def test_the_judge_does_not_answer_for_those_who_discarded(tmp_path: Path) -> None:
    store = Store()
    looked_at, unseen = store.add(ratings=(5.0, 1.0)), store.add(ratings=(5.0, 1.0))
    store.responses += [make_response(looked_at, "a", name, status="discarded") for name in ("ann", "bob", "eve")]
    judge = {"type": "ultrafeedback", "model_id": "j"}
    config = make_config(
        publish={"formats": ["dpo", "raw"], "test_size": 0}, labels={"judge_fallback": True}, judge=judge
    )
    result = derived(store, tmp_path, config)
    assert result.tally.unresolved == {"discarded": 1}
    [row] = published(tmp_path / "out", "dpo")
    assert (row["record_ids"], row["label_source"]) == ([unseen.id], "judge")


def test_the_judge_is_compared_with_the_verdicts_of_the_same_records(tmp_path: Path) -> None:
    store = Store()
    store.add("a", "b", ratings=(1.0, 5.0))
    store.add("a", ratings=(5.0, 1.0))
    store.add(ratings=(1.0, 5.0))
    store.add("both_good", ratings=(None, 5.0))
    simulated = store.add(ratings=(1.0, 5.0))
    store.responses.append(make_response(simulated, "a", "simulated-one"))
    config = make_config(labels={"judge_fallback": True}, judge={"type": "ultrafeedback", "model_id": "j"})
    result = derived(store, tmp_path, config)
    assert result.tally.label_sources == {"human": 2, "judge": 1, "simulated": 1}
    choices = {
        source: [[None if value != value else value for value in row] for part in parts for row in part.tolist()]
        for source, parts in result.tally.choices.items()
    }
    assert choices == {"human": [[1, 1], [None, 0]], "simulated": [[-1, 1]]}
