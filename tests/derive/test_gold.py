"""Gold records and what is answered to them change nothing that is published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from curation.derive import derive
from curation.types import GoldRecord, Response
from tests.derive.stores import EVERY, SERVICES, make_config, make_record, make_response, make_snapshot, rows_of
from tests.rows import make_prompt, make_set


def gold_record(text: str) -> GoldRecord:
    candidate_set = make_set(make_prompt(text))
    return GoldRecord(**dict(make_record(candidate_set)), candidate_set=candidate_set, expected=(1.0, 0.0))


@pytest.mark.slow
def test_gold_is_in_no_row_no_count_and_no_vote(tmp_path: Path) -> None:
    config = make_config(publish={"formats": EVERY})
    sets = [make_set(make_prompt(f"Question {number}?")) for number in range(6)]
    records = [make_record(candidate_set) for candidate_set in sets]
    gold = [gold_record(f"Gold {number}?") for number in range(3)]
    to_records = [make_response(record, "a", who) for record in records for who in ("ann", "bob")]
    to_gold = [make_response(record, "b", who) for record in gold for who in ("ann", "cy")]

    def derived(folder: Path, responses: Sequence[Response], gold: Sequence[GoldRecord] = ()) -> object:
        folder.mkdir()
        # A retired gold record is not looked for among the others.
        snapshot = make_snapshot(folder, [sets], [records], responses, gold=gold, retired=gold[2:])
        result = derive(config, snapshot, SERVICES, folder=folder / "out")
        votes = result.votes["human"]
        return result.records, result.reviewers, result.tally.reached, result.asked, votes.reviewers, len(votes)

    plain = derived(tmp_path / "plain", to_records)
    assert plain == derived(tmp_path / "gold", [*to_gold, *to_records], gold)
    assert rows_of(tmp_path / "plain") == rows_of(tmp_path / "gold")
    assert len(rows_of(tmp_path / "gold")["raw"]) == 6


def test_that_a_prompt_is_gold_is_not_published(tmp_path: Path) -> None:
    config = make_config(publish={"formats": ["dpo", "raw"]})
    shown, same = make_set(make_prompt("Question?")), make_set(make_prompt("Gold?"))
    responses = [make_response(make_record(shown), "a")]
    snapshot = make_snapshot(
        *(tmp_path, [[shown, same]], [[make_record(shown)]], responses),
        not_shown={same.id: "gold_prompt"},
        gold=[gold_record("Gold?")],
    )
    derive(config, snapshot, SERVICES, folder=tmp_path / "out")
    dropped = {row["set_id"]: row["dropped"] for row in rows_of(tmp_path)["raw"]}
    assert dropped == {shown.id: [], same.id: ["not_pushed"]}
