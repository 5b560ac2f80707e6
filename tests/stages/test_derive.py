"""From a store to rows: every verdict gives a row or a reason, however the store is cut, and counts add up."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation import ids
from curation.config import Config
from curation.errors import DataError
from curation.export import chat_template
from curation.generation import settings_id, settings_of
from curation.stages import derive as derive_module
from curation.stages import segments
from curation.stages.derive import Derived, derive
from curation.store import CANDIDATE_SETS
from curation.types import HUMAN_EDIT, SIMULATED_EDIT, DroppedPrompt, Message, Prompt
from tests.rows import SETTINGS, make_candidate, make_judgement, make_prompt, make_set
from tests.stages.stores import (
    EVERY,
    PREFERENCES,
    SERVICES,
    TRAINED,
    Store,
    derived,
    make_config,
    make_record,
    make_response,
    published,
    question,
    varied,
)


def chosen(row: dict[str, Any]) -> tuple[str, str]:
    return row["chosen"][0]["content"], row["rejected"][0]["content"]


def test_a_preference_becomes_a_row_of_every_config(tmp_path: Path) -> None:
    store = Store()
    record = store.add("a", texts=["Good.", "Bad."])
    found = derived(store, tmp_path)
    assert {name: found.rows(name) for name in EVERY} == {"dpo": 1, "kto": 2, "reward": 1, "sft": 1, "raw": 1}
    assert {name: dict(found.tally.dropped[name]) for name in EVERY} == {name: {} for name in EVERY}
    [dpo], [reward], [sft], [raw] = (published(tmp_path / "out", name) for name in ("dpo", "reward", "sft", "raw"))
    kto = published(tmp_path / "out", "kto")
    assert chosen(dpo) == chosen(reward) == ("Good.", "Bad.")
    assert {row["completion"][0]["content"]: row["label"] for row in kto} == {"Good.": True, "Bad.": False}
    assert sft["messages"] == [*dpo["prompt"], *dpo["chosen"]]
    assert raw["record_id"] == record.id
    assert sorted(raw["rows"]) == sorted(row["id"] for row in (dpo, reward, sft, *kto))
    assert raw["dropped"] == []
    pseudonym = ids.pseudonym("key", "ann")
    assert {row["annotations"][0]["reviewer"] for row in (dpo, reward, sft, raw, *kto)} == {pseudonym}
    assert found.reviewers == {"ann": 1}


def test_shards_are_named_by_their_content_and_say_what_they_hold(tmp_path: Path) -> None:
    store = Store()
    for number in range(12):
        store.add(PREFERENCES[number % 2])
    found = derived(store, tmp_path, make_config(publish={"formats": EVERY, "test_size": 0.4}))
    paths = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.parquet"))
    assert paths == sorted(shard.path for shard in found.tally.shards)
    assert {(shard.config, shard.split) for shard in found.tally.shards} == {
        (name, split) for name in EVERY for split in ("train", "test")
    }
    for shard in found.tally.shards:
        content = (tmp_path / "out" / shard.path).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        assert shard.path == f"{shard.config}/{shard.split}-{digest[:16]}.parquet"
        assert (shard.bytes, shard.sha256) == (len(content), digest)
        rows = pq.read_table(tmp_path / "out" / shard.path)
        assert rows.num_rows == shard.rows == found.tally.rows[shard.config, shard.split]
        order = rows["id"].to_pylist()
        assert (order == sorted(order)) is (shard.config != "kto")


def test_what_is_not_written_is_counted_the_same(tmp_path: Path) -> None:
    store = varied()
    written = derived(store, tmp_path)
    counted = derive(make_config(publish={"formats": EVERY}), store.written(tmp_path / "again"), SERVICES)
    assert counted.tally.shards == []
    for name in EVERY:
        assert counted.rows(name) == written.rows(name)
    assert counted.tally.dropped == written.tally.dropped


@pytest.mark.parametrize("pairs", ["best-worst", "all"])
@pytest.mark.parametrize("ties", ["drop", "kto-only"])
def test_every_record_has_a_verdict_or_a_reason_and_every_verdict_a_row_or_a_reason(
    tmp_path: Path, pairs: str, ties: str
) -> None:
    store = varied()
    found = derived(store, tmp_path, make_config(publish={"formats": EVERY, "pairs": pairs}, labels={"ties": ties}))
    tally = found.tally
    assert found.records == len(store.records) == 64
    assert tally.verdicts + tally.unresolved.total() == found.records
    assert tally.unresolved == {"draw": 8, "unreviewed": 16}
    assert sum(tally.label_sources.values()) == tally.verdicts
    raw = published(tmp_path / "out", "raw")
    assert len(raw) == found.rows("raw") == 66
    given = Counter(row for one in raw for row in one["rows"])
    assert given == Counter(row["id"] for name in TRAINED for row in published(tmp_path / "out", name))
    assert set(given.values()) == {1}
    lost = Counter(reason for one in raw for reason in one["dropped"] if ":" in reason)
    assert lost == {f"{name}:{why}": count for name in TRAINED for why, count in tally.dropped[name].items()}
    for one in raw:
        if one["label_source"] is not None:
            assert_accounted(one)


def assert_accounted(row: dict[str, Any]) -> None:
    """A record with a verdict has, for each config, a row or a reason."""
    reasons = {reason.partition(":")[0] for reason in row["dropped"]}
    candidates = [one["id"] for one in row["candidates"]]
    record = row["record_id"]
    pairs = [(a, b) for a in candidates for b in candidates]
    possible = {
        "dpo": {ids.row_id("dpo", record, *pair) for pair in pairs},
        "reward": {ids.row_id("reward", record, *pair) for pair in pairs},
        "kto": {ids.row_id("kto", record, one) for one in candidates},
        "sft": {ids.row_id("sft", record, one) for one in candidates},
    }
    for config, rows in possible.items():
        assert config in reasons or rows & set(row["rows"]), (config, row)


def test_what_gives_no_verdict_or_was_not_shown_is_in_raw_with_the_reason(tmp_path: Path) -> None:
    derived(varied(), tmp_path)
    raw = published(tmp_path / "out", "raw")
    reasons = Counter(reason for row in raw for reason in row["dropped"] if ":" not in reason)
    assert reasons == {"draw": 8, "unreviewed": 16, "not_shown": 1, "fewer_than_two_answers": 1}
    unshown = [row for row in raw if row["record_id"] is None]
    assert sorted(row["prompt"][0]["content"] for row in unshown) == ["Only one answer?", "Shown to nobody?"]
    assert all(row["rows"] == [] and row["annotations"] == [] for row in unshown)
    [draft] = [row for row in raw if row["prompt"][-1]["content"] == question(3)]
    assert [entry["status"] for entry in draft["annotations"]] == ["draft"]


def test_a_tie_is_for_kto_only_or_for_nothing(tmp_path: Path) -> None:
    store = Store()
    store.add("both_good")
    kept = derived(store, tmp_path / "kto-only")
    assert {name: kept.rows(name) for name in TRAINED} == {"dpo": 0, "kto": 2, "reward": 0, "sft": 0}
    assert {name: dict(kept.tally.dropped[name]) for name in TRAINED} == {
        "dpo": {"tie": 1}, "reward": {"tie": 1}, "sft": {"tie": 1}, "kto": {},
    }  # fmt: skip
    dropped = derived(store, tmp_path / "drop", make_config(publish={"formats": EVERY}, labels={"ties": "drop"}))
    assert {name: dropped.rows(name) for name in TRAINED} == dict.fromkeys(TRAINED, 0)
    assert {name: dict(dropped.tally.dropped[name]) for name in TRAINED} == {name: {"tie": 1} for name in TRAINED}
    assert (dropped.tally.verdicts, dropped.rows("raw")) == (1, 1)


def test_an_edit_of_a_tie_is_learnt_from_and_sft_has_lost_nothing(tmp_path: Path) -> None:
    store = Store()
    store.add("both_good", edit="Better.")
    found = derived(store, tmp_path)
    assert {name: dict(found.tally.dropped[name]) for name in ("dpo", "sft")} == {"dpo": {"tie": 1}, "sft": {}}
    assert [row["messages"][-1]["content"] for row in published(tmp_path / "out", "sft")] == ["Better."]


@pytest.mark.parametrize("resolver", ["majority", "mean", "unanimous", "dawid-skene"])
def test_both_good_and_an_edit_is_a_tie_whatever_the_resolver(tmp_path: Path, resolver: str) -> None:
    store = Store()
    for _ in range(10):
        store.add(*["both_good"] * 3, edit="Better.")
        store.add(*"aaa")
        store.add(*"bbb")
    options = {"resolver": resolver, "ties": "drop", **({"force": True} if resolver == "dawid-skene" else {})}
    config = make_config(publish={"formats": ["dpo", "kto", "raw"], "min_gap": 0, "test_size": 0}, labels=options)
    found = derived(store, tmp_path, config)
    assert {name: dict(found.tally.dropped[name]) for name in ("dpo", "kto")} == {
        "dpo": {"tie": 10},
        "kto": {"tie": 10},
    }
    assert (found.rows("dpo"), found.rows("kto")) == (20, 40)


def test_the_judge_does_not_answer_for_those_who_discarded(tmp_path: Path) -> None:
    store = Store()
    looked_at, unseen = store.add(ratings=(5.0, 1.0)), store.add(ratings=(5.0, 1.0))
    store.responses += [make_response(looked_at, "a", name, status="discarded") for name in ("ann", "bob", "eve")]
    judge = {"type": "ultrafeedback", "model_id": "j"}
    config = make_config(
        publish={"formats": ["dpo", "raw"], "test_size": 0}, labels={"judge_fallback": True}, judge=judge
    )
    found = derived(store, tmp_path, config)
    assert found.tally.unresolved == {"discarded": 1}
    [row] = published(tmp_path / "out", "dpo")
    assert (row["record_id"], row["label_source"]) == (unseen.id, "judge")


def test_an_edit_of_a_tie_is_no_tie(tmp_path: Path) -> None:
    store = Store()
    store.add("both_bad", texts=["One.", "Two."], edit="One!")
    found = derived(store, tmp_path, make_config(publish={"formats": EVERY}, labels={"ties": "drop"}))
    [dpo], [sft] = (published(tmp_path / "out", name) for name in ("dpo", "sft"))
    assert chosen(dpo)[0] == sft["messages"][-1]["content"] == "One!"
    assert sft["edit_similarity"] == pytest.approx(0.75)
    assert {row["label"] for row in published(tmp_path / "out", "kto")} == {True, False}
    assert found.tally.models == {("g0", "acme/g0", SETTINGS): 1, ("g1", "acme/g1", SETTINGS): 1}
    [raw] = published(tmp_path / "out", "raw")
    assert raw["candidates"][-1]["edit_of"] == store.sets[0].candidates[0].id


def test_several_edits_of_a_record_are_answers_of_people_each(tmp_path: Path) -> None:
    store = Store()
    store.add("a")
    record = store.add("a", edit="Ann's.", texts=["One.", "Two."])
    store.responses.append(make_response(record, "a", "bob", edit="Bob's."))
    found = derived(store, tmp_path, make_config(publish={"formats": EVERY}, labels={"resolver": "mean"}))
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
    assert found.tally.verdicts == 2


def test_raw_has_every_edit_and_only_what_the_verdict_followed_has_a_score(tmp_path: Path) -> None:
    store = Store()
    drawn = store.add("a", "b", edit="Ann's.", texts=["One.", "Two."])
    outvoted = store.add("a", "b", "b", edit="Ann's.", texts=["One.", "Two."])
    store.responses[-1] = make_response(outvoted, "b", "eva", edit="Eva's.")
    few = store.add("a", edit="Two.", texts=["One.", "Two."])
    config = make_config(publish={"formats": EVERY}, labels={"min_reviewers": 2})
    found = derived(store, tmp_path, config)
    assert found.tally.unresolved == {"draw": 1, "too_few_reviewers": 1}
    rows = {row["record_id"]: row for row in published(tmp_path / "out", "raw")}
    edits = {
        name: {one["text"]: (one["model"], one["score"], one["edit_of"] is not None) for one in row["candidates"][2:]}
        for name, row in rows.items()
    }
    assert edits[drawn.id] == {"Ann's.": (HUMAN_EDIT, None, True)}
    assert edits[outvoted.id] == {"Eva's.": (HUMAN_EDIT, 1.0, True), "Ann's.": (HUMAN_EDIT, None, True)}
    # What is there already is no edit.
    assert edits[few.id] == {}
    assert {name: row["reviewers"] for name, row in rows.items()} == {drawn.id: 2, outvoted.id: 3, few.id: 1}
    assert [row["chosen"][0]["content"] for row in published(tmp_path / "out", "dpo")] == ["Eva's."]


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


def test_what_a_person_wrote_is_not_cut_off(tmp_path: Path) -> None:
    store = Store()
    store.add("a", edit="A whole sentence.", finish_reason="length")
    derived(store, tmp_path, make_config(publish={"formats": EVERY}, quality={"truncated": True}))
    assert [row["messages"][-1]["content"] for row in published(tmp_path / "out", "sft")] == ["A whole sentence."]


def test_a_set_gives_way_to_a_later_one_of_its_prompt_with_all_its_answers(tmp_path: Path) -> None:
    store = Store()
    # A request failed, and the next `generate` asked for the missing answer.
    prompt = make_prompt(question(100))
    whole = make_set(prompt, (None, None))
    store.sets.append(make_set(prompt, (None,)))
    assert store.sets[0].candidates == whole.candidates[:1]
    # Another judge rated the answers that people were shown already.
    judged = store.add(ratings=(1.0, 5.0), prompt=make_prompt(question(200)))
    first, second = store.sets[1].candidates
    rerated = (first.model_copy(update={"rating": 5.0}), second.model_copy(update={"rating": 1.0}))
    other = store.sets[1].model_copy(update={"id": "f" * 16, "settings": "other", "candidates": rerated})
    store.sets += [whole, other]
    store.settings["other"] = store.settings[SETTINGS]
    record = make_record(whole)
    store.records.append(record)
    store.responses.append(make_response(record, "a"))
    config = make_config(
        publish={"formats": EVERY}, labels={"judge_fallback": True}, judge={"type": "ultrafeedback", "model_id": "j"}
    )
    found = derived(store, tmp_path, config)
    raw = {row["record_id"]: row for row in published(tmp_path / "out", "raw")}
    assert raw.keys() == {record.id, judged.id}
    assert found.tally.unshown == {}
    assert found.tally.models == {
        ("g0", "acme/g0", SETTINGS): 1, ("g1", "acme/g1", SETTINGS): 1,
        ("g0", "acme/g0", "other"): 1, ("g1", "acme/g1", "other"): 1,
    }  # fmt: skip
    # What nobody answered is decided by the judge of today.
    scores = {row["label_source"]: row["chosen"][0]["content"] for row in published(tmp_path / "out", "dpo")}
    assert scores["judge"] == rerated[0].text
    assert len(published(tmp_path / "out", "dpo")) == 2


@pytest.mark.parametrize("ratings", [(None, None), (1.0, None)])
def test_a_judge_that_reads_nothing_takes_no_verdict_away_from_the_judge_before(
    tmp_path: Path, ratings: tuple[float | None, ...]
) -> None:
    store = Store()
    record = store.add(ratings=(5.0, 1.0))
    [first] = store.sets
    silent = tuple(
        one.model_copy(update={"rating": rating}) for one, rating in zip(first.candidates, ratings, strict=True)
    )
    store.sets.append(first.model_copy(update={"id": "f" * 16, "settings": "silent", "candidates": silent}))
    store.settings = {
        SETTINGS: {"judge old": {"model_id": "acme/old"}},
        "silent": {"judge new": {"model_id": "acme/new"}},
    }
    config = make_config(labels={"judge_fallback": True}, judge={"type": "ultrafeedback", "model_id": "j"})
    found = derived(store, tmp_path, config)
    [row] = published(tmp_path / "out", "dpo")
    assert (row["record_id"], chosen(row)) == (record.id, (first.candidates[0].text, first.candidates[1].text))
    assert found.tally.unshown == {}
    said = [one.line(str(count)) for one, count in found.decisions.items()]
    others = "new (acme/new) gave none" if ratings == (None, None) else "new (acme/new) rated them too"
    assert said == [f"On 1 the ratings of old (acme/old) (of an earlier configuration) decide: {others}."]


def test_a_set_with_one_answer_more_that_nobody_rated_takes_no_completion_away(tmp_path: Path) -> None:
    store = Store()
    store.add(ratings=(5.0, 1.0))
    [first] = store.sets
    more = make_set(first.prompt, (None, None, None)).candidates[2]
    unrated = tuple(one.model_copy(update={"rating": None}) for one in (*first.candidates, more))
    store.sets.append(first.model_copy(update={"id": "f" * 16, "settings": "more", "candidates": unrated}))
    store.records.append(make_record(store.sets[1], 0, 2))
    config = make_config(
        publish={"formats": EVERY},
        labels={"judge_fallback": True},
        judge={"type": "ultrafeedback", "model_id": "j"},
    )
    derived(store, tmp_path, config)
    labels = {row["completion"][0]["content"]: row["label"] for row in published(tmp_path / "out", "kto")}
    assert labels == {first.candidates[0].text: True, first.candidates[1].text: False}


def test_the_judge_of_the_configuration_decides_though_another_rated_later(tmp_path: Path) -> None:
    config = make_config(labels={"judge_fallback": True}, judge={"type": "ultrafeedback", "model_id": "j"})
    now = settings_id(config.models)
    store = Store()
    store.add(ratings=(5.0, 1.0))
    [made] = store.sets
    later = tuple(one.model_copy(update={"rating": 6 - (one.rating or 0)}) for one in made.candidates)
    store.sets = [
        made.model_copy(update={"settings": now}),
        made.model_copy(update={"id": "f" * 16, "settings": "between", "candidates": later}),
    ]
    store.settings = {now: settings_of(config.models), "between": {"judge b": {"model_id": "b"}}}
    found = derived(store, tmp_path, config)
    [row] = published(tmp_path / "out", "dpo")
    assert chosen(row) == (made.candidates[0].text, made.candidates[1].text)
    [decision] = found.decisions
    assert decision.line("1 prompt") == "On 1 prompt the ratings of j (as configured) decide: b rated them too."


def test_sets_of_one_prompt_with_other_answers_all_stay(tmp_path: Path) -> None:
    store = Store()
    prompt = make_prompt(question(1))
    three = make_set(prompt, (None, None, None))
    for number, answers in enumerate((three.candidates[:2], three.candidates[::2])):
        one = three.model_copy(update={"id": f"{number:016x}", "candidates": answers})
        store.sets.append(one)
        store.records.append(make_record(one))
    found = derived(store, tmp_path)
    assert (found.asked, found.rows("raw"), found.tally.models.total()) == (1, 2, 4)


def test_an_answer_in_two_sets_has_in_each_record_what_its_own_set_says(tmp_path: Path) -> None:
    store = Store()
    prompt = make_prompt(question(1))
    one, two, three = make_set(prompt, (None, None, None)).candidates
    for number, rated in enumerate((((one, 5.0), (two, 1.0)), ((one, 1.0), (three, 5.0)))):
        answers = tuple(candidate.model_copy(update={"rating": rating}) for candidate, rating in rated)
        made = make_set(prompt).model_copy(update={"id": f"{number:016x}", "candidates": answers})
        store.sets.append(made)
        store.records.append(make_record(made))
    config = make_config(labels={"judge_fallback": True}, judge={"type": "ultrafeedback", "model_id": "j"})
    derived(store, tmp_path, config)
    found = {chosen(row) for row in published(tmp_path / "out", "dpo")}
    assert found == {(one.text, two.text), (three.text, one.text)}


def test_what_judges_said_is_counted_once_for_each_set(tmp_path: Path) -> None:
    store = Store()
    for number in range(3):
        store.add("a")
        turned = make_judgement(*((5, 1) if number else (1, 5)))
        store.sets[-1] = store.sets[-1].model_copy(update={"judgements": (make_judgement(5, 1), turned)})
    store.sets.append(store.sets[0])
    found = derived(store, tmp_path)
    [judge] = found.tally.judges.statistics()
    assert (judge.judgements, judge.swap_consistency, judge.histogram) == (6, 2 / 3, {"1": 6, "5": 6})
    assert found.tally.disagreements == 1


def test_where_nobody_answered_the_judge_may(tmp_path: Path) -> None:
    store = Store()
    store.add(ratings=(5.0, 2.0), texts=["Five.", "Two."])
    store.add("b", ratings=(5.0, 2.0))
    store.add(ratings=(5.0, None))
    store.add("a", "b", ratings=(5.0, 2.0))
    judge = {"type": "ultrafeedback", "model_id": "acme/judge"}
    config = make_config(publish={"formats": EVERY, "test_size": 0}, labels={"judge_fallback": True}, judge=judge)
    found = derived(store, tmp_path, config)
    assert found.tally.label_sources == {"judge": 1, "human": 1}
    assert found.tally.unresolved == {"unrated": 1, "draw": 1}
    [judged] = [row for row in published(tmp_path / "out", "dpo") if row["label_source"] == "judge"]
    assert (*chosen(judged), judged["score_gap"], judged["reviewers"]) == ("Five.", "Two.", 0.75, 0)
    without = derived(store, tmp_path / "without")
    assert without.tally.unresolved == {"unreviewed": 2, "draw": 1}
    # What the judge preferred against what people did: of the one record with a verdict of people.
    assert [list(map(float, row)) for part in found.tally.choices["human"] for row in part] == [[1.0, -1.0]]


def rows_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {name: published(folder / "out", name) for name in EVERY}


def counts(found: Derived) -> dict[str, Any]:
    tally = found.tally
    return {
        "rows": tally.rows,
        "unresolved": tally.unresolved,
        "dropped": dict(tally.dropped),
        "verdicts": tally.verdicts,
        "label_sources": tally.label_sources,
        "kto_labels": tally.kto_labels,
        "languages": tally.languages,
        "models": tally.models,
        "judges": tally.judges.statistics(),
        "disagreements": tally.disagreements,
        "lengths": sorted(tuple(map(int, row)) for part in tally.lengths for row in part),
        "choices": {source: sum(map(len, parts)) for source, parts in tally.choices.items()},
        "votes": {source: sum(map(len, parts)) for source, parts in tally.votes.items()},
        "found": (found.asked, found.answered, found.failures, found.records, found.reviewers),
    }


@pytest.mark.slow
def test_rows_and_counts_are_the_same_however_the_store_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = varied()
    whole = derived(store, tmp_path / "whole")
    monkeypatch.setattr(segments, "LARGEST_SEGMENT", 16)
    monkeypatch.setattr(segments, "SMALLEST_SEGMENT", 1)
    seen: list[tuple[int, int]] = []
    parts = derived(store, tmp_path / "parts", files=5, watch=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 5) for done in range(1, 6)]
    assert len(parts.tally.shards) > len(whole.tally.shards)
    assert rows_of(tmp_path / "parts") == rows_of(tmp_path / "whole")
    assert counts(parts) == counts(whole)
    # A store of more than one largest segment is derived in processes of its own.
    monkeypatch.setattr(derive_module, "LARGEST_SEGMENT", 16)
    apart = derived(store, tmp_path / "apart", files=5)
    assert [shard.path for shard in apart.tally.shards] == [shard.path for shard in parts.tally.shards]
    assert rows_of(tmp_path / "apart") == rows_of(tmp_path / "whole")
    assert counts(apart) == counts(whole)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


class Hanging:
    """Makes strings in processes that leave their ids in a folder: that of the first segment ends, the others hang."""

    first = frozenset(map(question, range(16)))

    def __init__(self, folder: Path, error: Exception | None) -> None:
        self.folder = folder
        self.error = error
        folder.mkdir()

    @property
    def processes(self) -> list[int]:
        """The ids that were left."""
        return [int(path.name) for path in self.folder.iterdir()]

    def __call__(self, prompt: Sequence[Message], answer: Message, given: Mapping[str, Any]) -> tuple[str, str]:
        (self.folder / str(os.getpid())).touch()
        if prompt[-1].content not in self.first:
            time.sleep(30)
        while len(self.processes) < 2:
            time.sleep(0.01)
        if self.error is not None:
            raise self.error
        return prompt[-1].content, answer.content


def interrupted(done: int, total: int) -> None:
    raise KeyboardInterrupt


def unwatched(done: int, total: int) -> None:
    pass


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "watch", "raised"),
    [(DataError("No."), unwatched, DataError), (None, interrupted, KeyboardInterrupt)],
    ids=["error", "interrupt"],
)
def test_no_process_goes_on_after_an_error_or_an_interrupt(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception | None,
    watch: Callable[[int, int], None],
    raised: type[BaseException],
) -> None:
    for module, name, size in ((segments, "LARGEST", 16), (segments, "SMALLEST", 1), (derive_module, "LARGEST", 16)):
        monkeypatch.setattr(module, f"{name}_SEGMENT", size)
    render = Hanging(tmp_path / "processes", error)
    with pytest.raises(raised) as caught:
        derived(varied(), tmp_path, make_config(publish={"test_size": 0.0}), render=render, watch=watch)
    assert caught.value.args == (error.args if error else ())
    assert len(render.processes) == 2
    assert not any(map(alive, render.processes))
    # The next run gets processes of its own.
    again = derived(varied(), tmp_path / "again", make_config())
    assert again.rows("dpo") > 0


@pytest.mark.slow
def test_appending_leaves_the_shards_of_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "LARGEST_SEGMENT", 16)
    monkeypatch.setattr(segments, "SMALLEST_SEGMENT", 4)
    store = varied()
    before = {shard.path for shard in derived(store, tmp_path / "before").tally.shards}
    for _ in range(3):
        store.add("a")
    after = {shard.path for shard in derived(store, tmp_path / "after").tally.shards}
    assert len(before & after) >= len(before) * 3 // 4
    assert not before >= after


def test_an_empty_store_gives_nothing(tmp_path: Path) -> None:
    found = derived(Store(), tmp_path)
    assert (found.records, found.tally.rows, found.tally.shards) == (0, {}, [])


def test_a_store_without_responses_gives_raw_alone(tmp_path: Path) -> None:
    store = Store()
    store.add()
    found = derived(store, tmp_path)
    assert found.tally.rows.total() == found.rows("raw") == 1
    assert found.tally.unresolved == {"unreviewed": 1}


@pytest.mark.parametrize("formats", [["dpo"], ["raw"], ["sft", "reward"]])
def test_only_the_configs_that_are_asked_for_are_made(tmp_path: Path, formats: list[str]) -> None:
    found = derived(varied(), tmp_path, make_config(publish={"formats": formats}))
    assert {name for name, _ in found.tally.rows} == set(formats)
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(formats)
    assert {name for name, reasons in found.tally.dropped.items() if reasons} <= set(formats)


def test_a_record_that_shows_what_its_set_does_not_hold_is_an_error(tmp_path: Path) -> None:
    store = Store()
    record = store.add("a")
    other = store.add("a")
    for candidate in ("nothing", other.candidates[0]):
        store.records[0] = record.model_copy(update={"candidates": (record.candidates[0], candidate)})
        with pytest.raises(DataError, match=store.sets[0].id):
            derived(store, tmp_path / candidate)


def splits(folder: Path, config: str = "kto") -> dict[str, set[str]]:
    """Return the splits that each prompt is in."""
    found: dict[str, set[str]] = {}
    for split in ("train", "test"):
        for row in published(folder / "out", config, split):
            found.setdefault(row["prompt"][-1]["content"], set()).add(split)
    return found


def test_no_prompt_is_in_two_splits_and_near_duplicates_share_one(tmp_path: Path) -> None:
    store = Store()
    asked = []
    dropped = []
    for number in range(30):
        asked.append([question(number), f"{question(number)} please", f"{question(number)}?!"])
        for text in asked[-1]:
            store.add("a", prompt=make_prompt(text))
        unasked = make_prompt(f"{question(number)}!")
        dropped.append(DroppedPrompt(id=unasked.id, prompt=unasked, reason="near_duplicate"))
    derived(store, tmp_path, make_config(publish={"formats": EVERY, "test_size": 0.5}), dropped=dropped)
    for config in ("dpo", "kto", "reward", "raw"):
        found = splits(tmp_path, config)
        assert all(len(names) == 1 for names in found.values())
        assert {name for names in found.values() for name in names} == {"train", "test"}
        for number, alike in enumerate(asked):
            also = [f"{question(number)}!"] if config == "raw" else []
            assert len(set.union(*(found[text] for text in (*alike, *also)))) == 1


def test_a_dropped_prompt_moves_no_other_from_one_split_to_another(tmp_path: Path) -> None:
    store, dropped, asked = Store(), [], []
    for number in range(30):
        words = [f"{number}x{place}" for place in range(40)]
        between = make_prompt(" ".join([*words[:36], "a", "b", "c", "d"]))
        # It is near two prompts (0.81) that are not near each other (0.65).
        asked.append([" ".join(words), " ".join(["e", "f", "g", "h", *words[4:36], "a", "b", "c", "d"])])
        for text in asked[-1]:
            store.add("a", prompt=make_prompt(text))
        dropped.append(DroppedPrompt(id=between.id, prompt=between, reason="near_duplicate"))
    config = make_config(publish={"formats": EVERY, "test_size": 0.5})
    derived(store, tmp_path / "without", config)
    derived(store, tmp_path / "with", config, dropped=dropped)
    without = splits(tmp_path / "without")
    assert splits(tmp_path / "with") == without
    assert any(without[one] != without[other] for one, other in asked)
    raw = splits(tmp_path / "with", "raw")
    assert all(
        raw[one.prompt.messages[-1].content] == raw[first] for one, (first, _) in zip(dropped, asked, strict=True)
    )


def test_conversations_are_compared_without_what_the_system_says(tmp_path: Path) -> None:
    rules = " ".join(f"Rule {number}: be kind." for number in range(40))
    store, alike = Store(), []
    for number in range(30):
        turns = (
            Message(role="system", content=f"{rules} {number}"),
            Message(role="user", content=question(number)),
            Message(role="assistant", content="Go on."),
            Message(role="user", content="And then?"),
        )
        prompts = [Prompt(id=ids.prompt_id(said), messages=said, source="s") for said in (turns, turns[1:])]
        alike.append([prompt.id for prompt in prompts])
        for prompt in prompts:
            store.add("a", prompt=prompt)
    derived(store, tmp_path, make_config(publish={"test_size": 0.5}))
    in_test = {row["prompt_id"] for row in published(tmp_path / "out", "dpo", "test")}
    # What all have in common is the system's: with it all would be one prompt, without it some are elsewhere.
    assert {one in in_test for one, _ in alike} == {True, False}
    assert all((one in in_test) == (other in in_test) for one, other in alike)


def test_without_a_test_size_all_is_train(tmp_path: Path) -> None:
    found = derived(varied(), tmp_path, make_config(publish={"formats": EVERY, "test_size": 0}))
    assert {split for _, split in found.tally.rows} == {"train"}


def test_kto_labels_are_those_of_the_train_split(tmp_path: Path) -> None:
    found = derived(varied(), tmp_path, make_config(publish={"formats": EVERY, "test_size": 0.3}))
    train = Counter(row["label"] for row in published(tmp_path / "out", "kto", "train"))
    assert found.tally.kto_labels == train
    assert found.rows("kto") > train.total()


SWITCHED_ON = {"refusals": True, "pii": True, "truncated": True, "max_length_ratio": 3.0}
MAIL = "jane.doe@acme-corp.com"


def dropped_by(
    folder: Path, *texts: str, question: str = "What is in a name?", finish: str = "stop"
) -> dict[str, list[str]]:
    """Return what a record with these two texts, the first of them better, gives no row for: reasons by config."""
    store = Store()
    store.add("a", texts=texts, prompt=make_prompt(question), finish_reason=finish)
    config = make_config(publish={"formats": EVERY, "test_size": 0}, quality=SWITCHED_ON)
    found = derived(store, folder, config)
    [raw] = published(folder / "out", "raw")
    reasons = {name: sorted(found.tally.dropped[name].elements()) for name in TRAINED if found.tally.dropped[name]}
    assert sorted(raw["dropped"]) == sorted(f"{name}:{reason}" for name, lost in reasons.items() for reason in lost)
    return reasons


GOOD, OTHER = "A name is a word that we call something by.", "Names are words by which things are called."
REFUSAL = "I'm sorry, but I can't help with that request."


@pytest.mark.parametrize(
    ("better", "worse", "reasons"),
    [
        (GOOD, OTHER, {}),
        (REFUSAL, OTHER, {"dpo": ["refusal"], "reward": ["refusal"], "sft": ["refusal"], "kto": ["refusal"]}),
        (GOOD, REFUSAL, {}),
        (GOOD, "", {"dpo": ["length_ratio"], "reward": ["length_ratio"], "kto": ["empty"], "sft": ["length_ratio"]}),
        (
            GOOD,
            GOOD + "\n",
            {"dpo": ["identical"], "reward": ["identical"], "kto": ["both_labels"] * 2, "sft": ["identical"]},
        ),
        (GOOD, 4 * OTHER, {"dpo": ["length_ratio"], "reward": ["length_ratio"], "sft": ["length_ratio"]}),
        (GOOD, f"Write to {MAIL} to know.", {"dpo": ["pii"], "reward": ["pii"], "kto": ["pii"], "sft": ["pii"]}),
    ],
)
def test_checks_that_are_on_drop_what_they_should_and_say_so(
    tmp_path: Path, better: str, worse: str, reasons: dict[str, list[str]]
) -> None:
    assert dropped_by(tmp_path, better, worse) == reasons


def test_out_of_the_box_only_what_is_empty_or_identical_is_dropped(tmp_path: Path) -> None:
    store = Store()
    store.add("a", texts=[REFUSAL, f"Write to {MAIL}."])
    store.add("a", texts=[GOOD, " \n"])
    store.add("a", texts=[GOOD, GOOD])
    found = derived(store, tmp_path)
    assert {name: dict(found.tally.dropped[name]) for name in TRAINED} == {
        "dpo": {"empty": 1, "identical": 1},
        "reward": {"empty": 1, "identical": 1},
        "kto": {"empty": 1, "both_labels": 2},
        "sft": {"empty": 1, "identical": 1},
    }


def completion_labels(folder: Path) -> dict[str, list[bool]]:
    found: defaultdict[str, list[bool]] = defaultdict(list)
    for row in published(folder / "out", "kto"):
        found[row["completion"][0]["content"]].append(row["label"])
    return dict(found)


def asked_twice(*preferences: str | None) -> Store:
    """Return a store with two sets of one prompt that share an answer, and what was answered to each."""
    store = Store()
    shared, *others = make_set(make_prompt(question(1)), (None, None, None)).candidates
    for number, (other, preference) in enumerate(zip(others, preferences, strict=True)):
        one = make_set(make_prompt(question(1))).model_copy(
            update={"id": f"{number:016x}", "candidates": (shared, other)}
        )
        store.sets.append(one)
        store.records.append(make_record(one))
        if preference is not None:
            store.responses.append(make_response(store.records[-1], preference))
    return store


@pytest.mark.parametrize("largest", [1, 1 << 14])
@pytest.mark.parametrize(
    ("first", "second", "label"), [("a", "b", False), ("b", "a", True), ("a", "a", True), ("a", None, True)]
)
def test_a_completion_that_two_records_show_is_one_row_of_kto_as_it_was_answered_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, largest: int, first: str, second: str | None, label: bool
) -> None:
    monkeypatch.setattr(segments, "LARGEST_SEGMENT", largest)
    monkeypatch.setattr(segments, "SMALLEST_SEGMENT", 1)
    store = asked_twice(first, second)
    found = derived(store, tmp_path)
    shared = store.sets[0].candidates[0].text
    assert completion_labels(tmp_path)[shared] == [label]
    assert found.tally.dropped["kto"]["answered_again"] == (second is not None)
    # Each record is a pair of its own.
    assert found.rows("dpo") == 1 + (second is not None)


def test_equal_texts_of_several_models_are_one_row_of_kto(tmp_path: Path) -> None:
    store = Store()
    prompt = make_prompt(question(1))
    for name, (text, other), preference in (
        ("old", ("Same.", "Other."), "a"),
        ("new", ("Same.\n", "Another."), "a"),
        ("late", ("Other.", "Last."), "a"),
    ):
        answers = [make_candidate(prompt, each, generator=f"{name}{place}") for place, each in enumerate((text, other))]
        one = make_set(prompt).model_copy(update={"id": ids.content_hash(name), "candidates": tuple(answers)})
        store.sets.append(one)
        store.records.append(make_record(one))
        store.responses.append(make_response(store.records[-1], preference))
    found = derived(store, tmp_path)
    assert completion_labels(tmp_path) == {"Same.": [True], "Another.": [False], "Last.": [False]}
    assert dict(found.tally.dropped["kto"]) == {"stands_twice": 1, "both_labels": 2}


def test_a_prompt_that_fails_a_check_gives_no_row_at_all(tmp_path: Path) -> None:
    assert dropped_by(tmp_path, GOOD, OTHER, question=f"Who is {MAIL}?") == {name: ["pii"] for name in TRAINED}


def test_what_was_written_for_a_prompt_that_fails_a_check_is_not_published_either(tmp_path: Path) -> None:
    store = Store()
    store.add("a", prompt=make_prompt(f"Who is {MAIL}?"), edit="A better answer.")
    found = derived(store, tmp_path, make_config(publish={"formats": EVERY}, quality={"pii": True}))
    assert {name: (found.rows(name), dict(found.tally.dropped[name])) for name in TRAINED} == {
        name: (0, {"pii": 1}) for name in TRAINED
    }


def test_an_answer_that_was_cut_off_is_not_learnt_from_and_may_be_rejected(tmp_path: Path) -> None:
    lost = dropped_by(tmp_path, GOOD, OTHER, finish="length")
    assert lost == {name: ["truncated"] for name in TRAINED}


@pytest.mark.parametrize(
    ("preferences", "texts", "question"),
    [
        (("a",), (GOOD, f"Write to {MAIL}."), "Who?"),
        (("a",), (f"Write to {MAIL}.", GOOD), "Who?"),
        (("a",), (GOOD, OTHER), f"Who is {MAIL}?"),
        (("a", "b"), (f"Write to {MAIL}.", GOOD), "Who?"),
        ((), (f"Write to {MAIL}.", GOOD), f"Who is {MAIL}?"),
        (("both_good",), (f"Write to {MAIL}.", GOOD), "Who?"),
        (("a",), (f"Write to {MAIL}.", f"Write to {MAIL}. "), "Who?"),
        (("a",), (REFUSAL, f"{REFUSAL} Ask {MAIL}."), "Who?"),
    ],
)
@pytest.mark.parametrize("ties", ["drop", "kto-only"])
def test_raw_holds_no_personal_data_where_it_is_not_wanted(
    tmp_path: Path, preferences: tuple[str, ...], texts: tuple[str, str], question: str, ties: str
) -> None:
    store = Store()
    store.add(*preferences, texts=texts, prompt=make_prompt(question))
    other = make_prompt(f"Is {MAIL} an address?")
    dropped = [DroppedPrompt(id=other.id, prompt=other, reason="language")]
    config = make_config(publish={"formats": EVERY}, quality=SWITCHED_ON, labels={"ties": ties})
    derived(store, tmp_path, config, dropped=dropped)
    everything = json.dumps(rows_of(tmp_path))
    assert MAIL not in everything
    assert "[EMAIL]" in everything


THOUGHTS = ("Hm, a good one.", None)


def thoughtful(tmp_path: Path, *, keep: bool) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a store in which the first of two answers was thought about, and an edit is the best."""
    store = Store()
    store.add("a", texts=["Good.", "Bad."], edit="Best.")
    [made] = store.sets
    candidates = zip(made.candidates, THOUGHTS, strict=True)
    thinking = tuple(one.model_copy(update={"thinking": thought}) for one, thought in candidates)
    store.sets = [made.model_copy(update={"candidates": thinking})]
    derived(store, tmp_path, keeping(keep, publish={"formats": EVERY, "pairs": "all"}))
    return {name: published(tmp_path / "out", name) for name in EVERY}


