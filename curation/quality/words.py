"""Words of a text as duplicates and contamination are looked for: without case, punctuation and blanks."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Sequence
from itertools import chain, compress
from typing import Any

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Scripts without blanks between words (Thai, Lao, Burmese, Khmer, Kana, Han): there each character is a word."""
# ASCII, Latin-1, Arabic, Indic, general, CJK and full-width punctuation.
_PUNCTUATION = (
    r"!-/:-@\[-`{-~\u00a1-\u00a9\u00ab-\u00b1\u00b4-\u00b8\u00bb\u00bf\u060c\u061b\u061f\u06d4\u0964\u0965"
    r"\u2000-\u206f\u2190-\u21ff\u2500-\u25ff\u3000-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
# A sign before a number is a word: "3 + 4" is not "3 * 4".
_WORD = re.compile(rf"[-+*/%^=<>\u2212\u00d7\u00f7](?=\s*\d)|[{UNSPACED}]|[^\s{_PUNCTUATION}{UNSPACED}]+")
_SIGNED = re.compile(r"[-+*/%^=<>]\s*[0-9]")
_BETWEEN = string.punctuation + string.whitespace + "\x1c\x1d\x1e\x1f"
_PLAIN = bytes.maketrans(
    (string.ascii_uppercase + _BETWEEN).encode(), string.ascii_lowercase.encode() + b" " * len(_BETWEEN)
)

FACTOR = 0x9E3779B97F4A7C15
"""An odd number without structure: 2**64 divided by the golden ratio (Knuth, TAOCP 3, section 6.4)."""


def words(text: str) -> list[str]:
    """Return the words of a text in order: NFKC, case folded, numbers kept, punctuation and blanks left out."""
    if _is_plain(text):
        # The same words as below, three times faster.
        return text.encode().translate(_PLAIN).decode().split()
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _is_plain(text: str) -> bool:
    return text.isascii() and not _SIGNED.search(text)


def hashed_words(texts: Sequence[str]) -> tuple[Any, Any]:
    """Return the `words` of each text, hashed to 64 bits, in one array; and how many each has.

    The hashes are the same on every machine.
    """
    import numpy as np

    plain = np.fromiter(map(_is_plain, texts), dtype=bool, count=len(texts))
    others = [words(text) for text, is_plain in zip(texts, plain, strict=True) if not is_plain]
    found = _plain_words([*compress(texts, plain)])
    counts = np.empty(len(texts), dtype=np.int64)
    counts[plain] = found.value_lengths().to_numpy()
    counts[~plain] = [*map(len, others)]
    # Most words come many times: each is hashed once.
    distinct = found.flatten().dictionary_encode()
    of_plain = np.repeat(plain, counts)
    hashes = np.empty(len(of_plain), dtype=np.uint64)
    hashes[of_plain] = _hashes([distinct.dictionary.to_pylist()])[distinct.indices.to_numpy()]
    hashes[~of_plain] = _hashes(others)
    return hashes, counts


def _plain_words(texts: Sequence[str]) -> Any:
    """The words of plain texts as a pyarrow.ListArray: what `words` does, with all texts at once."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    _, offsets, characters = pa.array(texts, pa.large_string()).buffers()
    lower = np.frombuffer(_PLAIN, np.uint8)[np.frombuffer(characters or b"", np.uint8)]
    spaced = pa.LargeStringArray.from_buffers(len(texts), offsets, pa.py_buffer(lower))
    found = pc.ascii_split_whitespace(pc.ascii_trim_whitespace(spaced))
    # Of nothing but blanks an empty word is left.
    return pc.if_else(pc.equal(pc.list_element(found, 0), ""), pa.scalar([], found.type), found)


def _hashes(documents: Sequence[Sequence[str]]) -> Any:
    import numpy as np
    from rensa import RMinHash

    hashed = chain.from_iterable(RMinHash.hash_token_sets(documents))
    return np.fromiter(hashed, dtype=np.uint64, count=sum(map(len, documents)))


def hashed_ngrams(documents: Sequence[Sequence[str]], size: int) -> tuple[Any, Any]:
    """Return the n-grams of `size` words of each document, hashed to 64 bits, in one array; and how many each has.

    A document of fewer words has none. The hashes are the same on every machine.
    """
    import numpy as np

    lengths = np.fromiter(map(len, documents), dtype=np.int64, count=len(documents))
    return ngrams(_hashes(documents), lengths, size)


def ngrams(hashes: Any, lengths: Any, size: int) -> tuple[Any, Any]:
    """Return what `hashed_ngrams` does, of documents whose words have these `hashes`: so many of each, by `lengths`."""
    import numpy as np

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
