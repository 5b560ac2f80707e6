"""Planted near-duplicates are found, each cluster led by its earliest text; close texts below the threshold are not."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from curation.quality.duplicates import RECALL, SHINGLE, NearDuplicates, bands_for, near_duplicate_leaders

VOCABULARY = [f"{first}{second}{last}" for first in "bdfgk" for second in "aeiou" for last in "lmnrstz"]


def write_texts(count: int, *, seed: int, length: int = 30) -> list[str]:
    source = random.Random(seed)
    return [" ".join(source.choices(VOCABULARY, k=length)) for _ in range(count)]


def changed(text: str, *positions: int) -> str:
    words = text.split()
    return " ".join("zzz" if position in positions else word for position, word in enumerate(words))


def similarity(first: str, second: str) -> float:
    """The definition, word by word."""
    shingles = [
        {tuple(words[start : start + SHINGLE]) for start in range(len(words) - SHINGLE + 1)}
        for words in (first.split(), second.split())
    ]
    return len(shingles[0] & shingles[1]) / len(shingles[0] | shingles[1])


def seen(texts: Sequence[str], threshold: float) -> list[bool]:
    found = NearDuplicates(threshold)
    return [found.seen(text) for text in texts]


def test_each_planted_copy_leads_to_its_original() -> None:
    texts = write_texts(3000, seed=1)
    # A changed word in the middle changes 3 of 28 shingles: the similarity is 25 / 31.
    copies = {position: position // 4 for position in range(1000, 3000, 20)}
    for position, original in copies.items():
        texts[position] = changed(texts[original], 15)
    expected = [copies.get(position, position) for position in range(len(texts))]
    assert near_duplicate_leaders(texts, threshold=0.8) == expected
    assert near_duplicate_leaders(texts, threshold=0.81) == list(range(len(texts)))


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9])
def test_no_pair_below_the_threshold_is_taken_and_almost_all_at_it_are_found(threshold: float) -> None:
    originals = write_texts(400, seed=2, length=120)
    source = random.Random(3)
    changes = [source.sample(range(120), source.randint(1, 24)) for _ in originals]
    pairs = [(text, changed(text, *positions)) for text, positions in zip(originals, changes, strict=True)]
    near = [similarity(*pair) >= threshold for pair in pairs]
    assert 10 < sum(near) < 390
    leaders = near_duplicate_leaders([text for pair in pairs for text in pair], threshold=threshold)
    found = [leaders[2 * number + 1] == 2 * number for number in range(len(pairs))]
    assert not any(taken and not right for taken, right in zip(found, near, strict=True))
    assert sum(found) >= sum(near) * 0.98
    one_by_one = [NearDuplicates(threshold) for _ in pairs]
    streamed = [checks.seen(pair[0]) or checks.seen(pair[1]) for checks, pair in zip(one_by_one, pairs, strict=True)]
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


def test_thousands_of_equal_texts_are_one_cluster() -> None:
    text = write_texts(1, seed=5)[0]
    assert near_duplicate_leaders((text for _ in range(50_000)), threshold=0.8) == [0] * 50_000


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