def keeping(keep: bool, **sections: dict[str, Any]) -> Config:
    """Return a config whose first generator keeps its reasoning, or does not."""
    config = make_config(**sections)
    first, second = config.generators
    return config.model_copy(update={"generators": (first.model_copy(update={"keep_reasoning": keep}), second)})


def test_what_models_thought_has_columns_of_its_own_if_a_generator_keeps_it(tmp_path: Path) -> None:
    rows = thoughtful(tmp_path, keep=True)
    first = THOUGHTS[0]
    thoughts = {"Good.": first, "Bad.": None, "Best.": None}
    assert {chosen(row) for row in rows["dpo"]} == {("Good.", "Bad."), ("Best.", "Bad.")}
    for row in (*rows["dpo"], *rows["reward"]):
        assert row["chosen_thinking"] == thoughts[row["chosen"][0]["content"]]
        assert row["rejected_thinking"] == thoughts[row["rejected"][0]["content"]]
    for row in rows["kto"]:
        assert row["completion_thinking"] == thoughts[row["completion"][0]["content"]]
    for row in rows["sft"]:
        assert row["thinking"] == thoughts[row["messages"][-1]["content"]]
    [raw] = rows["raw"]
    assert {one["text"]: one["thinking"] for one in raw["candidates"]} == thoughts


