"""Tells whether a prompt is taken from a benchmark: both have a run of words in common.

GPT-3's training data was checked in this way (Brown et al. 2020, appendix C): by 13-grams without case and punctuation,
leaving out n-grams that many benchmark items share.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.dataset_rows import open_dataset
from curation.errors import DataError, MissingError
from curation.files import SUFFIXES
from curation.hub import DEFAULT_ENDPOINT
from curation.quality.ngrams import Counts, Hashes, hashed_ngrams
from curation.quality.options import NGRAM
from curation.quality.presets import Benchmark, preset
from curation.quality.words import words

MIN_WORDS = 4
"""Texts with fewer words ("yes", "What is it?") are not looked for: they do not belong to a benchmark."""
COMMON_ROWS = 10
COMMON_SHARE = 0.01
"""An n-gram that more rows of a benchmark share than both of these allow is boilerplate, and is not looked for."""
BATCH = 5_000
FILLER = "\x1f"
"""Fills up the words of a text that is shorter than an n-gram. `words` never returns it."""

_DATASET = re.compile(
    r"(?P<dataset>[\w.-]+/[\w.-]+?)(?::(?P<config>[\w.-]+))?(?::(?P<split>[\w.-]+))?(?:@(?P<revision>\S+))?"
)


@dataclass(frozen=True, slots=True)
class Benchmarks:
    """The n-grams of benchmarks, as sorted 64-bit hashes.

    `hashes` is an array of uint64. `owners` is an array of uint16 of the same length with the number of the benchmark
    that each n-gram is from. This takes 10 bytes for each n-gram.
    """

    names: tuple[str, ...]
    ngram: int
    hashes: Hashes
    owners: npt.NDArray[np.uint16]

    @classmethod
    def load(
        cls,
        sources: Sequence[str],
        *,
        ngram: int = NGRAM,
        endpoint: str = DEFAULT_ENDPOINT,
        token: str | None = None,
    ) -> Benchmarks:
        """Read benchmarks: .txt and what `curation lint` reads: files, folders of them, or datasets of the Hub.

        A dataset is "owner/name[:config[:split]][@revision]"; without a config or split all of them are read. Every
        column of text counts, also within lists and objects, so that questions, choices and answers all do; in a .txt
        file every line. Raises MissingError if there is no such file or dataset, DataError if it cannot be read or has
        no text, and what `curation.hub.hub_errors` raises. A preset ("preset:chat") stands for several datasets,
        of which only the column of prompts counts.
        """
        benchmarks = [benchmark for source in sources for benchmark in preset(source) or (Benchmark(source, None),)]
        of_each = [_hashes(benchmark, ngram=ngram, endpoint=endpoint, token=token) for benchmark in benchmarks]
        owners = np.repeat(np.arange(len(of_each), dtype=np.uint16), [len(hashes) for hashes in of_each])
        hashes = np.concatenate([*of_each, np.empty(0, np.uint64)])
        order = np.argsort(hashes, kind="stable")
        names = tuple(benchmark.source for benchmark in benchmarks)
        return cls(names=names, ngram=ngram, hashes=hashes[order], owners=owners[order])

    def overlap(self, text: str) -> str | None:
        """Return the first benchmark that shares `ngram` words in a row with a text, None if there is none.

        A text with fewer words must be equal to a text of the benchmark.
        """
        text_hashes = _text_hashes([text], self.ngram)[0]
        if not len(text_hashes) or not len(self.hashes):
            return None
        places = np.minimum(np.searchsorted(self.hashes, text_hashes), len(self.hashes) - 1)
        owners = self.owners[places[self.hashes[places] == text_hashes]]
        return self.names[int(owners.min())] if len(owners) else None


def _hashes(benchmark: Benchmark, *, ngram: int, endpoint: str, token: str | None) -> Hashes:
    """Return the distinct hashes of the n-grams of one benchmark, without those that many of its rows share."""
    rows = (_texts(_compared_part(row, benchmark)) for row in _rows(benchmark.source, endpoint=endpoint, token=token))
    parts, count = [], 0
    while batch := list(islice(rows, BATCH)):
        parts.append(_row_hashes(batch, ngram))
        count += len(batch)
    hashes, in_rows = np.unique(np.concatenate([*parts, np.empty(0, np.uint64)]), return_counts=True)
    if not len(hashes):
        raise DataError(f"The benchmark {benchmark.source} has no text of {MIN_WORDS} words or more.")
    return hashes[in_rows <= max(COMMON_ROWS, COMMON_SHARE * count)]


def _compared_part(row: Any, benchmark: Benchmark) -> Any:
    """Return the part of a row that is compared: its column of prompts, or all of it if no column is named."""
    if benchmark.column is None:
        return row
    if not isinstance(row, Mapping) or benchmark.column not in row:
        raise DataError(
            f"The benchmark {benchmark.source} has no column {benchmark.column!r} any more.",
            remedy="Name the benchmarks that you need under quality.benchmarks, in place of the preset.",
        )
    return row[benchmark.column]


def _row_hashes(rows: Sequence[Sequence[str]], ngram: int) -> Hashes:
    """Return the hashes of each row's texts, each once a row."""
    texts = [text for row in rows for text in row]
    row_of_text = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    hashes, counts = _text_hashes(texts, ngram)
    row_of_hash = np.repeat(row_of_text, counts)
    order = np.lexsort((hashes, row_of_hash))
    hashes, row_of_hash = hashes[order], row_of_hash[order]
    again = (hashes[1:] == hashes[:-1]) & (row_of_hash[1:] == row_of_hash[:-1])
    first: Hashes = hashes[np.concatenate((np.ones(min(1, len(hashes)), bool), ~again))]
    return first


