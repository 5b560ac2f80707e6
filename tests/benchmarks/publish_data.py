"""A store of any size as its Parquet files, as `generate`, `push` and `sync` would have written it; made by columns.

Every set has a prompt, two answers with usage, one judgement and a record with one response. Texts are stretches of a
long random text of short words: they compress as text does.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.schema import arrow_schema
from curation.store import CANDIDATE_SETS, RECORDS, RESPONSES
from curation.store.parquet import content_name, table_bytes
from curation.types import CandidateSet, ResponseVersion, ReviewRecord, Row

SETS_PER_FILE = 10_000
"""About 4 MB, to which the store joins what `generate` commits, some hundred sets at a time."""
POOL_BYTES = 1 << 25
PROMPT_WORDS, ANSWER_BYTES = (8, 45), (150, 650)
PREFERENCES = (
    '{"preference": "a"}',
    '{"preference": "b"}',
    '{"preference": "both_good"}',
    '{"preference": "both_bad"}',
)
SHARES = (0.42, 0.42, 0.1, 0.06)
RATIONALE = "It answers what was asked and is mostly right."
GIVEN_AT = datetime(2026, 1, 31, tzinfo=UTC)
REVIEWERS = tuple(f"reviewer{number}" for number in range(20))


class StoreData:
    """Makes the files of a store; the sets from `start` on are the same in every call."""

    def __init__(self, seed: int = 7, *, pool_bytes: int = POOL_BYTES) -> None:
        self.words = [
            "".join(random.Random(number).choices("etaoinshrdlucmfwyp", k=2 + number % 8)) for number in range(4000)
        ]
        chosen = np.random.default_rng(seed).zipf(1.3, pool_bytes // 5) % len(self.words)
        self.pool = " ".join(self.words[number] for number in chosen)[:pool_bytes]
        self.seed = seed

    def write(self, folder: Path, sets: int, *, start: int = 0) -> dict[str, tuple[str, ...]]:
        """Write the files of sets start to start + sets into `folder`; return their paths by table."""
        files: dict[str, list[str]] = {CANDIDATE_SETS: [], RECORDS: [], RESPONSES: []}
        responses = []
        for first in range(start, start + sets, SETS_PER_FILE):
            numbers = range(first, min(first + SETS_PER_FILE, start + sets))
            tables = self._tables(numbers)
            responses.append(tables.pop(RESPONSES))
            for name, table in tables.items():
                files[name].append(_kept(folder, name, table))
        files[RESPONSES].append(_kept(folder, RESPONSES, pa.concat_tables(responses)))
        return {name: tuple(paths) for name, paths in files.items()}

    def _tables(self, numbers: range) -> dict[str, Any]:
        count, rng = len(numbers), np.random.default_rng([self.seed, numbers.start])
        ids = {kind: _ids(kind, numbers) for kind in ("prompt", "set", "record", "first", "second")}
        swapped = rng.random(count) < 0.5
        return {
            CANDIDATE_SETS: self._candidate_sets(rng, numbers, ids),
            RECORDS: _records(ids, swapped.tolist()),
            RESPONSES: _responses(rng, ids["record"]),
        }

    def _candidate_sets(self, rng: np.random.Generator, numbers: range, ids: Mapping[str, list[str]]) -> pa.Table:
        count = len(numbers)
        texts = [self._texts(rng, count, ANSWER_BYTES) for _ in range(2)]
        ratings = rng.integers(1, 6, (count, 2)).astype(float)
        tokens = [[len(text) // 4 for text in each] for each in texts]
        columns = {
            "id": pa.array(ids["set"]),
            "prompt": self._prompt_column(rng, numbers, ids["prompt"]),
            "candidates": _candidates(ids, texts, tokens, ratings),
            "failures": _list(CandidateSet, "failures", count, 0),
            "settings": pa.array(["0123456789abcdef"] * count),
            "judgements": _judgements(ratings),
            "usage": _usage(ids, tokens),
        }
        schema = arrow_schema(CandidateSet)
        return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)

    def _prompt_column(self, rng: np.random.Generator, numbers: range, prompt_ids: list[str]) -> pa.StructArray:
        count = len(numbers)
        return _struct(
            CandidateSet,
            "prompt",
            count,
            id=prompt_ids,
            messages=self._prompts(rng, numbers),
            source=["acme/prompts@" + "0" * 40] * count,
            language=["en"] * count,
        )

    def _prompts(self, rng: np.random.Generator, numbers: range) -> list[list[dict[str, str]]]:
        texts = [" ".join(self.words[word] for word in each) for each in self._picked(rng, len(numbers))]
        return [
            [{"role": "user", "content": f"{number}: {text}?"}] for number, text in zip(numbers, texts, strict=True)
        ]

    def _picked(self, rng: np.random.Generator, count: int) -> Iterator[list[int]]:
        """Yield the words of each prompt: chosen one by one, because stretches of one text would be near-duplicates."""
        sizes = rng.integers(*PROMPT_WORDS, count)
        chosen = (rng.zipf(1.3, int(sizes.sum())) % len(self.words)).tolist()
        for size, stop in zip(sizes.tolist(), np.cumsum(sizes).tolist(), strict=True):
            yield chosen[stop - size : stop]

    def _texts(self, rng: np.random.Generator, count: int, lengths: tuple[int, int]) -> list[str]:
        starts = rng.integers(0, len(self.pool) - lengths[1], count)
        sizes = rng.integers(*lengths, count)
        return [self.pool[start : start + size] for start, size in zip(starts.tolist(), sizes.tolist(), strict=True)]


def _candidates(
    ids: Mapping[str, list[str]], texts: list[list[str]], tokens: list[list[int]], ratings: NDArray[np.float64]
) -> pa.ListArray:
    """Two answers of each set, and what the judge says of them."""
    count = len(ratings)
    return _list(
        CandidateSet,
        "candidates",
        count,
        2,
        id=_mixed(ids["first"], ids["second"]),
        text=_mixed(*texts),
        generator=["cool", "warm"] * count,
        model=["acme/small-8b", "acme/other-7b"] * count,
        finish_reason=["stop"] * 2 * count,
        input_tokens=[40] * 2 * count,
        output_tokens=_mixed(*tokens),
        rating=ratings.ravel(),
        rationale=[RATIONALE] * 2 * count,
    )


def _judgements(ratings: NDArray[np.float64]) -> pa.ListArray:
    """One judgement of each set."""
    count = len(ratings)
    return _list(
        CandidateSet,
        "judgements",
        count,
        1,
        judge=["judge"] * count,
        aspect=["overall-rating"] * count,
        order=[[0, 1]] * count,
        scale=[5] * count,
        ratings=list(ratings),
        rationales=[[RATIONALE] * 2] * count,
    )


def _usage(ids: Mapping[str, list[str]], tokens: list[list[int]]) -> pa.ListArray:
    """The usage of three requests of each set: two answers and a judgement."""
    count = len(ids["set"])
    return _list(
        CandidateSet,
        "usage",
        count,
        3,
        request=[f"{name}{name[::-1]}" for name in _mixed(ids["first"], ids["second"], ids["set"])],
        stage=["generate", "generate", "judge"] * count,
        generator=["cool", "warm", "judge"] * count,
        input_tokens=[40, 40, 400] * count,
        output_tokens=_mixed(*tokens, [60] * count),
        cost=[0.00001, 0.00002, 0.0001] * count,
        wasted=[False] * 3 * count,
    )


def _records(ids: Mapping[str, list[str]], swapped: list[bool]) -> pa.Table:
    """A record of each set, which shows its two answers in either order."""
    answers = zip(ids["first"], ids["second"], swapped, strict=True)
    return _table(
        ReviewRecord,
        len(swapped),
        id=ids["record"],
        task=["pairwise"] * len(swapped),
        prompt_id=ids["prompt"],
        set_id=ids["set"],
        candidates=[[second, first] if swap else [first, second] for first, second, swap in answers],
    )


def _responses(rng: np.random.Generator, record_ids: list[str]) -> pa.Table:
    """A response of one of the reviewers to each record."""
    count = len(record_ids)
    chosen = rng.choice(len(PREFERENCES), count, p=SHARES)
    reviewers = [REVIEWERS[number] for number in rng.integers(0, len(REVIEWERS), count)]
    return _table(
        ResponseVersion,
        count,
        record_id=record_ids,
        reviewer=reviewers,
        status=["submitted"] * count,
        values=[PREFERENCES[number] for number in chosen],
        dataset_id=["d"] * count,
        server_record_id=record_ids,
        server_user_id=reviewers,
        inserted_at=[GIVEN_AT] * count,
        updated_at=[GIVEN_AT] * count,
        synced_at=[GIVEN_AT] * count,
    )


def _ids(kind: str, numbers: range) -> list[str]:
    values = np.random.default_rng([sum(kind.encode()), numbers.start]).integers(0, 1 << 63, len(numbers))
    return [f"{value:016x}" for value in values.tolist()]


def _mixed(*columns: Any) -> list[Any]:
    """One value of each column in turn."""
    return [value for values in zip(*columns, strict=True) for value in values]


def _table(row_type: type[Row], count: int, **values: Any) -> pa.Table:
    """Rows of a type with these columns, and with the default value in the others."""
    defaults = {name: [field.default] * count for name, field in row_type.model_fields.items()}
    return pa.table({**defaults, **values}, schema=arrow_schema(row_type))


def _struct(row_type: Any, column: str, count: int, **values: Any) -> Any:
    return _filled(arrow_schema(row_type).field(column).type, count, values)


def _list(row_type: Any, column: str, count: int, size: int, **values: Any) -> Any:
    kind = arrow_schema(row_type).field(column).type
    items = _filled(kind.value_type, count * size, values)
    return pa.ListArray.from_arrays(
        pa.array(range(0, count * size + 1, size) if size else [0] * (count + 1), pa.int32()), items, type=kind
    )


def _filled(kind: Any, count: int, values: Any) -> Any:
    columns = [
        pa.array(values.get(field.name, [None] * count if field.nullable else [""] * count), field.type)
        if count
        else pa.array([], field.type)
        for field in kind
    ]
    return pa.StructArray.from_arrays(columns, fields=list(kind))


def _kept(folder: Path, table: str, rows: Any) -> str:
    content = table_bytes(rows)
    path = content_name(table, content)
    (folder / table).mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(content)
    return path