def test_without_keep_reasoning_no_row_says_what_models_thought(tmp_path: Path) -> None:
    rows = thoughtful(tmp_path, keep=False)
    assert "thinking" not in json.dumps(rows)
    assert "Hm," not in json.dumps(rows)


def test_thoughts_are_published_without_personal_data_where_it_is_not_wanted(tmp_path: Path) -> None:
    store = Store()
    store.add("a", texts=["Good.", "Bad."])
    [made] = store.sets
    thinking = tuple(one.model_copy(update={"thinking": f"Ask {MAIL}."}) for one in made.candidates)
    store.sets = [made.model_copy(update={"candidates": thinking})]
    derived(store, tmp_path, keeping(True, publish={"formats": EVERY}, quality={"pii": True}))
    rows = rows_of(tmp_path)
    assert MAIL not in json.dumps(rows)
    assert "[EMAIL]" in json.dumps(rows)


def test_dropped_prompts_are_in_raw_with_their_reason_and_without_personal_data(tmp_path: Path) -> None:
    prompts = [make_prompt(f"Who is {MAIL}?"), make_prompt("Wer ist das?"), make_prompt("Asked since?")]
    dropped = [
        DroppedPrompt(id=prompt.id, prompt=prompt, reason=reason)
        for prompt, reason in zip(prompts, ("pii", "language", "near_duplicate"), strict=True)
    ]
    store = Store()
    store.add("a", prompt=prompts[2])
    config = make_config(publish={"formats": EVERY, "test_size": 0}, quality={"pii": True})
    found = derived(store, tmp_path, config, dropped=dropped)
    unasked = {
        row["prompt"][0]["content"]: row["dropped"]
        for row in published(tmp_path / "out", "raw")
        if not row["candidates"]
    }
    assert unasked == {"Who is [EMAIL]?": ["pii"], "Wer ist das?": ["language"]}
    assert found.rows("raw") == 3
    # The check that dropped a prompt may be off by now; what it found is as personal as before.
    derived(store, tmp_path / "off", make_config(publish={"formats": EVERY}), dropped=dropped)
    assert MAIL not in json.dumps(rows_of(tmp_path / "off"))
    without = derived(store, tmp_path / "without", make_config(), dropped=dropped)
    assert without.rows("raw") == 0


