"""Words as duplicates and contamination see them: what is left out, what is kept, and hashes of runs of them."""

# ruff: noqa: RUF001 - texts of many languages

from __future__ import annotations

import random

import pytest

from curation.quality.ngrams import hashed_ngrams, hashed_words
from curation.quality.words import words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World! It's ME.", ["hello", "world", "it", "s", "me"]),
        ("  a\tb\n\nc ", ["a", "b", "c"]),
        ("What is 3 times 3?", ["what", "is", "3", "times", "3"]),
        ("3 * 4", ["3", "*", "4"]),
        ("3-4=7", ["3", "-", "4", "=", "7"]),
        ("a well-known **fact**", ["a", "well", "known", "fact"]),
        ("naïve Straße", ["naïve", "strasse"]),
        ("Ｆｕｌｌ width", ["full", "width"]),
        ("今天天气，好。", ["今", "天", "天", "气", "好"]),
        ("हिन्दी भाषा।", ["हिन्दी", "भाषा"]),
        ("?!", []),
        ("", []),
    ],
)
def test_words_have_no_case_punctuation_or_blanks(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_the_fast_way_gives_the_same_words() -> None:
    text = "".join(map(chr, range(128))).translate({ord(digit): "x" for digit in "0123456789"})
    # What is not ASCII takes the slow way: the word that makes it so is left out.
    assert words(text) == words(f"{text} é")[:-1]


@pytest.mark.slow
def test_words_of_many_texts_are_hashed_as_those_of_one() -> None:
    source = random.Random(1)
    letters = "".join(map(chr, range(128))) + "éß今" + "3 + " * 10
    texts = ["".join(source.choices(letters, k=source.choice([0, 1, 2, 5, 40]))) for _ in range(2000)]
    for some in (texts, texts[:1], ["?!"], ["é"], ["", ""], []):
        hashes, counts = hashed_words(some)
        assert counts.tolist() == [len(words(text)) for text in some]
        assert hashes.tolist() == [hashed for text in some for hashed in hashed_words([text])[0].tolist()]
    by_hash = {
        hashed: word for text in texts for hashed, word in zip(hashed_words([text])[0], words(text), strict=True)
    }
    assert len(by_hash) == len({word for text in texts for word in words(text)})
    hashes, _ = hashed_words(texts)
    assert [by_hash[hashed] for hashed in hashes] == [word for text in texts for word in words(text)]


def test_ngrams_stay_within_a_document_and_do_not_depend_on_others() -> None:
    documents = [["a", "b", "c", "d"], [], ["b", "c"], ["b", "c", "d"], ["d", "c", "b"]]
    hashes, counts = hashed_ngrams(documents, 3)
    assert counts.tolist() == [2, 0, 0, 1, 1]
    abc, bcd, bcd_again, dcb = hashes.tolist()
    assert bcd == bcd_again
    assert len({abc, bcd, dcb}) == 3
    assert hashed_ngrams([["a", "b", "c"]], 3)[0].tolist() == [abc]


@pytest.mark.parametrize("documents", [[], [[]], [["a"], ["b"]]])
def test_too_few_words_have_no_ngrams(documents: list[list[str]]) -> None:
    hashes, counts = hashed_ngrams(documents, 3)
    assert hashes.tolist() == []
    assert counts.tolist() == [0] * len(documents)
