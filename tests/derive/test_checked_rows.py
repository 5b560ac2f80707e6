"""Rows that a check keeps out, with the reason, and personal data in none of those that are published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.types import DroppedPrompt
from tests.derive.stores import (
    EVERY,
    TRAINED,
    Store,
    derived,
    make_config,
    published,
    rows_of,
)
from tests.rows import make_prompt

SWITCHED_ON = {"refusals": True, "pii": True, "truncated": True, "max_length_ratio": 3.0}


MAIL = "jane.doe@acme-corp.com"


def dropped_by(
    folder: Path, *texts: str, question: str = "What is in a name?", finish: str = "stop"
) -> dict[str, list[str]]:
    """Return what a record with these two texts, the first of them better, gives no row for: reasons by config."""
    store = Store()
    store.add("a", texts=texts, prompt=make_prompt(question), finish_reason=finish)
    config = make_config(publish={"formats": EVERY, "test_size": 0}, quality=SWITCHED_ON)
    result = derived(store, folder, config)
    [raw] = published(folder / "out", "raw")
    reasons = {name: sorted(result.tally.dropped[name].elements()) for name in TRAINED if result.tally.dropped[name]}
    assert sorted(raw["dropped"]) == sorted(f"{name}:{reason}" for name, lost in reasons.items() for reason in lost)
    return reasons


GOOD, OTHER = "A name is a word that we call something by.", "Names are words by which things are called."


REFUSAL = "I'm sorry, but I can't help with that request."


@pytest.mark.slow
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
    result = derived(store, tmp_path)
    assert {name: dict(result.tally.dropped[name]) for name in TRAINED} == {
        "dpo": {"empty": 1, "identical": 1},
        "reward": {"empty": 1, "identical": 1},
        "kto": {"empty": 1, "both_labels": 2},
        "sft": {"empty": 1, "identical": 1},
    }


def test_a_prompt_that_fails_a_check_gives_no_row_at_all(tmp_path: Path) -> None:
    assert dropped_by(tmp_path, GOOD, OTHER, question=f"Who is {MAIL}?") == {name: ["pii"] for name in TRAINED}


@pytest.mark.slow
def test_what_was_written_for_a_prompt_that_fails_a_check_is_not_published_either(tmp_path: Path) -> None:
    store = Store()
    store.add("a", prompt=make_prompt(f"Who is {MAIL}?"), edit="A better answer.")
    result = derived(store, tmp_path, make_config(publish={"formats": EVERY}, quality={"pii": True}))
    assert {name: (result.rows(name), dict(result.tally.dropped[name])) for name in TRAINED} == {
        name: (0, {"pii": 1}) for name in TRAINED
    }


@pytest.mark.slow
def test_an_answer_that_was_cut_off_is_not_learnt_from_and_may_be_rejected(tmp_path: Path) -> None:
    lost = dropped_by(tmp_path, GOOD, OTHER, finish="length")
    assert lost == {name: ["truncated"] for name in TRAINED}


@pytest.mark.slow
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


@pytest.mark.slow
def test_dropped_prompts_are_in_raw_with_their_reason_and_without_personal_data(tmp_path: Path) -> None:
    prompts = [make_prompt(f"Who is {MAIL}?"), make_prompt("Wer ist das?"), make_prompt("Asked since?")]
    dropped = [
        DroppedPrompt(id=prompt.id, prompt=prompt, reason=reason)
        for prompt, reason in zip(prompts, ("pii", "language", "near_duplicate"), strict=True)
    ]
    store = Store()
    store.add("a", prompt=prompts[2])
    config = make_config(publish={"formats": EVERY, "test_size": 0}, quality={"pii": True})
    result = derived(store, tmp_path, config, dropped=dropped)
    unasked = {
        row["prompt"][0]["content"]: row["dropped"]
        for row in published(tmp_path / "out", "raw")
        if not row["candidates"]
    }
    assert unasked == {"Who is [EMAIL]?": ["pii"], "Wer ist das?": ["language"]}
    assert result.rows("raw") == 3
    # The check that dropped a prompt may be off by now; what it result is as personal as before.
    derived(store, tmp_path / "off", make_config(publish={"formats": EVERY}), dropped=dropped)
    assert MAIL not in json.dumps(rows_of(tmp_path / "off"))
    without = derived(store, tmp_path / "without", make_config(), dropped=dropped)
    assert without.rows("raw") == 0
