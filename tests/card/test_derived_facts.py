"""What the card says follows from the store: every number can be counted there, and nobody is named."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from curation import ids
from curation.card import CardFacts
from curation.card.derived_facts import card_facts, kto_weights
from curation.generation import settings_of
from curation.types import DroppedPrompt, Usage
from tests.derive.stores import EVERY, TRAINED, Store, derived, make_config, make_response, published, question, varied
from tests.rows import SETTINGS, make_prompt, make_set

JUDGED = {
    SETTINGS: settings_of(
        make_config(judge={"type": "ultrafeedback", "model_id": "acme/judge", "name": "judge"}).models
    )
}


def facts(store: Store, folder: Path, **sections: Any) -> CardFacts:
    """Return what the card of a store says, with all configs unless told."""
    config = make_config(**{"publish": {"formats": EVERY, "test_size": 0}, **sections})
    found = derived(store, folder, config)
    return card_facts(config, store.written(folder / "store"), found)


@pytest.mark.slow
def test_the_funnel_loses_nothing_between_records_and_rows(tmp_path: Path) -> None:
    found = facts(varied(), tmp_path)
    steps = {step.name: step for step in found.funnel}
    assert list(steps) == [
        "prompts read",
        "prompts asked",
        "prompts with at least 2 answers",
        "prompts shown to reviewers",
        "prompts with a verdict",
        *(f"prompts with {name} rows" for name in TRAINED),
    ]
    # One had too few answers, one was shown to nobody; nothing is counted twice.
    assert [step.count for step in found.funnel][:5] == [69, 66, 65, 64, 40]
    for before, after in pairwise(found.funnel[:5]):
        assert after.count + sum(after.dropped.values()) == before.count
    verdicts = steps["prompts with a verdict"]
    assert verdicts.count + sum(verdicts.dropped.values()) == steps["prompts shown to reviewers"].count
    for name in ("dpo", "reward"):
        # Best against worst: a verdict gives one row or one reason.
        step = steps[f"prompts with {name} rows"]
        assert step.count + sum(step.dropped.values()) == verdicts.count
    assert {step.kept_in for step in found.funnel[4:]} == {"raw"}
    assert steps["prompts asked"].dropped == {"empty": 3}


def test_the_funnel_counts_a_prompt_once_and_retired_records_never(tmp_path: Path) -> None:
    store = Store()
    store.add("a")
    store.retired.append(store.add())
    # Both were asked again. The first has answers to both of its records.
    store.ask_again(0, "b")
    store.ask_again(1)
    config = make_config(publish={"formats": ["dpo", "kto"], "test_size": 0})
    found = derived(store, tmp_path, config)
    assert (found.records, found.rows("dpo"), found.rows("kto")) == (3, 2, 4)
    steps = {step.name: step for step in card_facts(config, store.written(tmp_path / "store"), found).funnel}
    assert {name: step.count for name, step in steps.items()} == {
        "prompts read": 5,
        "prompts asked": 2,
        "prompts with at least 2 answers": 2,
        "prompts shown to reviewers": 2,
        "prompts with a verdict": 1,
        "prompts with dpo rows": 1,
        "prompts with kto rows": 1,
    }
    assert steps["prompts shown to reviewers"].dropped == {}
    assert steps["prompts with a verdict"].dropped == {"unreviewed": 1}


def test_a_retired_record_that_was_answered_after_all_counts(tmp_path: Path) -> None:
    store = Store()
    store.retired.append(store.add("a"))
    store.ask_again(0)
    found = derived(store, tmp_path, make_config(publish={"formats": ["dpo"]}))
    assert (found.records, found.rows("dpo"), store.written(tmp_path / "store").retired) == (2, 1, frozenset())


@pytest.mark.slow
def test_counts_are_those_of_the_files(tmp_path: Path) -> None:
    found = facts(varied(), tmp_path)
    rows = {name: published(tmp_path / "out", name) for name in EVERY}
    assert found.rows == {(name, "train"): len(of_it) for name, of_it in rows.items()}
    labels = [row["label"] for row in rows["kto"]]
    assert (found.kto_true, found.kto_false) == (labels.count(True), labels.count(False))
    files = list((tmp_path / "out").rglob("*.parquet"))
    assert found.bytes == sum(path.stat().st_size for path in files)
    assert set(found.checksums) == {str(path.relative_to(tmp_path / "out")) for path in files}
    lengths = [len(row["chosen"][0]["content"]) for row in rows["dpo"]]
    assert found.lengths is not None
    assert {name: sum(counts) for name, counts in found.lengths.counts.items()} == dict.fromkeys(
        ("prompt", "chosen", "rejected"), len(lengths)
    )


@pytest.mark.slow
def test_reviewers_are_pseudonyms_everywhere(tmp_path: Path) -> None:
    found = facts(varied(), tmp_path)
    names = {ids.pseudonym("key", reviewer) for reviewer in ("ann", "bob", "eva")}
    assert set(found.reviewers) == names
    assert [one.reviewer for one in found.agreement.reviewers] == sorted(names)
    said = repr(found)
    assert not any(f"'{name}'" in said for name in ("ann", "bob", "eva"))


@pytest.mark.slow
def test_where_people_answered_agreement_and_the_judge_are_measured_on_them_alone(tmp_path: Path) -> None:
    store = Store()
    for number in range(8):
        # Two people agree with each other and with the judge; two programs, elsewhere, with nobody.
        for reviewers, said in ((("ann", "bob"), "aa"), (("simulated-ann", "simulated-bob"), "ba")):
            ratings = (5.0, 1.0) if number % 2 else (1.0, 5.0)
            record = store.add(ratings=ratings)
            answers = said if number % 2 else said.translate({97: "b", 98: "a"})
            store.responses += [
                make_response(record, answer, reviewer) for reviewer, answer in zip(reviewers, answers, strict=True)
            ]
    store.settings = JUDGED
    found = facts(store, tmp_path)
    assert (found.agreement.alpha.value, found.agreement.percent.value) == (1.0, 1.0)
    assert found.judge_agreement is not None
    assert (found.judge_agreement.accuracy.value, found.judge_agreement.accuracy.count) == (1.0, 8)
    assert {name: name in {one.reviewer for one in found.agreement.reviewers} for name in found.reviewers} == {
        ids.pseudonym("key", reviewer): not reviewer.startswith("simulated-")
        for reviewer in ("ann", "bob", "simulated-ann", "simulated-bob")
    }
    assert found.label_sources == {"human": 8}


@pytest.mark.slow
def test_dawid_skene_is_shown_by_its_answers_and_pseudonyms(tmp_path: Path) -> None:
    store = Store()
    for number in range(40):
        store.add(*(["a", "a", "b"] if number % 4 == 0 else ["ab"[number % 2]] * 3))
    found = facts(store, tmp_path, labels={"resolver": "dawid-skene", "force": True})
    assert found.confusion is not None
    assert set(found.confusion.answers) == {"A is better", "B is better"}
    assert set(found.confusion.matrices) == {ids.pseudonym("key", reviewer) for reviewer in ("ann", "bob", "eva")}
    assert found.resolver == "dawid-skene, of at least 1 reviewer"
    assert facts(store, tmp_path / "majority").confusion is None


@pytest.mark.slow
def test_the_weights_balance_the_train_split_and_are_null_where_a_label_is_missing(tmp_path: Path) -> None:
    store = Store()
    for answers in ("a", "both_bad", "both_bad"):
        store.add(answers)
    assert facts(store, tmp_path).kto_weights == (5.0, 1.0)
    bad = Store()
    bad.add("both_bad")
    assert kto_weights(derived(bad, tmp_path / "bad")) is None


def test_models_are_listed_with_the_settings_they_were_asked_with(tmp_path: Path) -> None:
    store = Store()
    for number in range(3):
        store.add("a")
        store.sets[-1] = store.sets[-1].model_copy(update={"settings": ("warm", "cool", "forgotten")[number]})
    cool = make_config().models
    warm = cool.model_copy(update={"generators": (cool.generators[0].model_copy(update={"temperature": 1.5}),)})
    store.settings = {"cool": settings_of(cool), "warm": settings_of(warm)}
    config = make_config().model_copy(update={"generators": warm.generators})
    found = card_facts(config, store.written(tmp_path / "store"), derived(store, tmp_path, config))
    asked = [(one.generator, one.model, one.candidates, one.settings.get("temperature")) for one in found.models]
    assert sorted(asked, key=repr) == [
        ("g0", "acme/g0", 1, 0.7),
        ("g0", "acme/g0", 1, 1.5),
        ("g0", "acme/g0", 1, None),
        ("g1", "acme/g1", 1, 0.7),
        # Nothing is known of it in "warm" and in "forgotten".
        ("g1", "acme/g1", 2, None),
    ]


@pytest.mark.slow
def test_every_source_of_prompts_is_listed(tmp_path: Path) -> None:
    store = Store()
    for source in ("acme/prompts@1", "acme/prompts@2", "mine.jsonl@3", "acme/prompts@1"):
        store.add("a", prompt=make_prompt(question(len(store.sets))).model_copy(update={"source": source}))
    assert facts(store, tmp_path).sources == ("acme/prompts@1", "acme/prompts@2", "mine.jsonl@3")


@pytest.mark.slow
def test_prompts_that_a_check_dropped_are_in_the_funnel_and_in_raw(tmp_path: Path) -> None:
    store = Store()
    store.add("a")
    prompt = make_prompt("Who is 078-05-1120?")
    dropped = (DroppedPrompt(id=prompt.id, prompt=prompt, reason="pii"),)
    config = make_config(publish={"formats": EVERY})
    found = card_facts(config, store.written(tmp_path, dropped=dropped), derived(store, tmp_path, dropped=dropped))
    assert [step.count for step in found.funnel][:2] == [5, 1]
    assert (found.funnel[1].dropped, found.funnel[1].kept_in) == ({"pii": 1, "empty": 3}, "raw (pii)")


@pytest.mark.slow
def test_the_judge_is_compared_with_people_where_there_is_one(tmp_path: Path) -> None:
    store = Store()
    for number in range(10):
        # The judge prefers the first every time, people eight times out of ten.
        store.add("a" if number < 8 else "b", ratings=(5.0, 1.0))
    assert facts(store, tmp_path).judge_agreement is None
    store.settings = JUDGED
    found = facts(store, tmp_path / "judged")
    assert found.judge_agreement is not None
    assert found.judge_agreement.accuracy.value == pytest.approx(0.8)
    assert found.judge_agreement.accuracy.count == 10
    [judge] = found.judges
    assert (judge.judge, judge.model, judge.aspects) == ("judge", "acme/judge", ("overall-rating",))
    assert judge.settings == {"temperature": 0.0, "max_new_tokens": 1024, "order": "shuffled"}


@pytest.mark.slow
def test_length_bias_is_the_share_of_pairs_whose_chosen_text_is_longer(tmp_path: Path) -> None:
    store = Store()
    for longer in (True, True, True, False):
        store.add("a", texts=["a longer answer", "short"] if longer else ["short", "a longer answer"])
    found = facts(store, tmp_path)
    assert found.length_bias is not None
    assert found.length_bias.longer_chosen.value == 0.75


@pytest.mark.slow
def test_the_cost_is_that_of_every_request_once_and_of_each_row(tmp_path: Path) -> None:
    store = Store()
    for _ in range(2):
        store.add("a")
    for place, one in enumerate(store.sets):
        usage = Usage(
            request=f"{place:016x}", stage="generate", generator="g0", input_tokens=1000, output_tokens=500, cost=1.5
        )
        store.sets[place] = one.model_copy(update={"usage": (usage,)})
    said, *each = (facts(store, tmp_path).cost or "").split(", $")
    assert said == "2 answered requests, 3,000 tokens: $3.00"
    costs = {"dpo": "1.50", "kto": "0.7500", "reward": "1.50", "sft": "1.50", "raw": "1.50"}
    assert each == [f"{cost} a row of {config}" for config, cost in costs.items()]


def test_a_store_with_nothing_but_sets_has_a_card_without_numbers(tmp_path: Path) -> None:
    store = Store()
    store.sets.append(make_set())
    found = facts(store, tmp_path)
    assert (found.reviewers, found.label_sources, found.kto_weights, found.lengths) == ({}, {}, None, None)
    assert found.agreement.alpha.value is None
    assert found.agreement.alpha.reason
