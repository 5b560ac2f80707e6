"""From a store to rows: every verdict gives a row or a reason, and counts add up."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation import ids
from curation.derive import derive
from curation.errors import DataError
from tests.derive.stores import (
    EVERY,
    PREFERENCES,
    SERVICES,
    TRAINED,
    Store,
    chosen,
    derived,
    given,
    make_config,
    make_response,
    published,
    question,
    rows_of,
    varied,
)
from tests.rows import SETTINGS, make_judgement, make_prompt


def test_a_preference_becomes_a_row_of_every_config(tmp_path: Path) -> None:
    store = Store()
    record = store.add("a", texts=["Good.", "Bad."])
    result = derived(store, tmp_path)
    assert {name: result.rows(name) for name in EVERY} == {"dpo": 1, "kto": 2, "reward": 1, "sft": 1, "raw": 1}
    assert {name: dict(result.tally.dropped[name]) for name in EVERY} == {name: {} for name in EVERY}
    [dpo], [reward], [sft], [raw] = (published(tmp_path / "out", name) for name in ("dpo", "reward", "sft", "raw"))
    kto = published(tmp_path / "out", "kto")
    assert chosen(dpo) == chosen(reward) == ("Good.", "Bad.")
    assert {row["completion"][0]["content"]: row["label"] for row in kto} == {"Good.": True, "Bad.": False}
    assert sft["messages"] == [*dpo["prompt"], *dpo["chosen"]]
    assert {tuple(row["record_ids"]) for row in (dpo, reward, sft, raw, *kto)} == {(record.id,)}
    [candidate_set] = store.sets
    good, bad = (candidate.id for candidate in candidate_set.candidates)
    assert dpo["id"] == ids.row_id("dpo", candidate_set.prompt.id, good, bad)
    assert {row["id"] for row in kto} == {ids.row_id("kto", candidate_set.prompt.id, answer) for answer in (good, bad)}
    assert (raw["id"], raw["set_id"]) == (ids.row_id("raw", candidate_set.id), candidate_set.id)
    assert sorted(raw["rows"]) == sorted(row["id"] for row in (dpo, reward, sft, *kto))
    assert raw["dropped"] == []
    pseudonym = ids.pseudonym("key", "ann")
    assert {row["annotations"][0]["reviewer"] for row in (dpo, reward, sft, raw, *kto)} == {pseudonym}
    assert result.reviewers == {"ann": 1}


@pytest.mark.slow
def test_shards_are_named_by_their_content_and_say_what_they_hold(tmp_path: Path) -> None:
    store = Store()
    for number in range(12):
        store.add(PREFERENCES[number % 2])
    result = derived(store, tmp_path, make_config(publish={"formats": EVERY, "test_size": 0.4}))
    paths = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.parquet"))
    assert paths == sorted(shard.path for shard in result.tally.shards)
    assert {(shard.config, shard.split) for shard in result.tally.shards} == {
        (name, split) for name in EVERY for split in ("train", "test")
    }
    for shard in result.tally.shards:
        content = (tmp_path / "out" / shard.path).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        assert shard.path == f"{shard.config}/{shard.split}-{digest[:16]}.parquet"
        assert (shard.bytes, shard.sha256) == (len(content), digest)
        rows = pq.read_table(tmp_path / "out" / shard.path)
        assert rows.num_rows == shard.rows == result.tally.rows[shard.config, shard.split]
        order = rows["id"].to_pylist()
        assert (order == sorted(order)) is (shard.config != "kto")


@pytest.mark.slow
def test_what_is_not_written_is_counted_the_same(tmp_path: Path) -> None:
    store = varied()
    written = derived(store, tmp_path)
    counted = derive(make_config(publish={"formats": EVERY}), store.written(tmp_path / "again"), SERVICES)
    assert counted.tally.shards == []
    for name in EVERY:
        assert counted.rows(name) == written.rows(name)
    assert counted.tally.dropped == written.tally.dropped


@pytest.mark.slow
@pytest.mark.parametrize("pairs", ["best-worst", "all"])
@pytest.mark.parametrize("ties", ["drop", "kto-only"])
def test_every_record_has_a_verdict_or_a_reason_and_every_verdict_a_row_or_a_reason(
    tmp_path: Path, pairs: str, ties: str
) -> None:
    store = varied()
    result = derived(store, tmp_path, make_config(publish={"formats": EVERY, "pairs": pairs}, labels={"ties": ties}))
    tally = result.tally
    assert result.records == len(store.records) == 64
    assert tally.verdicts + tally.unresolved.total() == result.records
    assert tally.unresolved == {"draw": 8, "unreviewed": 16}
    assert sum(tally.label_sources.values()) == tally.verdicts
    raw = published(tmp_path / "out", "raw")
    assert len(raw) == result.rows("raw") == 66
    given = Counter(row for raw_row in raw for row in raw_row["rows"])
    assert given == Counter(row["id"] for name in TRAINED for row in published(tmp_path / "out", name))
    assert set(given.values()) == {1}
    lost = Counter(reason for raw_row in raw for reason in raw_row["dropped"] if ":" in reason)
    assert lost == {f"{name}:{why}": count for name in TRAINED for why, count in tally.dropped[name].items()}
    for raw_row in raw:
        if raw_row["label_source"] is not None:
            assert_accounted(raw_row)


def assert_accounted(row: dict[str, Any]) -> None:
    """A set with a verdict has, for each config, a row or a reason."""
    reasons = {reason.partition(":")[0] for reason in row["dropped"]}
    candidates = [candidate["id"] for candidate in row["candidates"]]
    prompt = row["prompt_id"]
    pairs = [(a, b) for a in candidates for b in candidates]
    possible = {
        "dpo": {ids.row_id("dpo", prompt, *pair) for pair in pairs},
        "reward": {ids.row_id("reward", prompt, *pair) for pair in pairs},
        "kto": {ids.row_id("kto", prompt, candidate_id) for candidate_id in candidates},
        "sft": {ids.row_id("sft", prompt, candidate_id) for candidate_id in candidates},
    }
    for config, rows in possible.items():
        assert config in reasons or rows & set(row["rows"]), (config, row)


@pytest.mark.slow
def test_what_gives_no_verdict_or_was_not_shown_is_in_raw_with_the_reason(tmp_path: Path) -> None:
    derived(varied(), tmp_path)
    raw = published(tmp_path / "out", "raw")
    reasons = Counter(reason for row in raw for reason in row["dropped"] if ":" not in reason)
    assert reasons == {"draw": 8, "unreviewed": 16, "not_pushed": 1, "fewer_than_two_answers": 1}
    unshown = [row for row in raw if not row["record_ids"]]
    assert sorted(row["prompt"][0]["content"] for row in unshown) == ["Only one answer?", "Shown to nobody?"]
    assert all(row["rows"] == [] and row["annotations"] == [] for row in unshown)
    [draft] = [row for row in raw if row["prompt"][-1]["content"] == question(3)]
    assert [entry["status"] for entry in draft["annotations"]] == ["draft"]


@pytest.mark.slow
def test_a_set_without_a_record_has_the_reason_that_push_stored(tmp_path: Path) -> None:
    store = Store()
    reasons = ("prompt_pii", None, "judge_did_not_answer_yet")
    sets = [store.add_set(f"{number}: One.", f"{number}: Two.") for number in range(3)]
    store.not_shown = {
        candidate_set.id: reason for candidate_set, reason in zip(sets, reasons, strict=True) if reason is not None
    }
    shown = store.add("a")
    # What a push left out before may be shown since.
    store.not_shown[shown.set_id] = "pii"
    result = derived(store, tmp_path)
    assert result.tally.unshown == {"prompt_pii": 1, "not_pushed": 1, "judge_did_not_answer_yet": 1}
    raw = {row["set_id"]: row["dropped"] for row in published(tmp_path / "out", "raw")}
    wanted = {candidate_set.id: [reason or "not_pushed"] for candidate_set, reason in zip(sets, reasons, strict=True)}
    assert raw == wanted | {shown.set_id: []}


@pytest.mark.slow
def test_raw_has_what_every_judge_replied_in_its_words(tmp_path: Path) -> None:
    store = Store()
    candidate_set = store.add_set("One.", "Two.", ratings=(5.0, 2.0))
    judgements = (
        make_judgement(5, 2, aspect="truth", rationales=("True.", "Not true.")),
        make_judgement(None, 2, judge="other", order=(1, 0), rationales=(None, "Ask jane.doe@acme-corp.com.")),
    )
    store.sets = [candidate_set.model_copy(update={"judgements": judgements})]
    derived(store, tmp_path / "whole")
    [raw] = published(tmp_path / "whole" / "out", "raw")
    assert raw["judgements"] == [
        {
            "judge": "judge",
            "aspect": "truth",
            "scale": 5,
            "order": [0, 1],
            "ratings": [5.0, 2.0],
            "rationales": ["True.", "Not true."],
        },
        {
            "judge": "other",
            "aspect": "overall-rating",
            "scale": 5,
            "order": [1, 0],
            "ratings": [None, 2.0],
            "rationales": [None, "Ask jane.doe@acme-corp.com."],
        },
    ]
    derived(store, tmp_path / "clean", make_config(publish={"formats": ["raw"]}, quality={"pii": True}))
    [clean] = published(tmp_path / "clean" / "out", "raw")
    assert clean["judgements"][1]["rationales"] == [None, "Ask [EMAIL]."]
    assert clean["judgements"][0] == raw["judgements"][0]


@pytest.mark.slow
def test_prompts_are_counted_once_by_how_far_they_came(tmp_path: Path) -> None:
    store = Store()
    store.add("a")
    store.add("both_good")
    store.add()
    store.add_set("One.", "Two.")
    # A prompt that was asked twice, and answered both times, is one prompt.
    store.ask_again(0, "b")
    result = derived(store, tmp_path)
    assert result.tally.reached == {"shown": 3, "verdicts": 2, "dpo": 1, "reward": 1, "sft": 1, "kto": 2}
    assert (result.asked, result.answered) == (4, 4)


@pytest.mark.slow
def test_candidate_sets_are_counted_by_source(tmp_path: Path) -> None:
    store = Store()
    for number, source in enumerate(["acme/a@1", "acme/b@2", "acme/a@1"]):
        store.add_set("One.", "Two.", prompt=make_prompt(question(number)).model_copy(update={"source": source}))
    store.ask_again(1)
    assert derived(store, tmp_path).sources == {"acme/a@1": 2, "acme/b@2": 2}


@pytest.mark.slow
def test_votes_are_those_of_people_and_those_of_programs_where_no_person_answered(tmp_path: Path) -> None:
    store = Store()
    store.add("a", "b")
    mixed = store.add("a")
    program = store.add()
    store.responses.append(make_response(mixed, "b", "simulated-x"))
    store.responses.append(make_response(program, "both_bad", "simulated-x"))
    result = derived(store, tmp_path)
    votes_by_source = {
        source: [
            (record, votes.reviewers[reviewer], votes.answers[answer])
            for record, reviewer, answer in zip(
                votes.record.tolist(), votes.reviewer.tolist(), votes.answer.tolist(), strict=True
            )
        ]
        for source, votes in result.votes.items()
    }
    assert votes_by_source == {
        "human": [(0, "ann", (1.0, 0.0)), (0, "bob", (0.0, 1.0)), (1, "ann", (1.0, 0.0))],
        "simulated": [(2, "simulated-x", (0.0, 0.0))],
    }
    assert {source: votes.records for source, votes in result.votes.items()} == {"human": 3, "simulated": 3}
    assert result.measured == "human"


def test_an_empty_store_gives_nothing(tmp_path: Path) -> None:
    result = derived(Store(), tmp_path)
    assert (result.records, result.tally.rows, result.tally.shards) == (0, {}, [])


def test_a_store_without_responses_gives_raw_alone(tmp_path: Path) -> None:
    store = Store()
    store.add()
    result = derived(store, tmp_path)
    assert result.tally.rows.total() == result.rows("raw") == 1
    assert result.tally.unresolved == {"unreviewed": 1}


@pytest.mark.slow
@pytest.mark.parametrize("formats", [["dpo"], ["raw"], ["sft", "reward"]])
def test_only_the_configs_that_are_asked_for_are_made(tmp_path: Path, formats: list[str]) -> None:
    result = derived(varied(), tmp_path, make_config(publish={"formats": formats}))
    assert {name for name, _ in result.tally.rows} == set(formats)
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(formats)
    assert {name for name, reasons in result.tally.dropped.items() if reasons} <= set(formats)


def test_a_record_that_shows_what_its_set_does_not_hold_is_an_error(tmp_path: Path) -> None:
    store = Store()
    record = store.add("a")
    other = store.add("a")
    for candidate in ("nothing", other.candidates[0]):
        store.records[0] = record.model_copy(update={"candidates": (record.candidates[0], candidate)})
        with pytest.raises(DataError, match=f"1 candidates .* do not hold: see set {store.sets[0].id}"):
            derived(store, tmp_path / candidate)


@pytest.mark.slow
def test_what_judges_said_is_counted_once_for_each_set(tmp_path: Path) -> None:
    store = Store()
    for number in range(3):
        store.add("a")
        turned = make_judgement(*((5, 1) if number else (1, 5)))
        store.sets[-1] = store.sets[-1].model_copy(update={"judgements": (make_judgement(5, 1), turned)})
    store.sets.append(store.sets[0])
    result = derived(store, tmp_path)
    [judge] = result.tally.judges.statistics()
    assert (judge.judgements, judge.swap_consistency, judge.histogram) == (6, 2 / 3, {"1": 6, "5": 6})
    assert result.tally.disagreements == 1


@pytest.mark.slow
def test_languages_models_and_lengths_are_counted(tmp_path: Path) -> None:
    store = Store()
    store.add("a", texts=["four", "seven77"], prompt=given(make_prompt("Why is the sky blue?"), language="en"))
    store.add("b", prompt=make_prompt("?"))
    store.add(prompt=given(make_prompt("Warum ist der Himmel blau?"), language="de"))
    result = derived(store, tmp_path)
    # Of rows that can be trained on: one each of dpo, reward and sft, two of kto.
    assert result.tally.languages == {"en": 5, None: 5}
    assert result.tally.models == {("g0", "acme/g0", SETTINGS): 3, ("g1", "acme/g1", SETTINGS): 3}
    assert (20, 4, 7) in [tuple(map(int, row)) for part in result.tally.lengths for row in part]
    assert {row["language"] for row in published(tmp_path / "out", "dpo")} == {"en", None}
    assert {row["language"] for row in published(tmp_path / "out", "raw")} == {"en", "de", None}


@pytest.mark.slow
def test_simulated_answers_are_never_human(tmp_path: Path) -> None:
    store = Store()
    record = store.add()
    store.responses.append(make_response(record, "a", "simulated-one"))
    result = derived(store, tmp_path)
    assert result.tally.label_sources == {"simulated": 1}
    assert result.measured == "simulated"
    assert published(tmp_path / "out", "dpo")[0]["label_source"] == "simulated"


@pytest.mark.slow
def test_no_username_is_in_any_file(tmp_path: Path) -> None:
    store = Store()
    record = store.add(edit="Better.")
    store.responses += [
        make_response(record, "a", name, edit="Better.") for name in ("zoe-the-reviewer", "simulated-x")
    ]
    derived(store, tmp_path)
    for path in (tmp_path / "out").rglob("*.parquet"):
        content = path.read_bytes()
        assert b"zoe-the-reviewer" not in content
    assert "zoe-the-reviewer" not in json.dumps(rows_of(tmp_path))
    assert "simulated-x" not in json.dumps(rows_of(tmp_path))


@pytest.mark.slow
def test_what_is_counted_comes_in_the_same_order_in_every_run(tmp_path: Path) -> None:
    result = derived(varied(), tmp_path, make_config(publish={"formats": EVERY, "pairs": "all"}))
    counters = [result.tally.unresolved, result.tally.unshown, *result.tally.dropped.values()]
    assert max(map(len, counters)) > 1
    for counter in counters:
        assert list(counter) == sorted(counter)
