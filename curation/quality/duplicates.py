"""Texts that are nearly the same: hashes find pairs, by rensa MinHash where all texts are known; exact sets decide.

The similarity of two texts is the Jaccard similarity of their shingles, runs of `SHINGLE` words (Broder 1997). MinHash
bands only propose pairs (Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, section 3.4), so that no pair below
the threshold is ever taken for a duplicate; of those at the threshold at least `RECALL` are found, of closer ones more.
Texts that come one by one are proposed by their rarest shingles, which finds all. Where thousands share a long
instruction, both compare a text with only so many others that their time grows as the number of texts does.
Numbers are words: short texts that differ in one are different. Long ones are not if little else differs.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from hashlib import blake2b
from heapq import nlargest
from itertools import chain
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt
from rensa import RMinHash

from curation.quality.ngrams import FACTOR, Counts, Hashes, hashed_words, ngrams
from curation.quality.words import words

SHINGLE = 3
MIN_SHINGLES = 5
"""Texts with fewer shingles than this (six words or less) are duplicates only if their words are equal."""
PERMUTATIONS = 48
RECALL = 0.99
SEED = 1
BATCH = 20_000
BATCH_CHARACTERS = 1 << 25
NEIGHBOURS = 16
"""With how many of the next texts in its bucket a text is compared."""
PAIRS = 10_000
"""How many pairs are compared at once."""
RARE = 32
"""By how many of its shingles, at most, a text is found again that is remembered."""
CANDIDATES = 64
"""How many texts, the latest, a shingle finds; and with how many a text is compared, those that most find."""


Bands = npt.NDArray[np.uint32]
Positions = npt.NDArray[np.int64]
"""Of texts among all texts, or of places in a band."""


class Sketches(NamedTuple):
    """What is needed of n texts to find those that are near, as numpy arrays.

    They are the texts' keys (n), hashes of their bands (n, bands), their sketches (n, permutations), the sets of their
    shingles one after the other, and how many each has (n): none if it is too short to be compared.
    """

    keys: Hashes
    bands: Bands
    sketches: npt.NDArray[np.uint8]
    shingles: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int32]


def near_duplicate_leaders(texts: Iterable[str], *, threshold: float, followers: int = 0) -> list[int]:
    """Return for each text the position of the earliest text of its cluster: its own if there is none like it.

    It is what `leaders_of` gives for what is `sketched` of the texts, which are read once and not kept.
    """
    sketches = map(partial(sketched, threshold=threshold), _batches(texts))
    return leaders_of(sketches, threshold=threshold, followers=followers)


def leaders_of(sketches: Iterable[Sketches], *, threshold: float, followers: int = 0) -> list[int]:
    """Return for each text the position of the earliest text of its cluster: its own if there is none like it.

    The texts are those that were `sketched`, part by part, for this threshold. Clusters are the connected components of
    the pairs whose Jaccard similarity is at least `threshold`, in (0, 1]. The last `followers` texts join no clusters:
    each is in that of the earliest text that it is near. About 300 bytes are kept of a text with 150 characters.

    Two texts are compared once, and one with the next `NEIGHBOURS` in its bucket of each band. Where more texts than
    that have most words in common and are not near, as under a long instruction, fewer than `RECALL` are found of the
    pairs close to the threshold: with 100 of 118 words in common 70 % of those at 0.81, and 99 % of those at 0.93.
    """
    # Takes a second, which passes while others still make sketches.
    from scipy.sparse import csr_array  # type: ignore[import-untyped]

    parts = [*sketches]
    if not parts:
        return []
    columns = [*zip(*parts, strict=True)]
    del parts
    # Each column's parts are let go before the next is put together.
    keys, bands, sketches, shingles, counts = (np.concatenate(columns.pop(0)) for _ in range(5))
    _, first, same = np.unique(keys, return_index=True, return_inverse=True)
    leaders = first[same]
    own = np.arange(len(leaders))
    long = np.flatnonzero((leaders == own) & (counts > 0))
    # A row for each text and a column for each shingle that there could be.
    sets = csr_array(_shingle_rows(shingles, counts), shape=(len(counts), 2**30))
    fewest = _fewest_equal(threshold)
    for number, band in enumerate(bands.T):
        order, places = _places(band[long], long)
        # Where a text stood in the bands so far says which pairs were compared; their hashes are needed no more.
        band[order] = places
        for left, right in _candidates(order, places):
            worth = _roots(leaders, left) != _roots(leaders, right)
            worth &= (sketches[left] == sketches[right]).sum(axis=1) >= fewest
            left, right = left[worth], right[worth]
            new = ~_neighbours(bands[left, :number], bands[right, :number]).any(axis=1)
            left, right = left[new], right[new]
            alike = _similarities(sets[left], sets[right]) >= threshold
            left, right = left[alike], right[alike]
            follows = right >= len(leaders) - followers
            np.minimum.at(leaders, right[follows], left[follows])
            _join(leaders, left[~follows], right[~follows])
    return list(_roots(leaders, own).tolist())


def sketched(texts: Sequence[str], *, threshold: float) -> Sketches:
    """Return what is needed of texts to find those of them that are near, two thirds of all the work.

    30 bits do for hashes of shingles, which are only compared within two texts, 32 for bands, which only propose pairs;
    8 bits for a permutation, of which many are counted.
    """
    hashes, lengths = hashed_words(texts)
    keys = _keys(texts, hashes, lengths)
    shingles, counts = ngrams(hashes, lengths, SHINGLE)
    sketches = _minhashes(shingles, counts)
    bands = _band_hashes(sketches, bands_for(threshold))
    return Sketches(keys, bands, sketches.astype(np.uint8), *_different(shingles, counts))


class NearDuplicates:
    """Remembers texts one by one: whether a text is nearly the same as an earlier one that was not itself one.

    Takes what `near_duplicate_leaders` takes for near, and finds all of it, but for what `RARE` and `CANDIDATES` leave
    out; about 1.5 kB are kept of a text with 150 characters.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._keys: set[str] = set()
        self._shingles: list[array[int]] = []
        self._holders: dict[int, tuple[int, ...]] = {}

    def seen(self, text: str) -> bool:
        """Whether a text is near an earlier one; if not, it is remembered."""
        text_words = words(text)
        key = _key(text, text_words)
        if key in self._keys:
            return True
        self._keys.add(key)
        runs = [" ".join(text_words[start : start + SHINGLE]) for start in range(len(text_words) - SHINGLE + 1)]
        if len(runs) < MIN_SHINGLES:
            return False
        # Not `hash`, by which every process would take others for the rarest.
        shingles = {crc32(run.encode("utf-8", "surrogatepass")) for run in runs}
        if any(_jaccard(shingles, self._shingles[near]) >= self.threshold for near in self._candidates(shingles)):
            return True
        self._remember(shingles)
        return False

    def _candidates(self, shingles: set[int]) -> list[int]:
        """The texts that most of these shingles find come first; one that finds ten counts a tenth."""
        weights: dict[int, float] = {}
        for holders in filter(None, map(self._holders.get, shingles)):
            for number in holders:
                weights[number] = weights.get(number, 0) + 1 / len(holders)
        return nlargest(CANDIDATES, weights, key=weights.__getitem__)

    def _remember(self, shingles: set[int]) -> None:
        """Let a text be found by so many of its shingles that one near it, which shares `threshold` of all, has one.

        Which ones is free: the rarest, so that what many texts share brings nobody together (prefix filtering: Bayardo,
        Ma, Srikant 2007, Scaling up all pairs similarity search).
        """
        enough = len(shingles) - int(self.threshold * len(shingles)) + 1
        rarest = sorted(shingles, key=lambda shingle: (len(self._holders.get(shingle, ())), shingle))
        for shingle in rarest[: min(enough, RARE)]:
            self._holders[shingle] = (*self._holders.get(shingle, ()), len(self._shingles))[-CANDIDATES:]
        self._shingles.append(array("I", shingles))


