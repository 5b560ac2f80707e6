"""Finds texts that are nearly the same.

The similarity of two texts is the Jaccard similarity of their shingles, which are runs of `SHINGLE` words (Broder
1997). Hashes propose pairs of texts, and the exact sets of shingles decide. So no pair below the threshold ever counts.

- If all texts are known, only those are compared of which most shingles are in other texts too: others cannot be near
  one. Pairs of them are proposed by the bands of MinHash, computed with rensa (Leskovec, Rajaraman, Ullman:
  Mining of Massive Datasets, section 3.4). At least `RECALL` of the pairs at the threshold are noticed, and more of the
  closer ones.
- If texts come one at a time, pairs are proposed by their rarest shingles, and all are noticed.
- If thousands of texts share a long instruction, a text is compared with a limited number of the others, so that the
  time grows only linearly.

Numbers are words. So short texts that differ in a number are different, but long texts that differ only in a number are
near.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from heapq import nlargest
from itertools import chain
from typing import NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt
from rensa import RMinHash

from curation.frames import pl
from curation.quality.ngrams import FACTOR, Counts, Hashes, batches, hashed_words, ngrams
from curation.quality.words import words

SHINGLE = 3
MIN_SHINGLES = 5
"""Texts with fewer shingles (with at most six words) are duplicates only if all their words are equal."""
SHARED_BITS = 24
"""So many bits of a shingle are its place in the table (16 MB) of shingles that several texts have."""
ROUNDING = 1e-9
"""0.8 * 35 is a little more than 28."""
PERMUTATIONS = 48
RECALL = 0.99
SEED = 2
SKETCHED_AT_ONCE = 1 << 12
NEIGHBOURS = 16
"""A text is compared with so many of the next texts in its bucket."""
PAIRS = 10_000
"""So many pairs are compared at once."""
RARE = 32
"""A text is remembered under at most so many of its shingles."""
CANDIDATES = 64
"""A shingle remembers the last so many texts that have it, and a text is compared with at most so many others."""


Bands = npt.NDArray[np.uint32]
Positions = npt.NDArray[np.int64]
"""Positions of texts, or places in a band."""


class Sketches(NamedTuple):
    """The keys and the shingles of n texts as numpy arrays, from which near texts are computed.

    For n = 2 texts with 5 and 7 shingles, the arrays have these shapes: their keys (2,), the shingles of the first and
    then of the second text (12,), and the numbers of shingles (2,) with the values [5, 7]. A text that is too short has
    no shingles. Texts with equal words have equal keys.
    """

    keys: Hashes
    shingles: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int32]


def near_duplicate_leaders(texts: Iterable[str], *, threshold: float, followers: int = 0) -> list[int]:
    """Return for each text the position of the earliest text of its cluster, or its own if it is like no other.

    For example ["a b c d e f g", "x", "a b c d e f g"] gives [0, 1, 0]. The texts are read once and not kept in memory:
    this is `leaders_of` of the `sketched` texts.
    """
    return leaders_of(map(sketched, batches(texts)), threshold=threshold, followers=followers)


def leaders_of(sketches: Iterable[Sketches], *, threshold: float, followers: int = 0) -> list[int]:
    """Return for each text the position of the earliest text of its cluster, or its own if it is like no other.

    `sketches` come from `sketched`. Clusters are the connected components of the pairs with a Jaccard similarity of at
    least `threshold`, in (0, 1]. The last `followers` texts do not connect clusters: each belongs to the cluster of the
    earliest text that it is near. This needs about 300 bytes for a text with 150 characters.

    A text is compared with the next `NEIGHBOURS` texts in its bucket of each band. If more texts than that share a long
    instruction without being near, fewer than `RECALL` of the pairs close to the threshold are noticed: of texts with
    100 of 118 words in common, 70 % of the pairs at 0.81 and 99 % of the pairs at 0.93.
    """
    columns = [*zip(*sketches, strict=True)]
    if not columns:
        return []
    # The parts of a column are released before the next column is put together, to save memory.
    keys, shingles, counts = (np.concatenate(columns.pop(0)) for _ in range(3))
    _, first, same = np.unique(keys, return_index=True, return_inverse=True)
    leaders = first[same]
    own = np.arange(len(leaders))
    sets = _near_another(shingles, counts, leaders == own, threshold)
    if not len(sets.texts):
        return list(leaders.tolist())
    sketched_sets = _minhashes(sets)
    bands = _band_hashes(sketched_sets, bands_for(threshold))
    # 8 bits for a permutation suffice, because many of them are counted.
    short = sketched_sets.astype(np.uint8)
    for number, band in enumerate(bands.T):
        order, places = _places(band, np.arange(len(band)))
        # A pair that was in one bucket of an earlier band was compared there. The places in that band tell it.
        band[order] = places
        for rows, other_rows in _candidates(order, places):
            worth = _roots(leaders, sets.texts[rows]) != _roots(leaders, sets.texts[other_rows])
            worth &= (short[rows] == short[other_rows]).sum(axis=1) >= _fewest_equal(threshold)
            worth &= ~_neighbours(bands[rows, :number], bands[other_rows, :number]).any(axis=1)
            rows, other_rows = rows[worth], other_rows[worth]
            alike = _similarities(sets, rows, other_rows) >= threshold
            left, right = sets.texts[rows[alike]], sets.texts[other_rows[alike]]
            follows = right >= len(leaders) - followers
            np.minimum.at(leaders, right[follows], left[follows])
            _join(leaders, left[~follows], right[~follows])
    return list(_roots(leaders, own).tolist())


def sketched(texts: Sequence[str] | pl.Series) -> Sketches:
    """Return the sketches of texts. This is most of the work.

    30 bits suffice for the hash of a shingle: shingles are only compared between two texts.
    """
    hashes, lengths = hashed_words(texts)
    keys = _keys(texts, hashes, lengths)
    return Sketches(keys, *_different(*ngrams(hashes, lengths, SHINGLE)))


class NearDuplicates:
    """Remembers texts, one at a time, and tells whether a text is nearly the same as one that it remembers.

    "Near" means the same as in `near_duplicate_leaders`. All near pairs are noticed, except what the limits `RARE` and
    `CANDIDATES` leave out. This needs about 1.5 kB for a text with 150 characters.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._keys: set[str] = set()
        self._shingles: list[array[int]] = []
        self._holders: dict[int, tuple[int, ...]] = {}

    def repeats(self, text: str) -> bool:
        """Return whether a text is near an earlier one. If not, remember it."""
        text_words = words(text)
        key = _key(text, text_words)
        if key in self._keys:
            return True
        self._keys.add(key)
        runs = [" ".join(text_words[start : start + SHINGLE]) for start in range(len(text_words) - SHINGLE + 1)]
        if len(runs) < MIN_SHINGLES:
            return False
        # `hash` is not used, because it differs between processes, and so would the choice of the rarest shingles.
        shingles = {crc32(run.encode("utf-8", "surrogatepass")) for run in runs}
        if any(_jaccard(shingles, self._shingles[near]) >= self.threshold for near in self._candidates(shingles)):
            return True
        self._remember(shingles)
        return False

    def _candidates(self, shingles: set[int]) -> list[int]:
        """Return the texts that share most of these shingles. A shingle that n texts have counts 1 / n."""
        weights: dict[int, float] = {}
        for holders in filter(None, map(self._holders.get, shingles)):
            for number in holders:
                weights[number] = weights.get(number, 0) + 1 / len(holders)
        return nlargest(CANDIDATES, weights, key=weights.__getitem__)

    def _remember(self, shingles: set[int]) -> None:
        """Remember a text under so many of its shingles that every text near it has at least one of them.

        Any choice of shingles would do. The rarest are taken, so that a text is not compared with all texts that share
        common words (prefix filtering: Bayardo, Ma, Srikant 2007, Scaling up all pairs similarity search).
        """
        enough = len(shingles) - int(self.threshold * len(shingles)) + 1
        rarest = sorted(shingles, key=lambda shingle: (len(self._holders.get(shingle, ())), shingle))
        for shingle in rarest[: min(enough, RARE)]:
            self._holders[shingle] = (*self._holders.get(shingle, ()), len(self._shingles))[-CANDIDATES:]
        self._shingles.append(array("I", shingles))