def given(prompt: Prompt, **extras: str | None) -> Prompt:
    return prompt.model_copy(update=extras)


def test_what_every_prompt_brings_along_is_a_column_and_what_some_lack_is_left_out_and_said(tmp_path: Path) -> None:
    store = Store()
    for number, category in enumerate(["science", None, "art"]):
        prompt = given(
            make_prompt(question(number)),
            tools='[{"type": "function"}]',
            chat_template_kwargs=json.dumps({"thinking": bool(number)}),
            category=category,
        )
        store.add("a", prompt=prompt)
    found = derived(store, tmp_path)
    assert found.omitted == {"category": "not every prompt has it"}
    for name in TRAINED:
        rows = published(tmp_path / "out", name)
        assert {row["tools"] for row in rows} == {'[{"type": "function"}]'}
        assert {bool(row["chat_template_kwargs"]["thinking"]) for row in rows} == {True, False}
        assert not any("category" in row or "subcategory" in row for row in rows)


@pytest.mark.parametrize("kwargs", [{"other": True}, {"thinking": "yes"}, {"thinking": True, "more": 1}])
def test_keyword_arguments_of_different_kinds_cannot_be_one_column(tmp_path: Path, kwargs: dict[str, Any]) -> None:
    store = Store()
    for number, value in enumerate([{"thinking": True}, kwargs]):
        store.add("a", prompt=given(make_prompt(question(number)), chat_template_kwargs=json.dumps(value)))
    found = derived(store, tmp_path)
    assert found.omitted == {"chat_template_kwargs": "its keys or their types differ between prompts"}
    assert not any("chat_template_kwargs" in row for row in published(tmp_path / "out", "dpo"))