def bands_for(threshold: float) -> int:
    """Return into how many bands the permutations are cut: as few as find `RECALL` of the pairs at the threshold."""
    for band_count in range(1, PERMUTATIONS):
        rows = PERMUTATIONS // band_count
        if PERMUTATIONS % band_count == 0 and 1 - (1 - threshold**rows) ** band_count >= RECALL:
            return band_count
    return PERMUTATIONS


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield the texts in parts of at most `BATCH` texts, and of about `BATCH_CHARACTERS` where they are long."""
    batch: list[str] = []
    characters = 0
    for text in texts:
        batch.append(text)
        characters += len(text)
        if len(batch) == BATCH or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _key(text: str, text_words: Sequence[str]) -> str:
    """Return what equal texts share: their words, or if there are none ("?!") the text."""
    return " ".join(text_words) or text.strip()


def _fewest_equal(threshold: float) -> float:
    """Return how many permutations agree for all but one in thousands of the pairs at the threshold.

    Agreements are binomial: this is 3.5 standard deviations below their mean. It spares most pairs of texts that share
    a template the comparison of their shingles, which takes ten times longer.
    """
    return float(PERMUTATIONS * threshold - 3.5 * (PERMUTATIONS * threshold * (1 - threshold)) ** 0.5)


def _keys(texts: Sequence[str], hashes: Hashes, lengths: Counts) -> Hashes:
    """Return hashes of what `_key` gives for each text, 64 bits that are the same in every process.

    The hash of words is a polynomial of theirs (Karp, Rabin 1987), modulo 2**64 as theirs are random.
    """
    ends = np.cumsum(lengths)
    powers = np.cumprod(np.full(lengths.max(initial=0), FACTOR, dtype=np.uint64))
    terms = hashes * powers[np.arange(len(hashes)) - np.repeat(ends - lengths, lengths)]
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(terms)))
    keys: Hashes = sums[ends] - sums[ends - lengths]
    for position in np.flatnonzero(lengths == 0).tolist():
        blank = _key(texts[position], ()).encode("utf-8", "surrogatepass")
        keys[position] = int.from_bytes(blake2b(blank, digest_size=8).digest())
    return keys


def _minhashes(shingles: Hashes, counts: Counts) -> npt.NDArray[np.uint32]:
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.uint64)
    rows = RMinHash.digest_matrix_from_flat_token_hashes(shingles, offsets, PERMUTATIONS, SEED).to_rows()
    flat = np.fromiter(chain.from_iterable(rows), dtype=np.uint32, count=len(counts) * PERMUTATIONS)
    return flat.reshape(len(counts), PERMUTATIONS)


def _band_hashes(sketches: npt.NDArray[np.uint32], band_count: int) -> Bands:
    bands = sketches.reshape(len(sketches), band_count, -1)
    hashes = np.zeros(bands.shape[:2], dtype=np.uint64)
    for row in range(bands.shape[2]):
        hashes = (hashes ^ bands[:, :, row]) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(32)
    return (hashes >> np.uint64(32)).astype(np.uint32)


def _different(shingles: Hashes, counts: Counts) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the shingles of each text sorted and without repetition, and how many those are."""
    long = counts >= MIN_SHINGLES
    number = np.repeat(np.arange(len(counts), dtype=np.uint64), counts)
    tagged = ((number << np.uint64(32)) | (shingles >> np.uint64(34)))[np.repeat(long, counts)]
    # Many times faster than numpy.unique, which keeps a hash table.
    tagged.sort()
    tagged = tagged[np.diff(tagged, prepend=~tagged[:1]) != 0]
    sizes = np.bincount((tagged >> np.uint64(32)).astype(np.int64), minlength=len(counts))
    return (tagged & np.uint64(0xFFFFFFFF)).astype(np.int32), sizes.astype(np.int32)