def _text_hashes(texts: Sequence[str], ngram: int) -> tuple[Hashes, Counts]:
    """Return the hashes of all n-grams of the texts, and how many each has; a short text has one, of all its words."""
    documents = [words(text) for text in texts]
    padded = [_padded(document, ngram) for document in documents]
    hashes, counts = hashed_ngrams(padded, ngram)
    return hashes, counts


def _padded(document: list[str], ngram: int) -> list[str]:
    """Return a document with at least one n-gram. A short one is filled up, so that it only matches an equal text."""
    if len(document) >= ngram:
        return document
    return [*document, *[FILLER] * (ngram - len(document))] if len(document) >= MIN_WORDS else []


def _rows(source: str, *, endpoint: str, token: str | None) -> Iterator[Any]:
    """Yield the rows of a benchmark, whatever they hold."""
    path = Path(source)
    if source and path.exists():
        return _dataset_rows(source, {"dataset": source}, endpoint=endpoint, token=token)
    named = _DATASET.fullmatch(source)
    if named is None or path.suffix in SUFFIXES:
        raise MissingError(
            f"There is no benchmark {source}.",
            remedy=f"quality.benchmarks takes {', '.join(SUFFIXES)} and owner/name[:config[:split]][@revision].",
        )
    return _dataset_rows(source, named.groupdict(), endpoint=endpoint, token=token)


def _dataset_rows(source: str, named: Mapping[str, Any], *, endpoint: str, token: str | None) -> Iterator[Any]:
    try:
        for split in open_dataset(**named, endpoint=endpoint, token=token):
            for row in split.rows():
                if row.values is None:
                    raise DataError(f"{row.where} is {row.reason}.")
                yield row.values
    except DataError as error:
        raise DataError(
            f"The benchmark {source} cannot be read: {error.message}", remedy="Correct it under quality.benchmarks."
        ) from error


def _texts(value: Any) -> list[str]:
    """Return every text in a row, however deep."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    return [text for item in value for text in _texts(item)] if isinstance(value, list | tuple) else []
