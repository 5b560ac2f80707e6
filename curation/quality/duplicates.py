"""Texts that are nearly the same: MinHash and locality-sensitive hashing by rensa find pairs, exact sets decide.

The similarity of two texts is the Jaccard similarity of their shingles, runs of `SHINGLE` words (Broder 1997). MinHash
bands only propose pairs (Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, section 3.4), so that no pair below
the threshold is ever taken for a duplicate; of those at the threshold at least `RECALL` are found, of closer ones more.
Numbers are words: short texts that differ in one are different. Long ones are not if little else differs.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from hashlib import blake2b
from itertools import chain, islice
from typing import Any

from curation.quality.words import hashed_ngrams, words

SHINGLE = 3
MIN_SHINGLES = 5
"""Texts with fewer shingles than this (six words or less) are duplicates only if their words are equal."""
PERMUTATIONS = 48
RECALL = 0.99
SEED = 1
BATCH = 20_000
NEIGHBOURS = 16
"""With how many of the next texts in its bucket a text is compared."""
PAIRS = 50_000
"""How many pairs are compared at once."""


Run = Callable[[Callable[[list[str]], Any], Iterable[list[str]]], Iterable[Any]]
"""How batches are worked on, in order: `map`, or the `map` of an executor."""


def near_duplicate_leaders(texts: Iterable[str], *, threshold: float, run: Run = map) -> list[int]:
    """Return for each text the position of the earliest text of its cluster: its own if there is none like it.

    Clusters are the connected components of the pairs whose Jaccard similarity is at least `threshold`, in (0, 1]. The
    texts are read once; about 300 bytes are kept of one with 150 characters. With the `map` of an executor for `run`
    two thirds of the work are done in other processes.
    """
    import numpy as np

    parts = [*run(partial(_sketch, band_count=bands_for(threshold)), _batches(texts))]
    if not parts:
        return []
    columns = [*zip(*parts, strict=True)]
    del parts
    # Each column's parts are let go before the next is put together.
    keys, bands, sketches, shingles, counts = (np.concatenate(columns.pop(0)) for _ in range(5))
    _, first, same = np.unique(keys, return_index=True, return_inverse=True)
    leaders = first[same]
    own = np.arange(len(leaders))
    long = np.flatnonzero((leaders == own) & (counts >= MIN_SHINGLES))
    starts = np.cumsum(counts) - counts
    fewest = _fewest_equal(threshold)
    for band in bands.T:
        for left, right in _candidates(band, long):
            worth = _roots(leaders, left) != _roots(leaders, right)
            worth &= (sketches[left] == sketches[right]).sum(axis=1) >= fewest
            left, right = left[worth], right[worth]
            alike = _similarities(shingles, (starts, counts), left=left, right=right) >= threshold
            _join(leaders, left[alike], right[alike])
    return list(_roots(leaders, own).tolist())


class NearDuplicates:
    """Remembers texts one by one: whether a text is nearly the same as an earlier one that was not itself one.

    Compares as `near_duplicate_leaders` does; about 1.5 kB are kept of a text with 150 characters.
    """

    def __init__(self, threshold: float) -> None:
        from rensa import RMinHashLSH

        self.threshold = threshold
        self._keys: set[str] = set()
        self._shingles: list[array[int]] = []
        self._index = RMinHashLSH(threshold=threshold, num_perm=PERMUTATIONS, num_bands=bands_for(threshold))

    def seen(self, text: str) -> bool:
        """Whether a text is near an earlier one; if not, it is remembered."""
        from rensa import RMinHash

        found = words(text)
        key = _key(text, found)
        if key in self._keys:
            return True
        self._keys.add(key)
        shingles = {" ".join(found[start : start + SHINGLE]) for start in range(len(found) - SHINGLE + 1)}
        if len(found) - SHINGLE + 1 < MIN_SHINGLES:
            return False
        sketch = RMinHash.from_token_sets([list(shingles)], PERMUTATIONS, SEED)[0]
        hashes = {hash(shingle) for shingle in shingles}
        if any(_jaccard(hashes, self._shingles[near]) >= self.threshold for near in self._index.query(sketch)):
            return True
        self._index.insert(len(self._shingles), sketch)
        self._shingles.append(array("q", hashes))
        return False


def bands_for(threshold: float) -> int:
    """Return into how many bands the permutations are cut: as few as find `RECALL` of the pairs at the threshold."""
    for band_count in range(1, PERMUTATIONS):
        rows = PERMUTATIONS // band_count
        if PERMUTATIONS % band_count == 0 and 1 - (1 - threshold**rows) ** band_count >= RECALL:
            return band_count
    return PERMUTATIONS


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(texts)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _key(text: str, found: Sequence[str]) -> str:
    """Return what equal texts share: their words, or if there are none ("?!") the text."""
    return " ".join(found) or text.strip()


def _fewest_equal(threshold: float) -> float:
    """Return how many permutations agree for all but one in thousands of the pairs at the threshold.

    Agreements are binomial: this is 3.5 standard deviations below their mean. It spares most pairs of texts that share
    a template the comparison of their shingles, which takes fifty times longer.
    """
    return float(PERMUTATIONS * threshold - 3.5 * (PERMUTATIONS * threshold * (1 - threshold)) ** 0.5)


def _sketch(texts: Sequence[str], band_count: int) -> tuple[Any, Any, Any, Any, Any]:
    """Return the texts' keys (n), hashes of their bands (n, bands), their sketches (n, permutations), their shingles in
    one array, and how many each has.

    32 bits do for hashes of shingles, which are only compared within two texts, and of bands, which only propose pairs;
    8 bits for a permutation, of which many are counted.
    """
    import numpy as np

    documents = [words(text) for text in texts]
    keys = np.fromiter(
        (_hashed(_key(text, found)) for text, found in zip(texts, documents, strict=True)), np.int64, len(texts)
    )
    shingles, counts = hashed_ngrams(documents, SHINGLE)
    sketches = _minhashes(shingles, counts)
    bands = _band_hashes(sketches, band_count)
    return (
        keys,
        bands,
        sketches.astype(np.uint8),
        (shingles >> np.uint64(32)).astype(np.uint32),
        counts.astype(np.int32),
    )


def _hashed(key: str) -> int:
    """64 bits that are the same in every process, as those of `hash` are not."""
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), signed=True)


def _minhashes(shingles: Any, counts: Any) -> Any:
    import numpy as np
    from rensa import RMinHash

    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.uint64)
    rows = RMinHash.digest_matrix_from_flat_token_hashes(shingles, offsets, PERMUTATIONS, SEED).to_rows()
    flat = np.fromiter(chain.from_iterable(rows), dtype=np.uint32, count=len(counts) * PERMUTATIONS)
    return flat.reshape(len(counts), PERMUTATIONS)


def _band_hashes(sketches: Any, band_count: int) -> Any:
    import numpy as np

    bands = sketches.reshape(len(sketches), band_count, -1)
    hashes = np.zeros(bands.shape[:2], dtype=np.uint64)
    for row in range(bands.shape[2]):
        hashes = (hashes ^ bands[:, :, row]) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(32)
    return (hashes >> np.uint64(32)).astype(np.uint32)


def _candidates(band: Any, positions: Any) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of positions whose texts share a bucket, a text with its next, then the one after, and so on."""
    import numpy as np

    # Sorting both in one number is several times faster than sorting the positions by their hashes.
    both = np.sort((band[positions].astype(np.uint64) << np.uint64(32)) | positions.astype(np.uint64))
    hashes, order = both >> np.uint64(32), (both & np.uint64(0xFFFFFFFF)).astype(np.int64)
    for distance in range(1, NEIGHBOURS + 1):
        together = np.flatnonzero(hashes[distance:] == hashes[:-distance])
        if not len(together):
            return
        for start in range(0, len(together), PAIRS):
            chunk = together[start : start + PAIRS]
            yield order[chunk], order[chunk + distance]