@pytest.mark.parametrize(
    "kwargs",
    [
        {"a": {}},
        {"l": [{}]},
        {"n": 2**70},
        {"l": [1, "x"]},
        {"l": [1, 0.5]},
        {"documents": [{"t": "x"}, {"u": 1}]},
    ],
)
def test_keyword_arguments_that_parquet_would_change_or_refuse_are_left_out_and_said(
    tmp_path: Path, kwargs: dict[str, Any]
) -> None:
    store = Store()
    for number in range(2):
        store.add("a", prompt=given(make_prompt(question(number)), chat_template_kwargs=json.dumps(kwargs)))
    found = derived(store, tmp_path)
    assert found.omitted == {"chat_template_kwargs": "Parquet cannot hold its values as they are"}
    assert [row.get("chat_template_kwargs") for row in published(tmp_path / "out", "dpo")] == [None] * 2


def test_one_value_that_parquet_would_change_leaves_the_column_out(tmp_path: Path) -> None:
    store = Store()
    for number, documents in enumerate([[{"t": "x", "u": 1}], [{"t": "x"}, {"u": 1}]]):
        kwargs = json.dumps({"documents": documents})
        store.add("a", prompt=given(make_prompt(question(number)), chat_template_kwargs=kwargs))
    found = derived(store, tmp_path)
    assert found.omitted == {"chat_template_kwargs": "Parquet cannot hold its values as they are"}


