"""A store of any size as its Parquet files, as `generate`, `push` and `sync` would have written it; made by columns.

Every set has a prompt, two answers with usage, one judgement and a record with one response. Texts are stretches of a
long random text of short words: they compress as text does.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

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
        prompts, sets, records = (_ids(kind, numbers) for kind in ("prompt", "set", "record"))
        first, second = (_ids(kind, numbers) for kind in ("first", "second"))
        swapped = rng.random(count) < 0.5
        texts = [self._texts(rng, count, ANSWER_BYTES) for _ in range(2)]
        rated = rng.integers(1, 6, (count, 2)).astype(float)
        tokens = [[len(text) // 4 for text in each] for each in texts]
        candidate_sets = pa.Table.from_arrays(
            [
                pa.array(sets),
                _struct(
                    CandidateSet,
                    "prompt",
                    count,
                    id=prompts,
                    messages=self._prompts(rng, numbers),
                    source=["acme/prompts@" + "0" * 40] * count,
                    language=["en"] * count,
                ),
                _list(
                    CandidateSet,
                    "candidates",
                    count,
                    2,
                    id=_mixed(first, second),
                    text=_mixed(*texts),
                    generator=["cool", "warm"] * count,
                    model=["acme/small-8b", "acme/other-7b"] * count,
                    finish_reason=["stop"] * 2 * count,
                    input_tokens=[40] * 2 * count,
                    output_tokens=_mixed(*tokens),
                    rating=rated.ravel(),
                    rationale=["It answers what was asked and is mostly right."] * 2 * count,
                ),
                _list(CandidateSet, "failures", count, 0),
                pa.array(["0123456789abcdef"] * count),
                _list(
                    CandidateSet,
                    "judgements",
                    count,
                    1,
                    judge=["judge"] * count,
                    aspect=["overall-rating"] * count,
                    order=[[0, 1]] * count,
                    scale=[5] * count,
                    ratings=list(rated),
                    rationales=[["It answers what was asked and is mostly right."] * 2] * count,
                ),
                _list(
                    CandidateSet,
                    "usage",
                    count,
                    3,
                    request=[f"{name}{name[::-1]}" for name in _mixed(first, second, sets)],
                    stage=["generate", "generate", "judge"] * count,
                    generator=["cool", "warm", "judge"] * count,
                    input_tokens=[40, 40, 400] * count,
                    output_tokens=_mixed(*tokens, [60] * count),
                    cost=[0.00001, 0.00002, 0.0001] * count,
                    wasted=[False] * 3 * count,
                ),
            ],
            schema=arrow_schema(CandidateSet),
        )
        shown = [[b, a] if swap else [a, b] for a, b, swap in zip(first, second, swapped, strict=True)]
        chosen = rng.choice(len(PREFERENCES), count, p=SHARES)
        by = rng.integers(0, len(REVIEWERS), count)
        return {
            CANDIDATE_SETS: candidate_sets,
            RECORDS: _table(
                ReviewRecord,
                count,
                id=records,
                task=["pairwise"] * count,
                prompt_id=prompts,
                set_id=sets,
                candidates=shown,
            ),
            RESPONSES: _table(
                ResponseVersion,
                count,
                record_id=records,
                reviewer=[REVIEWERS[number] for number in by],
                status=["submitted"] * count,
                values=[PREFERENCES[number] for number in chosen],
                dataset_id=["d"] * count,
                server_record_id=records,
                server_user_id=[REVIEWERS[number] for number in by],
                inserted_at=[GIVEN_AT] * count,
                updated_at=[GIVEN_AT] * count,
                synced_at=[GIVEN_AT] * count,
            ),
        }

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
