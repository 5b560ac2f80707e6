"""What reviewers wrote: answers of their own, whose they are, and which of them count."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.types import HUMAN_EDIT, SIMULATED_EDIT
from tests.derive.stores import (
    EVERY,
    TRAINED,
    Store,
    chosen,
    derived,
    make_config,
    make_response,
    published,
    rows_of,
)


def test_several_edits_of_a_record_are_answers_of_people_each(tmp_path: Path) -> None:
    store = Store()
    store.add("a")
    record = store.add("a", edit="Ann's.", texts=["One.", "Two."])
    store.responses.append(make_response(record, "a", "bob", edit="Bob's."))
    result = derived(store, tmp_path, make_config(publish={"formats": EVERY}, labels={"resolver": "mean"}))
    models = {row["completion"][0]["content"]: row["model"] for row in published(tmp_path / "out", "kto")}
    assert models == {
        "One.": "acme/g0",
        "Two.": "acme/g1",
        "Ann's.": HUMAN_EDIT,
        "Bob's.": HUMAN_EDIT,
        "0: Answer 0.": "acme/g0",
        "0: Answer 1.": "acme/g1",
    }
    assert {row["messages"][-1]["content"] for row in published(tmp_path / "out", "sft")} == {
        "Ann's.",
        "Bob's.",
        "0: Answer 0.",
    }
    assert result.tally.verdicts == 2


@pytest.mark.slow
def test_raw_has_every_edit_and_only_what_the_verdict_followed_has_a_score(tmp_path: Path) -> None:
    store = Store()
    drawn = store.add("a", "b", edit="Ann's.", texts=["One.", "Two."])
    outvoted = store.add("a", "b", "b", edit="Ann's.", texts=["One.", "Two."])
    store.responses[-1] = make_response(outvoted, "b", "eva", edit="Eva's.")
    few = store.add("a", edit="Two.", texts=["One.", "Two."])
    config = make_config(publish={"formats": EVERY}, labels={"min_reviewers": 2})
    result = derived(store, tmp_path, config)
    assert result.tally.unresolved == {"draw": 1, "too_few_reviewers": 1}
    rows = {record_id: row for row in published(tmp_path / "out", "raw") for record_id in row["record_ids"]}
    edits = {
        name: {
            candidate["text"]: (candidate["model"], candidate["score"], candidate["edit_of"] is not None)
            for candidate in row["candidates"][2:]
        }
        for name, row in rows.items()
    }
    assert edits[drawn.id] == {"Ann's.": (HUMAN_EDIT, None, True)}
    assert edits[outvoted.id] == {"Eva's.": (HUMAN_EDIT, 1.0, True), "Ann's.": (HUMAN_EDIT, None, True)}
    # What is there already is no edit.
    assert edits[few.id] == {}
    assert {name: row["reviewers"] for name, row in rows.items()} == {drawn.id: 2, outvoted.id: 3, few.id: 1}
    assert [row["chosen"][0]["content"] for row in published(tmp_path / "out", "dpo")] == ["Eva's."]


@pytest.mark.slow
def test_what_a_program_wrote_is_not_published_as_written_by_a_person(tmp_path: Path) -> None:
    store = Store()
    for reviewer in ("ann", "simulated-ann"):
        record = store.add()
        store.responses.append(make_response(record, "both_bad", reviewer, edit=f"By {reviewer}."))
    derived(store, tmp_path)
    rows = {row["chosen"][0]["content"]: row for row in published(tmp_path / "out", "dpo")}
    assert {text: (row["chosen_model"], row["label_source"]) for text, row in rows.items()} == {
        "By ann.": (HUMAN_EDIT, "human"),
        "By simulated-ann.": (SIMULATED_EDIT, "simulated"),
    }
    names = {text: row["annotations"][0]["reviewer"].rpartition("-")[0] for text, row in rows.items()}
    assert names == {"By ann.": "reviewer", "By simulated-ann.": "simulated"}


@pytest.mark.slow
def test_what_a_person_wrote_is_not_cut_off(tmp_path: Path) -> None:
    store = Store()
    store.add("a", edit="A whole sentence.", finish_reason="length")
    derived(store, tmp_path, make_config(publish={"formats": EVERY}, quality={"truncated": True}))
    assert [row["messages"][-1]["content"] for row in published(tmp_path / "out", "sft")] == ["A whole sentence."]


@pytest.mark.slow
@pytest.mark.parametrize("pairs", ["best-worst", "all"])
def test_a_faulty_edit_falls_out_alone_and_the_pair_beneath_it_stays(tmp_path: Path, pairs: str) -> None:
    store = Store()
    record = store.add("a", texts=["Good.", "Bad."], edit="Write to jane.doe@acme-corp.com.")
    config = make_config(publish={"formats": EVERY, "pairs": pairs}, quality={"pii": True})
    result = derived(store, tmp_path, config)
    rows = rows_of(tmp_path)
    assert {name: [(chosen(row), row["record_ids"]) for row in rows[name]] for name in ("dpo", "reward")} == {
        "dpo": [(("Good.", "Bad."), [record.id])],
        "reward": [(("Good.", "Bad."), [record.id])],
    }
    assert [row["messages"][-1]["content"] for row in rows["sft"]] == ["Good."]
    assert {row["completion"][0]["content"]: row["label"] for row in rows["kto"]} == {"Good.": True, "Bad.": False}
    assert {name: dict(result.tally.dropped[name]) for name in TRAINED} == {
        "dpo": {}, "reward": {}, "sft": {"pii": 1}, "kto": {"pii": 1},
    }  # fmt: skip


@pytest.mark.slow
def test_the_fault_of_an_edit_is_the_reason_where_no_pair_is_beneath_it(tmp_path: Path) -> None:
    store = Store()
    store.add("both_bad", texts=["One.", "Two."], edit="Write to jane.doe@acme-corp.com.")
    result = derived(store, tmp_path, make_config(publish={"formats": EVERY}, quality={"pii": True}))
    assert {name: dict(result.tally.dropped[name]) for name in TRAINED} == {name: {"pii": 1} for name in TRAINED}
    assert {name: result.rows(name) for name in TRAINED} == {"dpo": 0, "reward": 0, "sft": 0, "kto": 2}


@pytest.mark.slow
def test_only_what_is_wrong_with_an_edit_keeps_it_out(tmp_path: Path) -> None:
    store = Store()
    store.add("both_bad", texts=["Write to jane.doe@acme-corp.com.", "Two."], edit="Better.")
    result = derived(store, tmp_path, make_config(publish={"formats": EVERY}, quality={"pii": True}))
    # The worst answer of the set is the one of the two with the smaller id; the other cannot be rejected either.
    assert [row["messages"][-1]["content"] for row in rows_of(tmp_path)["sft"]] == ["Better."]
    assert {row["completion"][0]["content"] for row in rows_of(tmp_path)["kto"]} == {"Two.", "Better."}
    assert dict(result.tally.dropped["kto"]) == {"pii": 1}
