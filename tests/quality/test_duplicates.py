"""Planted near-duplicates are found, each cluster led by its earliest text; close texts below the threshold are not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest

from curation.quality import duplicates
from curation.quality.duplicates import (
    NEIGHBOURS,
    RECALL,
    SHINGLE,
    SKETCHED_AT_ONCE,
    NearDuplicates,
    bands_for,
    near_duplicate_leaders,
)

VOCABULARY = [f"{first}{second}{last}" for first in "bdfgk" for second in "aeiou" for last in "lmnrstz"]


def write_texts(count: int, *, seed: int, length: int = 30) -> list[str]:
    source = random.Random(seed)
    return [" ".join(source.choices(VOCABULARY, k=length)) for _ in range(count)]


def changed(text: str, *positions: int) -> str:
    words = text.split()
    return " ".join("zzz" if position in positions else word for position, word in enumerate(words))


def similarity(first: str, second: str) -> float:
    """The definition, word by word."""
    return len(shingles(first) & shingles(second)) / len(shingles(first) | shingles(second))


@cache
def shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[start : start + SHINGLE]) for start in range(len(words) - SHINGLE + 1)}


def seen(texts: Sequence[str], threshold: float) -> list[bool]:
    memory = NearDuplicates(threshold)
    return [memory.repeats(text) for text in texts]


@pytest.mark.slow
def test_each_planted_copy_leads_to_its_original() -> None:
    texts = write_texts(3000, seed=1)
    # A changed word in the middle changes 3 of 28 shingles: the similarity is 25 / 31.
    copies = {position: position // 4 for position in range(1000, 3000, 20)}
    for position, original in copies.items():
        texts[position] = changed(texts[original], 15)
    expected = [copies.get(position, position) for position in range(len(texts))]
    assert near_duplicate_leaders(texts, threshold=0.8) == expected
    assert near_duplicate_leaders(texts, threshold=0.81) == list(range(len(texts)))


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9])
def test_no_pair_below_the_threshold_is_taken_and_almost_all_at_it_are_found(threshold: float) -> None:
    originals = write_texts(400, seed=2, length=120)
    source = random.Random(3)
    changes = [source.sample(range(120), source.randint(1, 24)) for _ in originals]
    pairs = [(text, changed(text, *positions)) for text, positions in zip(originals, changes, strict=True)]
    near = [similarity(*pair) >= threshold for pair in pairs]
    assert 10 < sum(near) < 390
    leaders = near_duplicate_leaders([text for pair in pairs for text in pair], threshold=threshold)
    noticed = [leaders[2 * number + 1] == 2 * number for number in range(len(pairs))]
    assert not any(taken and not right for taken, right in zip(noticed, near, strict=True))
    assert sum(noticed) >= sum(near) * 0.98
    one_by_one = [NearDuplicates(threshold) for _ in pairs]
    streamed = [
        checks.repeats(pair[0]) or checks.repeats(pair[1]) for checks, pair in zip(one_by_one, pairs, strict=True)
    ]
    assert not any(taken and not right for taken, right in zip(streamed, near, strict=True))
    assert sum(streamed) >= sum(near) * 0.98


@pytest.mark.parametrize("threshold", [0.5, 0.55, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99, 1])
def test_bands_find_the_pairs_that_they_promise(threshold: float) -> None:
    bands = bands_for(threshold)
    assert 48 % bands == 0
    assert 1 - (1 - threshold ** (48 // bands)) ** bands >= RECALL


def test_clusters_are_chains_of_pairs() -> None:
    first = write_texts(1, seed=4)[0]
    second, third = changed(first, 10), changed(first, 10, 20)
    assert similarity(first, third) < 0.8 <= min(similarity(first, second), similarity(second, third))
    assert near_duplicate_leaders([first, third], threshold=0.8) == [0, 1]
    assert near_duplicate_leaders([first, third, second], threshold=0.8) == [0, 0, 0]
    assert near_duplicate_leaders([third, "other", second, first], threshold=0.8) == [0, 1, 0, 0]


def test_case_punctuation_and_blanks_make_no_other_text() -> None:
    texts = ["What is the capital of France?", "what is  the capital of france", "**What** is the capital of FRANCE!\n"]
    assert near_duplicate_leaders(texts, threshold=1) == [0, 0, 0]
    assert seen(texts, 1) == [False, True, True]


@pytest.mark.parametrize(
    "texts",
    [
        ["What is 3 times 3?", "What is 4 times 4?", "What is 3 times 4?"],
        ["Compute 12 + 30", "Compute 12 - 30", "Compute 12 * 30"],
        ["?", "!", "?!"],
        ["Name three birds", "Name four birds"],
        ["今天天气很好", "明天天气很好"],
    ],
)
def test_short_texts_are_only_the_same_if_their_words_are(texts: list[str]) -> None:
    assert near_duplicate_leaders([*texts, *texts], threshold=0.5) == [*range(len(texts)), *range(len(texts))]
    assert seen([*texts, *texts], 0.5) == [False] * len(texts) + [True] * len(texts)


def test_chinese_is_compared_by_characters() -> None:
    first = "请写一篇关于秋天的短文并且描述树叶的颜色和天空的变化以及人们的心情"
    near, other = first.replace("秋天", "秋季"), "请告诉我怎样做一道简单的西红柿炒鸡蛋需要哪些材料和步骤才能好吃又健康"
    assert near_duplicate_leaders([first, other, near], threshold=0.75) == [0, 1, 0]
    assert seen([first, other, near], 0.75) == [False, False, True]


def test_near_prompts_of_one_template_are_found_among_thousands() -> None:
    # A shingle with a word of a prompt's own is in a hundred others: only several together tell what is near.
    source = random.Random(11)
    fixed = "write a poem about {} and {} in the style of {} for {} and say in a few short sentences why {} was chosen"
    texts = [fixed.format(*source.choices(VOCABULARY, k=5)) for _ in range(2000)]
    texts += [f"{text} now" for text in texts[:200]]
    assert similarity(texts[0], texts[2000]) >= 0.8
    leaders = near_duplicate_leaders(texts, threshold=0.8)
    assert sum(leaders[2000 + number] == leaders[number] for number in range(200)) >= 198


@pytest.mark.slow
def test_thousands_of_equal_texts_are_one_cluster() -> None:
    text = write_texts(1, seed=5)[0]
    assert near_duplicate_leaders((text for _ in range(50_000)), threshold=0.8) == [0] * 50_000


@pytest.mark.slow
def test_hundreds_of_variants_of_one_text_are_one_cluster() -> None:
    base = write_texts(1, seed=6, length=200)[0]
    variants = [base, *(f"{changed(base, position)} v{position}" for position in range(0, 200))]
    assert near_duplicate_leaders(variants, threshold=0.8) == [0] * len(variants)
    assert seen(variants, 0.8) == [False] + [True] * 200


def test_what_was_itself_a_duplicate_is_not_remembered() -> None:
    first = write_texts(1, seed=4)[0]
    second, third = changed(first, 10), changed(first, 10, 20)
    assert seen([first, second, third], 0.8) == [False, True, False]


def test_no_texts_have_no_leaders() -> None:
    assert near_duplicate_leaders([], threshold=0.8) == []
    assert near_duplicate_leaders([""], threshold=0.8) == [0]
    assert near_duplicate_leaders(["", " ", "a"], threshold=0.8) == [0, 0, 2]


def write_alike(count: int, *, seed: int, shared: int = 100, own: int = 30) -> list[str]:
    """Texts with a long instruction in common: with 100 of 130 words a similarity of 0.62, of 118 one of 0.73.

    At a threshold of 0.8 the 30 own words rule out that a text is near another; 18 own words do not.
    """
    source = random.Random(seed)
    instruction = " ".join(f"shared{number}" for number in range(shared))
    return [f"{instruction} {' '.join(str(source.randrange(10**9)) for _ in range(own))}" for _ in range(count)]


def count_compared(texts: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many pairs `near_duplicate_leaders` compares by their shingles; no two texts are to be near."""
    sizes: list[int] = []
    compare = duplicates._similarities

    def counted(sets: Any, left: Any, right: Any) -> Any:
        sizes.append(len(left))
        return compare(sets, left, right)

    with monkeypatch.context() as patch:
        patch.setattr(duplicates, "_similarities", counted)
        assert near_duplicate_leaders(texts, threshold=0.8) == list(range(len(texts)))
    return sum(sizes)