@pytest.mark.parametrize(
    "kwargs",
    [
        {"documents": []},
        {"l": [[], [1]]},
        {"a b": True, "a.b": None, "n": -1, "x": 1e300},
        {"documents": [{"t": "x", "u": [{"v": "2024-01-01"}]}] * 2},
    ],
)
def test_keyword_arguments_are_published_as_they_are(tmp_path: Path, kwargs: dict[str, Any]) -> None:
    store = Store()
    store.add("a", prompt=given(make_prompt(question(0)), chat_template_kwargs=json.dumps(kwargs)))
    found = derived(store, tmp_path)
    assert found.omitted == {}
    assert [row["chat_template_kwargs"] for row in published(tmp_path / "out", "dpo")] == [kwargs]


def test_plain_strings_are_prompts_of_one_message_alone(tmp_path: Path) -> None:
    store = Store()
    store.add("a", texts=["Good.", "Bad."], prompt=make_prompt("Why?"))
    turns = (Message(role="system", content="Be brief."), Message(role="user", content="Why not?"))
    store.add("a", prompt=Prompt(id=ids.prompt_id(turns), messages=turns, source="s"))
    found = derived(store, tmp_path, make_config(publish={"formats": EVERY, "conversational": False}))
    assert {name: dict(found.tally.dropped[name]) for name in TRAINED} == {
        name: {"conversation": 1} for name in TRAINED
    }
    [dpo], [sft] = (published(tmp_path / "out", name) for name in ("dpo", "sft"))
    assert (dpo["prompt"], dpo["chosen"], dpo["rejected"]) == ("Why?", "Good.", "Bad.")
    assert (sft["prompt"], sft["completion"]) == ("Why?", "Good.")
    assert all(isinstance(row["prompt"], list) for row in published(tmp_path / "out", "raw"))


