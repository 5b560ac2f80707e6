"""What reviewers flag reaches no config but `raw`, is counted, and is dropped by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.types import Status
from tests.derive.stores import (
    EVERY,
    TRAINED,
    Store,
    chosen,
    derived,
    make_config,
    make_response,
    published,
    question,
    rows_of,
)
from tests.rows import make_prompt

JUDGE = {"type": "ultrafeedback", "model_id": "j"}


@pytest.mark.slow
def test_a_flagged_record_is_in_raw_alone(tmp_path: Path) -> None:
    store = Store()
    store.add("a")
    flagged = store.add()
    store.responses.append(make_response(flagged, "a", "ann", edit="Mine.", flags=["unsafe", "personal_data"]))
    result = derived(store, tmp_path)
    assert {name: result.rows(name) for name in EVERY} == {"dpo": 1, "kto": 2, "reward": 1, "sft": 1, "raw": 2}
    assert {name: dict(result.tally.dropped[name]) for name in TRAINED} == {name: {"flagged": 1} for name in TRAINED}
    assert dict(result.tally.flags) == {"personal_data": 1, "unsafe": 1}
    # What was said of it stays a verdict, and stays readable.
    assert result.tally.verdicts == 2
    [raw] = [row for row in rows_of(tmp_path)["raw"] if row["record_ids"] == [flagged.id]]
    assert raw["rows"] == []
    assert sorted(raw["dropped"]) == [f"{name}:flagged" for name in sorted(TRAINED)]
    [entry] = raw["annotations"]
    assert (entry["flags"], entry["shown"]) == (["personal_data", "unsafe"], list(flagged.candidates))
    assert [candidate["score"] for candidate in raw["candidates"]] == [1.0, 0.0, 1.0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ignored", "rows"), [(["unsafe"], 0), (["wrong_language"], 0), (["unsafe", "wrong_language"], 1)]
)
def test_ignored_flags_keep_nothing_out_and_are_counted(tmp_path: Path, ignored: list[str], rows: int) -> None:
    store = Store()
    record = store.add("a")
    store.responses.append(make_response(record, "a", "bob", flags=["unsafe", "wrong_language"]))
    config = make_config(publish={"formats": EVERY}, labels={"ignored_flags": ignored})
    result = derived(store, tmp_path, config)
    assert result.rows("dpo") == rows
    assert dict(result.tally.dropped["dpo"]) == ({} if rows else {"flagged": 1})
    assert dict(result.tally.flags) == {"unsafe": 1, "wrong_language": 1}


@pytest.mark.slow
@pytest.mark.parametrize(("status", "rows"), [("submitted", 0), ("discarded", 0), ("draft", 1)])
def test_one_reviewer_is_enough_also_one_who_discards(tmp_path: Path, status: Status, rows: int) -> None:
    store = Store()
    record = store.add("a", "a")
    store.responses.append(make_response(record, "a", "eva", status=status, flags=["unsafe"]))
    result = derived(store, tmp_path)
    assert (result.rows("dpo"), result.tally.flags["unsafe"]) == (rows, 1 - rows)


@pytest.mark.slow
def test_a_record_that_two_reviewers_flag_is_counted_once(tmp_path: Path) -> None:
    store = Store()
    record = store.add()
    store.responses += [make_response(record, "a", name, flags=["unsafe"]) for name in ("ann", "bob")]
    assert dict(derived(store, tmp_path).tally.flags) == {"unsafe": 1}


@pytest.mark.slow
def test_of_answers_shown_one_by_one_only_those_of_flagged_records_are_left_out(tmp_path: Path) -> None:
    store = Store()
    candidate_set = store.add_set("One.", "Two.", "Three.")
    store.show(candidate_set, 0, task="binary", answers={"ann": "good"})
    store.show(candidate_set, 1, task="binary", answers={"ann": "bad"})
    third = store.show(candidate_set, 2, task="binary")
    store.responses.append(make_response(third, "good", "ann", edit="Mine.", flags=["personal_data"]))
    result = derived(store, tmp_path)
    labels = {row["completion"][0]["content"]: row["label"] for row in published(tmp_path / "out", "kto")}
    assert labels == {"One.": True, "Two.": False}
    assert [chosen(row) for row in published(tmp_path / "out", "dpo")] == [("One.", "Two.")]
    assert [row["messages"][-1]["content"] for row in published(tmp_path / "out", "sft")] == ["One."]
    assert {name: dict(result.tally.dropped[name]) for name in TRAINED} == {name: {"flagged": 1} for name in TRAINED}


def test_a_broken_prompt_is_broken_for_all_its_answers(tmp_path: Path) -> None:
    store = Store()
    candidate_set = store.add_set("One.", "Two.")
    store.show(candidate_set, 0, task="binary", answers={"ann": "good"})
    second = store.show(candidate_set, 1, task="binary")
    store.responses.append(make_response(second, "bad", "ann", status="discarded", flags=["broken_prompt"]))
    result = derived(store, tmp_path)
    assert {name: result.rows(name) for name in TRAINED} == dict.fromkeys(TRAINED, 0)
    assert {name: dict(result.tally.dropped[name]) for name in TRAINED} == {name: {"flagged": 1} for name in TRAINED}


@pytest.mark.slow
def test_a_flag_of_a_discarded_record_counts_for_another_set_of_the_prompt(tmp_path: Path) -> None:
    store = Store()
    prompt = make_prompt(question(0))
    first = store.add(prompt=prompt)
    store.responses.append(make_response(first, "a", "ann", status="discarded", flags=["broken_prompt"]))
    store.ask_again(0, "a")
    store.add("a")
    result = derived(store, tmp_path)
    assert (result.rows("dpo"), dict(result.tally.dropped["dpo"])) == (1, {"flagged": 1})


@pytest.mark.slow
def test_the_judge_does_not_decide_about_what_was_flagged(tmp_path: Path) -> None:
    store = Store()
    record = store.add(ratings=(5.0, 1.0))
    store.responses.append(make_response(record, "a", "ann", status="discarded", flags=["unsafe"]))
    config = make_config(judge=JUDGE, publish={"formats": EVERY}, labels={"judge_fallback": True})
    assert derived(store, tmp_path, config).rows("dpo") == 0
    # An answer that another record shows too, which nobody reviewed, would otherwise follow its rating.
    store.show(store.add_set("One.", "Two.", ratings=(5.0, 1.0)), 0, task="binary")
    last = store.sets[-1]
    flagged = store.show(last, 0, 1)
    store.responses.append(make_response(flagged, "a", "ann", status="discarded", flags=["unsafe"]))
    assert derived(store, tmp_path / "both", config).rows("kto") == 0