def _shingle_rows(
    shingles: npt.NDArray[np.int32], counts: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int32], npt.NDArray[np.int32 | np.int64]]:
    """Return the values, columns and row ends of a sparse matrix that is true where a text has a shingle."""
    ends = np.concatenate(([0], np.cumsum(counts)))
    kind: type[np.int32 | np.int64] = np.int32 if len(shingles) < 2**31 else np.int64
    present = np.ones(len(shingles), dtype=np.bool_)
    return present, shingles, ends.astype(kind)


def _similarities(first: Any, second: Any) -> npt.NDArray[np.float64]:
    """Return the Jaccard similarity of each row of `first` with the same row of `second`."""
    common, *sizes = (rows.count_nonzero(axis=1) for rows in (first.multiply(second), first, second))
    similarities: npt.NDArray[np.float64] = common / (sum(sizes) - common)
    return similarities


def _places(hashes: Bands, positions: Positions) -> tuple[Positions, Positions]:
    """Return the positions by bucket, and their places: only in the same bucket they can be `NEIGHBOURS` apart."""
    # Sorting both in one number is several times faster than sorting the positions by their hashes.
    both = np.sort((hashes.astype(np.uint64) << np.uint64(32)) | positions.astype(np.uint64))
    hashes = both >> np.uint64(32)
    bucket = np.cumsum(np.diff(hashes, prepend=hashes[:1]) != 0)
    return (both & np.uint64(0xFFFFFFFF)).astype(np.int64), np.arange(len(both)) + NEIGHBOURS * bucket


def _neighbours(first: Positions | Bands, second: Positions | Bands) -> npt.NDArray[np.bool_]:
    """Whether these places are in the same bucket, and near enough there for a comparison."""
    return np.maximum(first, second) - np.minimum(first, second) <= NEIGHBOURS


def _candidates(positions: Positions, places: Positions) -> Iterator[tuple[Positions, Positions]]:
    """Yield pairs of positions whose texts share a bucket, a text with its next, then the one after, and so on."""
    together = np.arange(len(places))
    for distance in range(1, NEIGHBOURS + 1):
        # Only those whose next but one is near enough can have one after it that is.
        together = together[: np.searchsorted(together, len(places) - distance)]
        together = together[_neighbours(places[together + distance], places[together])]
        if not len(together):
            return
        for start in range(0, len(together), PAIRS):
            chunk = together[start : start + PAIRS]
            yield positions[chunk], positions[chunk + distance]


def _roots(leaders: Positions, positions: Positions) -> Positions:
    """Return the leader's leader, and so on, of each position."""
    roots = leaders[positions]
    while not (leaders[roots] == roots).all():
        roots = leaders[roots]
    return roots


def _join(leaders: Positions, left: Positions, right: Positions) -> None:
    """Make the texts of each pair follow the earlier of their leaders."""
    while len(left):
        first, second = _roots(leaders, left), _roots(leaders, right)
        apart = first != second
        left, right, first, second = left[apart], right[apart], first[apart], second[apart]
        # Of several that one leader is to follow the earliest counts; the others are joined in the next round.
        np.minimum.at(leaders, np.maximum(first, second), np.minimum(first, second))


def _jaccard(first: set[int], second: array[int]) -> float:
    common = len(first.intersection(second))
    return common / (len(first) + len(second) - common)