def bands_for(threshold: float) -> int:
    """Return the number of bands: the smallest with which `RECALL` of the pairs at the threshold are noticed."""
    for band_count in range(1, PERMUTATIONS):
        rows = PERMUTATIONS // band_count
        if PERMUTATIONS % band_count == 0 and 1 - (1 - threshold**rows) ** band_count >= RECALL:
            return band_count
    return PERMUTATIONS


def _key(text: str, text_words: Sequence[str]) -> str:
    """Return the same value for texts with equal words: the words, or the text itself if it has none ("?!")."""
    return " ".join(text_words) or text.strip()


def _fewest_equal(threshold: float) -> float:
    """Return the number of equal permutations below which a pair is not compared further.

    The number of equal permutations is binomial, and this is 3.5 standard deviations below the mean at the threshold.
    So it loses one in thousands of the pairs at the threshold. It saves the comparison of shingles, which takes ten
    times longer, for most pairs of texts that share a template.
    """
    return float(PERMUTATIONS * threshold - 3.5 * (PERMUTATIONS * threshold * (1 - threshold)) ** 0.5)


def _keys(texts: Sequence[str] | pl.Series, hashes: Hashes, lengths: Counts) -> Hashes:
    """Return 64-bit hashes of the `_key` of each text, which are the same in every process.

    The hash is a polynomial of the hashes of the words (Karp, Rabin 1987) modulo 2**64.
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


def _different(shingles: Hashes, counts: Counts) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the shingles of each text, sorted and without repetitions, and their numbers."""
    long = counts >= MIN_SHINGLES
    number = np.repeat(np.arange(len(counts), dtype=np.uint64), counts)
    tagged = ((number << np.uint64(32)) | (shingles >> np.uint64(34)))[np.repeat(long, counts)]
    # This is many times faster than numpy.unique, which uses a hash table.
    tagged.sort()
    tagged = tagged[np.diff(tagged, prepend=~tagged[:1]) != 0]
    sizes = np.bincount((tagged >> np.uint64(32)).astype(np.int64), minlength=len(counts))
    return (tagged & np.uint64(0xFFFFFFFF)).astype(np.int32), sizes.astype(np.int32)