@pytest.mark.parametrize("conversational", [True, False])
def test_a_conversation_that_nobody_was_shown_yet_is_not_shown_whatever_the_rows_are(
    tmp_path: Path, *, conversational: bool
) -> None:
    store = Store()
    turns = (Message(role="system", content="Be brief."), Message(role="user", content="Why not?"))
    store.sets.append(make_set(Prompt(id=ids.prompt_id(turns), messages=turns, source="s"), (None, None)))
    config = make_config(publish={"formats": EVERY, "conversational": conversational})
    assert derived(store, tmp_path, config).tally.unshown == {"not_shown": 1}
    assert [row["dropped"] for row in published(tmp_path / "out", "raw")] == [["not_shown"]]


class Bracketed:
    """A tokenizer whose template is a few brackets."""

    bos_token = eos_token = None

    def apply_chat_template(
        self, turns: Iterable[dict[str, str]], *, add_generation_prompt: bool = False, **options: Any
    ) -> str:
        return "".join(f"<{turn['role']}>{turn['content']}" for turn in turns) + "<assistant>" * add_generation_prompt


def test_a_template_makes_strings_of_conversations_of_any_length(tmp_path: Path) -> None:
    store = Store()
    turns = (Message(role="system", content="Be brief."), Message(role="user", content="Why not?"))
    store.add("a", texts=["Good.", "Bad."], prompt=Prompt(id=ids.prompt_id(turns), messages=turns, source="s"))
    found = derived(store, tmp_path, render=chat_template(Bracketed()))
    [dpo] = published(tmp_path / "out", "dpo")
    assert (dpo["prompt"], dpo["chosen"]) == ("<system>Be brief.<user>Why not?<assistant>", "Good.")
    assert found.tally.dropped["dpo"] == {}