def test_no_pair_is_compared_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    few = write_alike(NEIGHBOURS + 1, seed=1, own=18)
    assert 0 < count_compared(few, monkeypatch) <= (NEIGHBOURS + 1) * NEIGHBOURS / 2


@pytest.mark.slow
def test_texts_with_an_instruction_in_common_are_compared_with_some_however_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for count in (500, 2000):
        assert 10 < count_compared(write_alike(count, seed=1, own=18), monkeypatch) / count < 40


def test_texts_whose_own_words_rule_out_that_they_are_near_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_compared(write_alike(100, seed=1), monkeypatch) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("own", "most"), [(30, 20), (18, duplicates.CANDIDATES)])
def test_a_text_is_compared_with_some_of_those_that_share_its_instruction(
    own: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, compared = write_alike(500, seed=1, own=own), []
    compare = duplicates._jaccard

    def counted(first: Any, second: Any) -> float:
        compared.append(second)
        return compare(first, second)

    monkeypatch.setattr(duplicates, "_jaccard", counted)
    assert seen(texts, 0.8) == [False] * len(texts)
    assert len(compared) / len(texts) < most


@pytest.mark.slow
@pytest.mark.parametrize("own", [30, 18])
def test_near_ones_are_found_among_texts_that_share_an_instruction_and_are_not_near(own: int) -> None:
    texts = write_alike(1000, seed=1, own=own)
    copies = [changed(text, *range(104, 114)) for text in texts]
    assert similarity(texts[0], texts[1]) < 0.8 <= similarity(texts[0], copies[0])
    assert seen([*texts, *copies], 0.8) == [False] * 1000 + [True] * 1000


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9, 1])
@pytest.mark.parametrize("shared", [0, 40])
def test_what_is_found_is_what_comparing_all_with_all_finds(threshold: float, shared: int) -> None:
    source = random.Random(7)
    texts = write_alike(100, seed=8, shared=shared, own=20)
    # Some say everything twice.
    texts += [f"{text} {text}" for text in texts[:20]]
    for _ in range(200):
        text = source.choice(texts)
        texts.append(changed(text, *source.sample(range(len(text.split())), source.randint(0, 6))))
    near = [
        {earlier for earlier in range(later) if similarity(texts[earlier], texts[later]) >= threshold}
        for later in range(len(texts))
    ]
    leaders, kept = [*range(len(texts))], set[int]()
    for later, earlier_near in enumerate(near):
        joined = {leaders[number] for number in (*earlier_near, later)}
        leaders = [min(joined) if leader in joined else leader for leader in leaders]
        kept |= set() if earlier_near & kept else {later}
    assert near_duplicate_leaders(texts, threshold=threshold) == leaders
    assert seen(texts, threshold) == [number not in kept for number in range(len(texts))]


