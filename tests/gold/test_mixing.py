"""Gold records among the others: which are shown, where they stand, and that nothing tells them apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from curation import ids
from curation.config import Config
from curation.errors import RefusedError
from curation.gold import gold_records, mixed_records, read_gold, refuse_shown_prompts
from curation.review import PairwiseTask
from curation.stages.push import records_to_show, specs_of
from curation.types import CandidateSet, GoldRecord, ReviewRecord
from tests.derive.stores import SERVICES, make_config, make_record, make_snapshot
from tests.rows import make_prompt, make_set


def gold_config(folder: Path, lines: int | Sequence[dict[str, Any]], **review: Any) -> Config:
    folder.mkdir(exist_ok=True)
    rows = [line(number) for number in range(lines)] if isinstance(lines, int) else lines
    (folder / "gold.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return make_config(review={"gold": str(folder / "gold.jsonl"), **review})


def line(number: int, **changes: object) -> dict[str, object]:
    return {"prompt": f"Gold {number}?", "answers": [f"right {number}", "wrong"], "expected": "a", **changes}


def made(config: Config, folder: Path, *, others: int, gold: Sequence[GoldRecord] = ()) -> tuple[GoldRecord, ...]:
    return gold_records(config, read_gold(config), make_snapshot(folder, gold=gold), others=others)


def right_text(record: GoldRecord) -> str:
    """The text of the candidate that should score 1."""
    [best] = [name for name, score in zip(record.candidates, record.expected, strict=True) if score == 1.0]
    return record.candidate_set.candidate(best).text


@pytest.mark.parametrize(
    ("share", "others", "calibration", "count"),
    [(0.05, 95, 0, 5), (0.05, 20, 0, 2), (0.5, 10, 0, 10), (0.05, 6, 0, 1), (0.05, 6, 4, 4), (0.5, 60, 0, 30)],
)
def test_as_many_gold_records_are_made_as_the_share_asks_for_and_the_file_has(
    tmp_path: Path, share: float, others: int, calibration: int, count: int
) -> None:
    config = gold_config(tmp_path, 30, gold_share=share, calibration=calibration)
    records = made(config, tmp_path / "store", others=others)
    assert [record.candidate_set.prompt.messages[-1].content for record in records] == [
        f"Gold {number}?" for number in range(count)
    ]


def test_what_is_expected_follows_the_answer_and_not_its_side(tmp_path: Path) -> None:
    records = made(gold_config(tmp_path, 40, gold_share=0.5), tmp_path / "store", others=40)
    assert len(records) == 40
    assert all(right_text(record).startswith("right") for record in records)
    assert {record.expected for record in records} == {(1.0, 0.0), (0.0, 1.0)}


def test_a_gold_record_is_made_as_any_other_is(tmp_path: Path) -> None:
    config = gold_config(tmp_path, 30, gold_share=0.5)
    generators = set()
    for record in made(config, tmp_path / "store", others=30):
        candidates = record.candidate_set.candidates
        # Whoever knows the names of the models can work out the id of any record, this one too.
        assert [candidate.id for candidate in candidates] == [
            ids.candidate_id(record.prompt_id, candidate.generator, candidate.text) for candidate in candidates
        ]
        made_by_task = PairwiseTask().records(record.candidate_set)
        assert isinstance(made_by_task, tuple)
        assert made_by_task == (ReviewRecord.model_validate(record.model_dump(include=set(ReviewRecord.model_fields))),)
        generators.add(tuple(candidate.generator for candidate in candidates))
    assert generators == {("g0", "g1"), ("g1", "g0")}


def test_what_argilla_gets_of_gold_has_the_shape_of_the_others(tmp_path: Path) -> None:
    judge = {"type": "ultrafeedback", "model_id": "acme/judge"}
    config = gold_config(tmp_path, 20, gold_share=0.5, show_suggestions=True)
    config = Config.model_validate(config.model_dump(mode="json") | {"judge": judge})
    other = make_set(make_prompt("Other?"), (1.0, 5.0))
    snapshot = make_snapshot(tmp_path / "store", [[other]])
    gold = gold_records(config, read_gold(config), snapshot, others=20)
    records = config.review.records(other)
    assert isinstance(records, tuple)
    spec, *of_gold = specs_of(config, {other.id: other}, [*records, *gold])

    def shape(value: Any) -> Any:
        return {name: type(entry) for name, entry in value.items()}

    for gold_spec in of_gold:
        assert shape(gold_spec.fields) == shape(spec.fields)
        assert shape(gold_spec.suggestions) == shape(spec.suggestions)
        assert len(gold_spec.record.id) == len(spec.record.id)


def test_new_gold_stands_anywhere_among_the_new_records(tmp_path: Path) -> None:
    gold = made(gold_config(tmp_path, 40, gold_share=0.5), tmp_path / "store", others=40)
    others = [make_record(make_set(make_prompt(f"Other {number}?"))) for number in range(400)]
    ordered = mixed_records(others, gold, known=(), calibration=0, key="secret")
    assert len(ordered) == 440
    assert [record for record in ordered if not isinstance(record, GoldRecord)] == others
    places = [place for place, record in enumerate(ordered) if isinstance(record, GoldRecord)]
    # A quarter of the places of 40 random draws: between 2 and 20 with a probability of more than 0.999.
    assert all(2 <= sum(low <= place < low + 110 for place in places) <= 20 for low in (0, 110, 220, 330))
    assert ordered == mixed_records(others, gold, known=(), calibration=0, key="secret")
    assert ordered != mixed_records(others, gold, known=(), calibration=0, key="another secret")

    known = {record.id for record in (*others[:200], *gold[:20])}
    later = mixed_records(others, gold, known=known, calibration=0, key="secret")
    assert {record.id for record in later[:220]} == known
    new_places = [place for place, record in enumerate(later[220:]) if isinstance(record, GoldRecord)]
    assert min(new_places) < 110 < max(new_places)


def test_calibration_comes_before_everything(tmp_path: Path) -> None:
    gold = made(gold_config(tmp_path, 40, gold_share=0.5), tmp_path / "store", others=40)
    others = [make_record(make_set(make_prompt(f"Other {number}?"))) for number in range(40)]
    ordered = mixed_records(others, gold, known=(), calibration=10, key="secret")
    assert ordered[:10] == list(gold[:10])
    assert {record.id for record in ordered} == {record.id for record in (*others, *gold)}


def test_a_changed_file_changes_what_is_expected_and_what_counts_but_no_record(tmp_path: Path) -> None:
    before = made(gold_config(tmp_path, 4, gold_share=0.5), tmp_path / "a", others=4)
    lines = [line(0, expected="b"), line(2), line(9)]
    config = gold_config(tmp_path, lines, gold_share=0.5)
    after = made(config, tmp_path / "b", others=4, gold=before)
    assert [record.id for record in after[:4]] == [record.id for record in before]
    assert [record.counts for record in after] == [True, False, True, False, True]
    assert right_text(after[0]) == "wrong"
    assert right_text(after[2]) == "right 2"
    assert right_text(after[4]) == "right 9"

    # Other generators, and the answers in another order: the same texts are the same record.
    swapped = line(0, answers=["wrong", "right 0"], expected="b")
    config = gold_config(tmp_path, [swapped], gold_share=0.5)
    config = config.model_copy(
        update={"generators": tuple(one.model_copy(update={"name": f"new {one.name}"}) for one in config.generators)}
    )
    again = made(config, tmp_path / "c", others=1, gold=after)
    assert [record.id for record in again] == [record.id for record in after]
    assert [record.counts for record in again] == [True, False, False, False, False]
    assert right_text(again[0]) == "right 0"


def test_records_of_another_task_stay_as_they_are(tmp_path: Path) -> None:
    before = made(gold_config(tmp_path, 2, gold_share=0.5), tmp_path / "a", others=2)
    config = gold_config(
        tmp_path, [{"prompt": "Gold 0?", "answers": ["right 0"], "expected": "good"}], task="binary", gold_share=0.5
    )
    after = made(config, tmp_path / "b", others=2, gold=before)
    assert after[:2] == before
    assert (after[2].task, after[2].expected, after[2].counts) == ("binary", (1.0,), True)


def test_a_prompt_that_is_shown_already_cannot_be_gold(tmp_path: Path) -> None:
    config = gold_config(tmp_path, 3)
    shown = make_set(make_prompt("Gold 1?"))
    snapshot = make_snapshot(tmp_path / "store", [[shown]], [[make_record(shown)]])
    with pytest.raises(RefusedError, match=rf"line 2 has a prompt .* in the record {make_record(shown).id}"):
        refuse_shown_prompts(config, read_gold(config), snapshot)


def test_a_set_of_a_gold_prompt_is_not_shown_beside_it(tmp_path: Path) -> None:
    config = gold_config(tmp_path, 2, gold_share=0.5)
    gold = made(config, tmp_path / "a", others=2)
    same, other = make_set(make_prompt("Gold 1?")), make_set(make_prompt("Other?"))

    def shown(*of: GoldRecord) -> tuple[list[str], dict[str, str]]:
        sets: list[CandidateSet] = [same, other]
        snapshot = make_snapshot(tmp_path / str(len(of)), [sets], gold=of)
        records, not_shown, _ = records_to_show(config, SERVICES, snapshot, sets)
        return [record.set_id for record in records], not_shown

    assert shown(*gold) == ([other.id], {same.id: "gold_prompt"})
    assert shown(gold[0], gold[1].model_copy(update={"counts": False})) == ([same.id, other.id], {})