def test_the_margin_is_in_reward_if_it_is_asked_for(tmp_path: Path) -> None:
    store = Store()
    store.add("a")
    derived(store, tmp_path, make_config(publish={"formats": EVERY, "margin": True}))
    assert published(tmp_path / "out", "reward")[0]["margin"] == 1.0
    assert "margin" not in published(tmp_path / "out", "dpo")[0]


def test_a_gap_that_is_too_small_is_a_reason(tmp_path: Path) -> None:
    store = Store()
    store.add("a", "a", "both_good")
    config = make_config(publish={"formats": EVERY, "min_gap": 0.7}, labels={"resolver": "mean"})
    found = derived(store, tmp_path, config)
    assert {name: dict(found.tally.dropped[name]) for name in TRAINED} == {
        "dpo": {"gap": 1}, "reward": {"gap": 1}, "sft": {"gap": 1}, "kto": {},
    }  # fmt: skip
    assert [row["agreement"] for row in published(tmp_path / "out", "kto")] == [pytest.approx(2 / 3)] * 2


def test_a_gap_is_what_it_looks_like_in_decimals(tmp_path: Path) -> None:
    store = Store()
    # 3 of 5 against 2 of 5: 0.6 - 0.4 is 0.19999999999999996.
    store.add("a", "a", "a", "b", "b")
    config = make_config(publish={"formats": EVERY, "min_gap": 0.2}, labels={"resolver": "mean"})
    derived(store, tmp_path, config)
    assert [row["score_gap"] for row in published(tmp_path / "out", "dpo")] == [0.2]


def test_an_answer_of_exactly_a_half_is_undecided_in_kto(tmp_path: Path) -> None:
    store = Store()
    store.add("both_good", "b")
    found = derived(store, tmp_path, make_config(publish={"formats": EVERY}, labels={"resolver": "mean"}))
    assert (found.rows("kto"), dict(found.tally.dropped["kto"])) == (1, {"undecided": 1})


def test_what_a_record_is_dropped_for_is_its_only_reason(tmp_path: Path) -> None:
    store = Store()
    store.add("a", "b")
    config = make_config(publish={"formats": EVERY}, labels={"resolver": "mean", "ties": "drop"})
    found = derived(store, tmp_path, config)
    assert {name: dict(found.tally.dropped[name]) for name in TRAINED} == {name: {"tie": 1} for name in TRAINED}


def test_the_judge_is_compared_with_the_verdicts_of_the_same_records(tmp_path: Path) -> None:
    store = Store()
    store.add("a", "b", ratings=(1.0, 5.0))
    store.add("a", ratings=(5.0, 1.0))
    store.add(ratings=(1.0, 5.0))
    store.add("both_good", ratings=(None, 5.0))
    simulated = store.add(ratings=(1.0, 5.0))
    store.responses.append(make_response(simulated, "a", "simulated-one"))
    config = make_config(labels={"judge_fallback": True}, judge={"type": "ultrafeedback", "model_id": "j"})
    found = derived(store, tmp_path, config)
    assert found.tally.label_sources == {"human": 2, "judge": 1, "simulated": 1}
    choices = {
        source: [[None if value != value else value for value in row] for part in parts for row in part.tolist()]
        for source, parts in found.tally.choices.items()
    }
    assert choices == {"human": [[1, 1], [None, 0]], "simulated": [[-1, 1]]}


def test_languages_models_and_lengths_are_counted(tmp_path: Path) -> None:
    store = Store()
    store.add("a", texts=["four", "seven77"], prompt=given(make_prompt("Why is the sky blue?"), language="en"))
    store.add("b", prompt=make_prompt("?"))
    store.add(prompt=given(make_prompt("Warum ist der Himmel blau?"), language="de"))
    found = derived(store, tmp_path)
    # Of rows that can be trained on: one each of dpo, reward and sft, two of kto.
    assert found.tally.languages == {"en": 5, None: 5}
    assert found.tally.models == {("g0", "acme/g0", SETTINGS): 3, ("g1", "acme/g1", SETTINGS): 3}
    assert (20, 4, 7) in [tuple(map(int, row)) for part in found.tally.lengths for row in part]
    assert {row["language"] for row in published(tmp_path / "out", "dpo")} == {"en", None}
    assert {row["language"] for row in published(tmp_path / "out", "raw")} == {"en", "de", None}


def test_an_older_file_that_lacks_columns_of_prompts_is_read_beside_a_newer_one(tmp_path: Path) -> None:
    store = Store()
    asked = "What is the reason that the sky is blue today?"
    store.add("a", prompt=given(make_prompt(asked), category="science"))
    store.add("a", prompt=given(make_prompt(question(1)), category="science", language="de"))
    snapshot = store.written(tmp_path / "store", files=2)
    older = tmp_path / "store" / snapshot.manifest.files[CANDIDATE_SETS][0]
    table = pq.read_table(older)
    [prompt] = table["prompt"].chunks
    kept = ["id", "messages", "source"]
    bare = pa.StructArray.from_arrays([prompt.field(name) for name in kept], kept)
    pq.write_table(table.set_column(table.column_names.index("prompt"), "prompt", bare), older)
    found = derive(make_config(), snapshot, SERVICES, folder=tmp_path / "out")
    rows = {row["prompt"][0]["content"]: row for row in published(tmp_path / "out", "dpo")}
    assert (rows[asked]["language"], rows[question(1)]["language"]) == ("en", "de")
    assert found.omitted == {"category": "not every prompt has it"}


def test_simulated_answers_are_never_human(tmp_path: Path) -> None:
    store = Store()
    record = store.add()
    store.responses.append(make_response(record, "a", "simulated-one"))
    found = derived(store, tmp_path)
    assert found.tally.label_sources == {"simulated": 1}
    assert found.measured == "simulated"
    assert published(tmp_path / "out", "dpo")[0]["label_source"] == "simulated"


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