def test_followers_are_in_the_cluster_of_the_earliest_text_that_they_are_near_and_join_none() -> None:
    first = write_texts(1, seed=4, length=40)[0]
    between = changed(first, 10)
    last = changed(between, 20)
    assert similarity(first, last) < 0.8 <= min(similarity(first, between), similarity(between, last))
    other, alike = write_texts(2, seed=9, length=40)
    texts = [first, last, between, between.upper(), other, changed(other, 20), alike]
    assert near_duplicate_leaders(texts, threshold=0.8) == [0, 0, 0, 0, 4, 4, 6]
    assert near_duplicate_leaders(texts, threshold=0.8, followers=5) == [0, 1, 0, 0, 4, 4, 6]
    assert near_duplicate_leaders(texts[:3], threshold=0.8, followers=3) == [0, 1, 0]
    # What follows a follower is where that is.
    assert near_duplicate_leaders([first, other, between, last], threshold=0.8, followers=2) == [0, 1, 0, 0]


@pytest.mark.slow
def test_of_thousands_of_texts_each_follows_the_one_that_it_is_near() -> None:
    firsts = [[f"{number}x{place}" for place in range(20)] for number in range(2 * SKETCHED_AT_ONCE)]
    seconds = [[*text[:-1], "other"] for text in firsts]
    leaders = near_duplicate_leaders(map(" ".join, firsts + seconds), threshold=0.8)
    assert leaders == [*range(len(firsts))] * 2
