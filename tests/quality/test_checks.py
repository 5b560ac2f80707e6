"""The `[quality]` section: what is on out of the box, what each switch adds, and what a bound may be."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from curation.quality import Quality
from curation.quality.checks import answer_checks, answer_fault, pair_faults, prompt_checks
from curation.types import Message

ALL_BUT_TOKENS = Quality(
    near_duplicates=0.8,
    languages=("en",),
    pii=True,
    refusals=True,
    ai_tells=True,
    truncated=True,
    max_length_ratio=3,
)
COUNT = range(100)
REFUSAL = "I'm sorry, but I can't help with that."


def hi() -> tuple[Message, ...]:
    return (Message(role="user", content="Hi"),)


def asked(text: str, *, system: str | None = None) -> tuple[Message, ...]:
    user = Message(role="user", content=text)
    return (user,) if system is None else (Message(role="system", content=system), user)


def names(checks: Any) -> list[str]:
    return [check.name for check in checks]


def test_out_of_the_box_only_the_certainly_wrong_is_dropped() -> None:
    quality = Quality()
    assert names(answer_checks(quality)) == ["empty"]
    assert names(prompt_checks(quality).checks) == []
    prompts = prompt_checks(quality)
    assert [prompts.reason(asked(text)) for text in ("Hallo", "Hallo", "mail a@b.de", REFUSAL)] == [None] * 4
    assert answer_fault(answer_checks(quality), hi, answer=REFUSAL, finish_reason="length") is None
    assert answer_fault(answer_checks(quality), hi, answer=" \n") == "empty"
    pairs = pl.Series(["a", "a"]), pl.Series([" a\n", "a" * 1000])
    assert pair_faults(quality, *pairs).to_list() == ["identical", None]


def test_every_check_is_printed_with_its_state() -> None:
    off = dict(line.split(": dropped if ") if "dropped" in line else line.rsplit(": ", 1) for line in Quality().lines())
    assert [name for name, state in off.items() if state != "off"] == ["answers: empty", "pairs: identical"]
    more = {"benchmarks": ("a.jsonl", "b/c"), "max_tokens": 1024, "tokenizer": "x/y"}
    on = Quality.model_validate({**ALL_BUT_TOKENS.model_dump(), **more})
    message = "\n".join(on.lines())
    assert len(on.lines()) == len(Quality().lines()) == 12
    assert not any(line.endswith(": off") for line in on.lines())
    for bound in ("0.8", "13 words", "a.jsonl, b/c", "not en", "1024 tokens of x/y", "3 times"):
        assert bound in message


@pytest.mark.parametrize(
    ("answer", "finish_reason", "fault"),
    [
        ("\u200b", None, "empty"),
        (REFUSAL, None, "refusal"),
        ("As an AI, I think so.", None, "ai_tell"),
        ("I was made by OpenAI.", None, "model_name"),
        ("It is so.", "length", "truncated"),
        ("It is so. It is the", None, "truncated"),
        ("Write to anna@firma.de.", None, "pii"),
        ("It is so.", None, None),
        ("It is so. It is the", "stop", None),
    ],
)
def test_each_fault_of_an_answer_has_its_name(answer: str, finish_reason: str | None, fault: str | None) -> None:
    checks = answer_checks(ALL_BUT_TOKENS)
    assert answer_fault(checks, hi, answer=answer, finish_reason=finish_reason) == fault


@pytest.mark.parametrize(
    ("chosen", "rejected", "fault"),
    [
        ("a", "a ", "identical"),
        ("aaaa", "b", "length_ratio"),
        ("b", "aaaa", "length_ratio"),
        ("aaa", "b", None),
        ("", "b", "length_ratio"),
    ],
)
def test_each_fault_of_a_pair_has_its_name(chosen: str, rejected: str, fault: str | None) -> None:
    assert pair_faults(ALL_BUT_TOKENS, pl.Series([chosen]), pl.Series([rejected])).to_list() == [fault]


def test_planted_faults_of_prompts_are_counted_exactly(tmp_path: Path) -> None:
    item = "A train leaves the station at noon and travels north for three hours at a steady speed of eighty"
    bench = tmp_path / "bench.jsonl"
    bench.write_text(json.dumps({"q": item}))
    quality = ALL_BUT_TOKENS.model_copy(update={"benchmarks": (str(bench),)})
    texts = [
        f"Please tell me about {number}, or else about the numbers {number + 1} and {-number}." for number in range(100)
    ]
    texts[10:13] = [f"{item} and then {number}?" for number in range(3)]
    texts[20:25] = [f"Please write a letter to anna{number}@firma.de about our meeting." for number in range(5)]
    texts[30:37] = [f"Bitte erzähle mir alles, was du über die Zahl {number} weißt." for number in range(7)]
    texts[40:42] = ["PLEASE tell me about 7; or else about the numbers 8 and -7"] * 2
    checks = prompt_checks(quality)
    reasons = [checks.reason(asked(text)) for text in texts]
    assert Counter(reasons) == {None: 83, "contaminated": 3, "pii": 5, "language": 7, "near_duplicate": 2}
    assert reasons[40:42] == ["near_duplicate"] * 2


def test_a_shared_system_prompt_makes_no_duplicates() -> None:
    checks = prompt_checks(Quality(near_duplicates=0.5))
    system = "You are a helpful assistant that answers in one sentence and never says more than is needed. " * 5
    assert checks.reason(asked("What is the largest planet of our solar system?", system=system)) is None
    assert checks.reason(asked("How do I bake a loaf of bread without yeast?", system=system)) is None
    assert checks.reason(asked("what is the largest planet of our solar system")) == "near_duplicate"


def test_a_prompt_that_was_dropped_shadows_no_later_one() -> None:
    checks = prompt_checks(Quality(near_duplicates=0.5, pii=True))
    words = "Please write a short and friendly letter about the meeting of our chess club next week to"
    assert checks.reason(asked(f"{words} anna@firma.de")) == "pii"
    assert checks.reason(asked(f"{words} Anna")) is None
    assert checks.reason(asked(f"{words} Bob")) == "near_duplicate"


def test_checks_start_afresh_for_each_run() -> None:
    quality = Quality(near_duplicates=0.8)
    assert [prompt_checks(quality).reason(asked("Hi")) for _ in range(2)] == [None, None]


def test_a_prompt_of_unknown_language_is_kept() -> None:
    checks = prompt_checks(Quality(languages=("de",)))
    assert checks.reason(asked("Hi there")) is None
    assert checks.reason(asked("What is the best way to learn German?")) == "language"


@pytest.mark.parametrize("text", ["", " ", "\n", "\u200b", "\ufe0f", "\x00", "a", "!", "~ ", " a", "\u200ba", "é"])
def test_whatever_is_empty_is_suspected_of_it(text: str) -> None:
    [empty] = answer_checks(Quality())
    [suspected] = pl.DataFrame({"text": [text]}).select(empty.suspects).to_series()
    assert suspected or not empty.predicate(hi, text, None)
    assert not (suspected and text[:1] in {"a", "!", "~"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"near_duplicates": 0.4}, "greater than or equal to 0.5"),
        ({"near_duplicates": 1.1}, "less than or equal to 1"),
        ({"ngram": 4}, "greater than or equal to 5"),
        ({"languages": ["english"]}, "'english' is no language code that the detector knows; English is 'en'"),
        ({"languages": ["EN"]}, "'EN' is no language code"),
        ({"benchmarks": [""]}, "at least 1 character"),
        ({"refusals": "yes"}, "valid boolean"),
        ({"max_length_ratio": 0.5}, "greater than or equal to 1"),
        ({"max_tokens": 1024}, "max_tokens needs tokenizer: tokens are those of the model that will be trained"),
        ({"tokenizer": "a/b"}, "tokenizer needs max_tokens"),
        ({"max_tokens": 0, "tokenizer": "a/b"}, "greater than or equal to 1"),
        ({"refusal": True}, "Extra inputs are not permitted"),
    ],
)
def test_bounds_are_kept_and_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Quality.model_validate(options)


def test_options_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Quality().pii = True  # type: ignore[misc]