def _similarities(shingles: Any, spans: tuple[Any, Any], *, left: Any, right: Any) -> Any:
    """Return the Jaccard similarity of each pair of texts; `spans` says where the shingles of each are."""
    import numpy as np

    first, second = (np.unique(_tagged(shingles, spans, side)) for side in (left, right))
    shared = np.intersect1d(first, second, assume_unique=True)
    sizes = (np.bincount((tagged >> np.uint64(32)).astype(np.int64), minlength=len(left)) for tagged in (first, second))
    common = np.bincount((shared >> np.uint64(32)).astype(np.int64), minlength=len(left))
    return common / (sum(sizes) - common)


def _tagged(shingles: Any, spans: tuple[Any, Any], positions: Any) -> Any:
    """Return the shingles of the texts at `positions`, each with the number of its text here in the high 32 bits."""
    import numpy as np

    starts, lengths = (span[positions].astype(np.int64) for span in spans)
    number = np.repeat(np.arange(len(positions)), lengths)
    within = np.arange(len(number)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return (number.astype(np.uint64) << np.uint64(32)) | shingles[starts[number] + within]


def _roots(leaders: Any, positions: Any) -> Any:
    """Return the leader's leader, and so on, of each position."""
    roots = leaders[positions]
    while not (leaders[roots] == roots).all():
        roots = leaders[roots]
    return roots


def _join(leaders: Any, left: Any, right: Any) -> None:
    """Make the texts of each pair follow the earlier of their leaders."""
    import numpy as np

    while len(left):
        first, second = _roots(leaders, left), _roots(leaders, right)
        apart = first != second
        left, right, first, second = left[apart], right[apart], first[apart], second[apart]
        # Of several that one leader is to follow the earliest counts; the others are joined in the next round.
        np.minimum.at(leaders, np.maximum(first, second), np.minimum(first, second))


def _jaccard(first: set[int], second: array[int]) -> float:
    common = len(first.intersection(second))
    return common / (len(first) + len(second) - common)