class _Sets(NamedTuple):
    """The shingles of some texts: those of text `texts[k]` are `shingles[ends[k] - counts[k] : ends[k]]`.

    `texts` are positions among all texts, in their order.
    """

    texts: Positions
    counts: Positions
    ends: Positions
    shingles: npt.NDArray[np.int32]

    def members(self, rows: Positions) -> npt.NDArray[np.int32]:
        """Return the shingles of these rows of `texts`, one row after the other."""
        counts = self.counts[rows]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        members: npt.NDArray[np.int32] = self.shingles[np.repeat(self.ends[rows] - counts, counts) + within]
        return members


def _near_another(
    shingles: npt.NDArray[np.int32], counts: npt.NDArray[np.int32], kept: npt.NDArray[np.bool_], threshold: float
) -> _Sets:
    """Return those texts of `kept` that may be near another one, because enough of their shingles are in several texts.

    Two sets with a similarity of at least `threshold` have that share of the larger set in common, or more.
    """
    # Arrays with a number for each shingle are the largest of a derivation, so few of them are in memory at a time.
    in_kept = np.repeat(kept, counts)
    ordered = shingles[in_kept]
    ordered.sort()
    in_several = np.zeros(1 << SHARED_BITS, dtype=np.bool_)
    in_several[_slots(ordered[1:][ordered[1:] == ordered[:-1]])] = True
    del ordered
    is_shared = in_several[_slots(shingles)] & in_kept
    text = np.repeat(np.arange(len(counts), dtype=np.int32), counts)[is_shared]
    shared = np.bincount(text, minlength=len(counts))
    near = kept & (counts > 0) & (shared >= threshold * counts - ROUNDING)
    texts = np.flatnonzero(near)
    return _Sets(
        texts,
        counts[texts].astype(np.int64),
        np.cumsum(counts[texts], dtype=np.int64),
        shingles[np.repeat(near, counts)],
    )


