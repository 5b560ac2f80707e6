"""Hashes of words and of runs of words, of many texts at once: what duplicates and benchmarks are found by.

The hashes of all texts stand in one array, those of a text after those of the text before it; beside it stands how many
each text has. Of the texts "a b c", "" and "d e" the words have five hashes, and the counts are [3, 0, 2].
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, compress

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from rensa import RMinHash

from curation.quality.words import PLAIN, is_plain, words

Hashes = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]

FACTOR = 0x9E3779B97F4A7C15
"""An odd number without structure: 2**64 divided by the golden ratio (Knuth, TAOCP 3, section 6.4)."""


def hashed_words(texts: Sequence[str]) -> tuple[Hashes, Counts]:
    """Return the `words` of each text, hashed to 64 bits, in one array; and how many each has.

    The hashes are the same on every machine.
    """
    plain = np.fromiter(map(is_plain, texts), dtype=bool, count=len(texts))
    words_of_others = [words(text) for text, plain_text in zip(texts, plain, strict=True) if not plain_text]
    words_of_plain = _plain_words([*compress(texts, plain)])
    counts = np.empty(len(texts), dtype=np.int64)
    counts[plain] = words_of_plain.value_lengths().to_numpy()
    counts[~plain] = [*map(len, words_of_others)]
    # Most words come many times: each is hashed once.
    distinct = words_of_plain.flatten().dictionary_encode()
    of_plain = np.repeat(plain, counts)
    hashes = np.empty(len(of_plain), dtype=np.uint64)
    hashes[of_plain] = _hashes([distinct.dictionary.to_pylist()])[distinct.indices.to_numpy()]
    hashes[~of_plain] = _hashes(words_of_others)
    return hashes, counts


def _plain_words(texts: Sequence[str]) -> pa.ListArray:
    """The words of plain texts as a pyarrow.ListArray: what `words` does, with all texts at once."""
    _, offsets, characters = pa.array(texts, pa.large_string()).buffers()
    lower = np.frombuffer(PLAIN, np.uint8)[np.frombuffer(characters or b"", np.uint8)]
    spaced = pa.LargeStringArray.from_buffers(len(texts), offsets, pa.py_buffer(lower))
    word_lists = pc.ascii_split_whitespace(pc.ascii_trim_whitespace(spaced))
    # Of nothing but blanks an empty word is left.
    return pc.if_else(pc.equal(pc.list_element(word_lists, 0), ""), pa.scalar([], word_lists.type), word_lists)


def _hashes(documents: Sequence[Sequence[str]]) -> Hashes:
    hashed = chain.from_iterable(RMinHash.hash_token_sets(documents))
    return np.fromiter(hashed, dtype=np.uint64, count=sum(map(len, documents)))


def hashed_ngrams(documents: Sequence[Sequence[str]], size: int) -> tuple[Hashes, Counts]:
    """Return the n-grams of `size` words of each document, hashed to 64 bits, in one array; and how many each has.

    A document of fewer words has none. The hashes are the same on every machine.
    """
    lengths = np.fromiter(map(len, documents), dtype=np.int64, count=len(documents))
    return ngrams(_hashes(documents), lengths, size)


def ngrams(hashes: Hashes, lengths: Counts, size: int) -> tuple[Hashes, Counts]:
    """Return what `hashed_ngrams` does, of documents whose words have these `hashes`: so many of each, by `lengths`."""
    total = len(hashes)
    counts = np.maximum(lengths - size + 1, 0)
    if total < size:
        return np.empty(0, np.uint64), counts
    grams = np.zeros(total - size + 1, dtype=np.uint64)
    inside = np.ones(total - size + 1, dtype=bool)
    ends = np.cumsum(lengths)
    for place in range(size):
        grams *= np.uint64(FACTOR)
        grams += hashes[place : place + len(grams)]
        # An n-gram that begins `place` words before an end, but for its whole length, would run into the next document.
        if place:
            starts = ends - place
            inside[starts[(starts >= 0) & (starts < len(inside))]] = False
    grams = grams[inside]
    # The last multiplication left little in the low bits: fold the high ones in.
    return (grams ^ (grams >> np.uint64(29))) * np.uint64(FACTOR), counts
