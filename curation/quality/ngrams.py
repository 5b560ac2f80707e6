"""Hashes of words and of runs of words, for many texts at once. They find near-duplicates and texts of benchmarks.

The hashes of all texts are in one array, text after text. A second array counts the hashes of each text. For example,
the texts "a b c", "" and "d e" have five words: five hashes, and the counts [3, 0, 2].
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from curation.frames import pl
from curation.quality.words import PLAIN, SIGNED, words

Hashes = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
Text = TypeVar("Text", str, bytes)

FACTOR = 0x9E3779B97F4A7C15
"""An odd number without structure: 2**64 divided by the golden ratio (Knuth, TAOCP 3, section 6.4)."""
INVERSE = pow(FACTOR, -1, 2**64)
MIXER = 0xBF58476D1CE4E5B9
"""Another such number: the first multiplier of SplitMix64 (Steele, Lea, Flood 2014)."""
CHARACTERS_AT_ONCE = 1 << 18
"""The characters of a batch. The arrays made of them fit in the cache of a processor, which halves the time."""
BLANK, LINE_END = b" \n"


def hashed_words(texts: Sequence[str] | pl.Series) -> tuple[Hashes, Counts]:
    """Return the hashes (64 bits) of the `words` of all texts in one array, and the number of words of each text.

    The hashes are the same on every machine.
    """
    texts = pl.Series(texts, dtype=pl.String)
    plain = _are_plain(texts)
    is_plain_text = plain.to_numpy()
    of_plain, of_others = texts.filter(plain), texts.filter(~plain)
    plain_hashes, plain_counts = _hashed(text.encode().translate(PLAIN) for text in of_plain.to_list())
    other_hashes, other_counts = _hashed(" ".join(words(text)).encode() for text in of_others.to_list())
    counts = np.empty(len(texts), dtype=np.int64)
    counts[is_plain_text], counts[~is_plain_text] = plain_counts, other_counts
    is_of_plain = np.repeat(is_plain_text, counts)
    hashes = np.empty(len(is_of_plain), dtype=np.uint64)
    hashes[is_of_plain], hashes[~is_of_plain] = plain_hashes, other_hashes
    return hashes, counts


def _are_plain(texts: pl.Series) -> pl.Series:
    """Return for each text whether translating it by `PLAIN` is enough: it is ASCII without a sign before a number."""
    is_ascii = texts.str.len_bytes() == texts.str.len_chars()
    return is_ascii & ~texts.str.contains(SIGNED)


def hashed_ngrams(documents: Sequence[Sequence[str]], size: int) -> tuple[Hashes, Counts]:
    """Return the hashes (64 bits) of all n-grams of `size` words in one array, and the number of n-grams of each
    document.

    A document of fewer words has none. No word may have a blank in it. The hashes are the same on every machine.
    """
    hashes, lengths = _hashed(" ".join(document).encode("utf-8", "surrogatepass") for document in documents)
    return ngrams(hashes, lengths, size)


def batches(texts: Iterable[Text]) -> Iterator[list[Text]]:
    """Yield the texts in batches of about CHARACTERS_AT_ONCE characters; one empty batch if there is no text."""
    batch: list[Text] = []
    characters = 0
    for text in texts:
        batch.append(text)
        # One is added for the end of the text.
        characters += len(text) + 1
        if characters >= CHARACTERS_AT_ONCE:
            yield batch
            batch, characters = [], 0
    yield batch


def _hashed(texts: Iterable[bytes]) -> tuple[Hashes, Counts]:
    """Return the hashes of the words between the blanks, and their number in each text. No text has a line end."""
    hashes, counts = zip(*map(_hashed_batch, batches(texts)), strict=True)
    return np.concatenate(hashes), np.concatenate(counts)


def _hashed_batch(texts: Sequence[bytes]) -> tuple[Hashes, Counts]:
    """Return what `_hashed` returns, computed for all these texts at once.

    The hash of a word is the polynomial of its bytes (Karp, Rabin 1987) modulo 2**64: the sum of byte times
    FACTOR**place. It is the difference of two running sums, divided by FACTOR**(place of the first byte).
    """
    characters = np.frombuffer(b"\n".join([*texts, b""]), np.uint8)
    in_word = (characters != BLANK) & (characters != LINE_END)
    edges = np.flatnonzero(np.diff(in_word, prepend=False, append=False))
    starts, stops = edges[::2], edges[1::2]
    # One is added, because a byte of zero would add nothing to the sum.
    sums = np.cumsum((characters + np.uint64(1)) * _powers(FACTOR, len(characters)))
    # The sum before the first character is 0. The sum before any other is at the position one before it.
    sums = np.concatenate((np.zeros(1, np.uint64), sums))
    hashes = _mixed((sums[stops] - sums[starts]) * _powers(INVERSE, len(characters) + 1)[starts])
    ends = np.flatnonzero(characters == LINE_END)
    return hashes, np.diff(np.searchsorted(starts, ends), prepend=0)


def _powers(base: int, count: int) -> Hashes:
    """Return the powers base**0, base**1, ... modulo 2**64."""
    powers = np.full(count, base, dtype=np.uint64)
    powers[:1] = 1
    return np.cumprod(powers, out=powers)


def _mixed(hashes: Hashes) -> Hashes:
    """Return hashes of which every bit depends on every bit of the polynomials."""
    hashes = (hashes ^ (hashes >> np.uint64(32))) * np.uint64(MIXER)
    mixed: Hashes = hashes ^ (hashes >> np.uint64(29))
    return mixed


def ngrams(hashes: Hashes, lengths: Counts, size: int) -> tuple[Hashes, Counts]:
    """Return what `hashed_ngrams` returns, from the hashes of all words and the number of words of each document."""
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
        # An n-gram that begins too near the end of a document would run into the next one.
        if place:
            starts = ends - place
            inside[starts[(starts >= 0) & (starts < len(inside))]] = False
    grams = grams[inside]
    # The last multiplication leaves little in the low bits, so the high bits are folded into them.
    return (grams ^ (grams >> np.uint64(29))) * np.uint64(FACTOR), counts