def _slots(shingles: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return the place of each shingle in the table of shared shingles: its last bits."""
    slots: npt.NDArray[np.int32] = shingles & np.int32((1 << SHARED_BITS) - 1)
    return slots


def _minhashes(sets: _Sets) -> npt.NDArray[np.uint32]:
    """Return a sketch of each set: PERMUTATIONS numbers, of which near sets have about their similarity in common."""
    offsets = np.concatenate(([0], sets.ends)).astype(np.uint64)
    sketches = np.empty((len(sets.texts), PERMUTATIONS), dtype=np.uint32)
    # The library returns lists of Python's numbers, ten times as large as the array, so only a part is made at a time.
    for start in range(0, len(sketches), SKETCHED_AT_ONCE):
        part = offsets[start : start + SKETCHED_AT_ONCE + 1]
        hashes = sets.shingles[part[0] : part[-1]].astype(np.uint64) * np.uint64(FACTOR)
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, part - part[0], PERMUTATIONS, SEED)
        flat = np.fromiter(chain.from_iterable(matrix.to_rows()), dtype=np.uint32)
        sketches[start : start + SKETCHED_AT_ONCE] = flat.reshape(-1, PERMUTATIONS)
    return sketches


def _band_hashes(sketches: npt.NDArray[np.uint32], band_count: int) -> Bands:
    bands = sketches.reshape(len(sketches), band_count, -1)
    hashes = np.zeros(bands.shape[:2], dtype=np.uint64)
    for row in range(bands.shape[2]):
        hashes = (hashes ^ bands[:, :, row]) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(32)
    return (hashes >> np.uint64(32)).astype(np.uint32)


def _similarities(sets: _Sets, left: Positions, right: Positions) -> npt.NDArray[np.float64]:
    """Return the Jaccard similarity of each row of `left` with the same row of `right`."""
    members = []
    for rows in (left, right):
        pair = np.repeat(np.arange(len(rows), dtype=np.uint64), sets.counts[rows])
        members.append((pair << np.uint64(32)) | sets.members(rows).astype(np.uint64))
    # A shingle that both sets of a pair have occurs twice here.
    ordered = np.sort(np.concatenate(members))
    common = np.bincount(
        (ordered[1:][ordered[1:] == ordered[:-1]] >> np.uint64(32)).astype(np.int64), minlength=len(left)
    )
    similarities: npt.NDArray[np.float64] = common / (sets.counts[left] + sets.counts[right] - common)
    return similarities


def _places(hashes: Bands, positions: Positions) -> tuple[Positions, Positions]:
    """Return the positions of the texts sorted by bucket, and a place for each.

    Two places are at most `NEIGHBOURS` apart only if they are in the same bucket.
    """
    # Hash and position are sorted as one number, which is several times faster than sorting positions by hashes.
    both = np.sort((hashes.astype(np.uint64) << np.uint64(32)) | positions.astype(np.uint64))
    hashes = both >> np.uint64(32)
    bucket = np.cumsum(np.diff(hashes, prepend=hashes[:1]) != 0)
    return (both & np.uint64(0xFFFFFFFF)).astype(np.int64), np.arange(len(both)) + NEIGHBOURS * bucket


def _neighbours(first: Positions | Bands, second: Positions | Bands) -> npt.NDArray[np.bool_]:
    """Return for each pair of places whether they are in the same bucket and near enough to be compared."""
    return np.maximum(first, second) - np.minimum(first, second) <= NEIGHBOURS


def _candidates(positions: Positions, places: Positions) -> Iterator[tuple[Positions, Positions]]:
    """Yield pairs of positions in the same bucket: each text with the next one, then with the one after, and so on."""
    together = np.arange(len(places))
    for distance in range(1, NEIGHBOURS + 1):
        # A text that is too far from the text after next is also too far from all later ones.
        together = together[: np.searchsorted(together, len(places) - distance)]
        together = together[_neighbours(places[together + distance], places[together])]
        if not len(together):
            return
        for start in range(0, len(together), PAIRS):
            chunk = together[start : start + PAIRS]
            yield positions[chunk], positions[chunk + distance]


def _roots(leaders: Positions, positions: Positions) -> Positions:
    """Return the leader of the leader, and so on to the end, of each position."""
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
        # If one leader should follow several others, it follows the earliest. The others are joined in the next round.
        np.minimum.at(leaders, np.maximum(first, second), np.minimum(first, second))


def _jaccard(first: set[int], second: array[int]) -> float:
    common = len(first.intersection(second))
    return common / (len(first) + len(second) - common)
