"""Content hashes: pinned, because a changed id would double every stored record."""

from __future__ import annotations

import hashlib
import json
import random
import re
import unicodedata

import pytest

from curation import ids
from curation.types import Message, Role

PROMPT = "a0f3a2c9b1d4e5f6"


PINNED = {
    "prompt": "aa49cd080601ccae",
    "candidate": "c6947c94a010065d",
    "set": "4b2f22fb10b5b2f5",
    "record": "30260fef96f13620",
    "row": "4531bf3aedcc0fce",
    "hash": "5caaf538f8dd43f9",
    "pseudonym": "reviewer-9d77c3180ff81edf",
}


def user(text: str, role: Role = "user") -> Message:
    return Message(role=role, content=text)


def test_the_ids_of_known_content_never_change() -> None:
    prompt = ids.prompt_id((user("Be brief.", "system"), user("What is 2 + 2?")))
    cool, warm = ids.candidate_id(prompt, "cool", "4"), ids.candidate_id(prompt, "warm", "Four.")
    assert {
        "prompt": prompt,
        "candidate": cool,
        "set": ids.candidate_set_id(prompt, "settings", [cool, warm]),
        "record": ids.record_id("pairwise", prompt, [cool, warm]),
        "row": ids.row_id("dpo", "record", cool, warm),
        "hash": ids.content_hash("settings", {"b": 1, "a": [None, True, "é"]}),
        "pseudonym": ids.pseudonym("key", "ann"),
    } == PINNED


def test_every_id_is_sixteen_hex_digits() -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", ids.content_hash("kind", "value"))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("e\u0301tude", "étude"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        (" \n around \t\n", "around"),
        ("\u212bngstro\u0308m", "Ångström"),
    ],
)
def test_texts_that_look_the_same_count_as_the_same_content(text: str, same: str) -> None:
    assert ids.normalise(text) == same
    assert ids.prompt_id([user(text)]) == ids.prompt_id([user(same)])
    assert ids.candidate_id(PROMPT, "cool", text) == ids.candidate_id(PROMPT, "cool", same)


@pytest.mark.parametrize("other", ["Hello  you", "hello you", "Hello\nyou", "Hello you\u200b", "Hello yoü"])
def test_texts_that_differ_inside_are_different_content(other: str) -> None:
    assert ids.prompt_id([user(other)]) != ids.prompt_id([user("Hello you")])


def test_normalising_is_idempotent() -> None:
    letters = ["a", "\u0301", "\r", "\n", " ", "\u212b", "가", "\u1100", "\u1161", "👩\u200d👧"]
    for seed in range(300):
        once = ids.normalise("".join(random.Random(seed).choices(letters, k=8)))
        assert ids.normalise(once) == once
        assert unicodedata.is_normalized("NFC", once)


def test_the_roles_and_the_ends_of_messages_are_part_of_a_prompt() -> None:
    prompt = ids.prompt_id([user("a", "system"), user("b")])
    assert prompt != ids.prompt_id([user("a"), user("b")])
    assert prompt != ids.prompt_id([user("ab")])
    assert prompt != ids.prompt_id([user("b"), user("a", "system")])


def test_the_same_answer_of_another_generator_or_to_another_prompt_is_another_candidate() -> None:
    candidate_ids = {ids.candidate_id(prompt, name, "4") for prompt in ("p", "q") for name in ("cool", "warm")}
    assert len(candidate_ids) == 4


def test_ids_of_different_kinds_are_different() -> None:
    assert ids.content_hash("prompt", "x") != ids.content_hash("candidate", "x")
    assert ids.row_id("dpo", "record", "c") != ids.row_id("kto", "record", "c")
    assert ids.record_id("pairwise", "p", ["a"]) != ids.record_id("rating", "p", ["a"])


def test_the_order_of_the_candidates_does_not_change_the_id_of_a_record() -> None:
    assert ids.record_id("pairwise", PROMPT, ["a", "b", "c"]) == ids.record_id("pairwise", PROMPT, ["c", "a", "b"])
    assert ids.record_id("pairwise", PROMPT, ["a", "b"]) != ids.record_id("pairwise", PROMPT, ["a", "c"])


def test_a_row_gets_another_id_if_chosen_and_rejected_are_swapped() -> None:
    assert ids.row_id("dpo", "record", "a", "b") != ids.row_id("dpo", "record", "b", "a")


def test_the_hash_of_a_table_does_not_depend_on_the_order_of_its_keys() -> None:
    assert ids.content_hash("k", {"a": 1, "b": 2}) == ids.content_hash("k", {"b": 2, "a": 1})


def test_a_lone_surrogate_has_an_id_so_that_it_can_be_dropped_with_a_reason() -> None:
    assert ids.content_hash("prompt", "\ud83d") != ids.content_hash("prompt", "\ud83e")


def test_unit_interval_spreads_evenly_over_zero_to_one() -> None:
    numbers = [ids.unit_interval("split", str(number)) for number in range(10_000)]
    assert all(0 <= number < 1 for number in numbers)
    tenths = [sum(int(number * 10) == tenth for number in numbers) for tenth in range(10)]
    assert all(900 < count < 1100 for count in tenths)


def test_unit_interval_differs_by_purpose() -> None:
    assert ids.unit_interval("split", PROMPT) != ids.unit_interval("kto", PROMPT)


def test_a_pseudonym_is_stable_and_hides_the_name_without_the_key() -> None:
    name = ids.pseudonym("key", "ann")
    assert name == ids.pseudonym("key", "ann")
    assert "ann" not in name.removeprefix("reviewer-")
    assert re.fullmatch(r"reviewer-[0-9a-f]{16}", name)
    assert ids.pseudonym("key", "simulated-ann").startswith("simulated-")
    assert len({name, ids.pseudonym("other key", "ann"), ids.pseudonym("key", "bob")}) == 3


@pytest.mark.parametrize("text", ["plain", 'with "quotes" and \\', "a\tb\nc\r\x00\x1f\x7f", "ünï 😀 \u2028 \ud800"])
def test_the_id_of_texts_alone_is_that_of_their_canonical_json(text: str) -> None:
    canonical = json.dumps(["candidate", "p", text], ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
    assert ids.content_hash("candidate", "p", text) == digest[:16]
