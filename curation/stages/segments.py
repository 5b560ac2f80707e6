"""The store cut into segments: stretches of candidate sets with the records that show them and what was said of those.

Segments follow the order in which candidate sets were made, and each gives shards of its own: what is published stays
where it is while data grows, only so much is in memory at a time, and several can be read side by side.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from curation.errors import DataError
from curation.stages.heirs import Decision, RatedSet, decisions, heirs_of
from curation.store import CANDIDATE_SETS, RECORDS, RESPONSES, Snapshot
from curation.store.parquet import read_table
from curation.types import DroppedPrompt

LARGEST_SEGMENT, SMALLEST_SEGMENT = 1 << 14, 1 << 10
RESPONSE_COLUMNS = ("record", "reviewer", "status", "values")


class Stretch(NamedTuple):
    """Rows of a file, from `start` to before `stop`."""

    path: Path
    start: int
    stop: int

    def read(self, columns: Sequence[str]) -> Any:
        """Return the named columns of these rows as a pyarrow.Table; see `read_table`."""
        return read_table(self.path, columns).slice(self.start, self.stop - self.start)


@dataclass(frozen=True, slots=True)
class Segment:
    """Some candidate sets in the order of the store, the records that show them and the responses to those.

    `records` has the columns id, row (of its set in the segment), candidates; `responses` has record (row in
    `records`, ascending), reviewer, status, values. Both are pyarrow.Tables. `current` tells the sets that no later
    one replaced. `answered_again` are the shown answers, as (record, candidate), that a later record shows too.
    """

    stretches: tuple[Stretch, ...]
    current: Any
    records: Any
    responses: Any
    answered_again: frozenset[tuple[str, str]] = frozenset()


def segment_bounds(sets: int) -> list[tuple[int, int]]:
    """Return where the segments of so many candidate sets begin and end.

    All but the last are of 16,384 sets, then halves of that down to 1,024, then the rest: what is appended changes
    the rest, and now and then joins some of the small ones.
    """
    bounds, start, size = [], 0, LARGEST_SEGMENT
    while start < sets:
        while size > SMALLEST_SEGMENT and sets - start < size:
            size //= 2
        stop = min(start + size, sets)
        bounds.append((start, stop))
        start = stop
    return bounds


class SetFiles:
    """The files of candidate sets, in the order of the store, on this machine; `sets` are in all of them together."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._files = [(path, table.num_rows) for path, table in snapshot.tables(CANDIDATE_SETS, ())]
        self.sets = sum(rows for _, rows in self._files)

    def stretches(self, start: int, stop: int) -> Iterator[Stretch]:
        """Yield where the sets from `start` to before `stop` are."""
        begin = 0
        for path, rows in self._files:
            first, last = max(start - begin, 0), min(stop - begin, rows)
            if first < last:
                yield Stretch(path, first, last)
            begin += rows


class StoreTables:
    """The store's tables as columns: candidate sets by position, records by their set, responses by their record.

    `reviewers` counts the submitted responses of everybody who answered, `extras` has what prompts bring along:
    distinct values by name, null among them if any prompt lacks it. `prompts` has the prompt of each set. `asked`
    prompts have a set, `answered` of them one with two answers; `failures` counts the others by the stage and reason
    of what first went wrong. `settings` is the hash of the present ones; `decisions` counts the prompts that several
    judges were asked about, by whose ratings count. Raises DataError if a record shows a set that is not there.
    """

    def __init__(self, snapshot: Snapshot, extras: Sequence[str], *, settings: str = "") -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        self._files = SetFiles(snapshot)
        self.sets = self._files.sets
        self.extras: dict[str, set[str | None]] = {name: set() for name in extras}
        ids = self._read_sets(snapshot)
        self.bounds = segment_bounds(self.sets)
        self.decisions: Counter[Decision] = Counter()
        self._rated: set[int] = set()
        heirs = self._heirs(snapshot, settings)
        self._current = heirs == np.arange(len(ids))
        records = snapshot.whole(RECORDS, ("id", "set_id", "candidates"))
        if snapshot.retired:
            # What nobody was to answer gives nothing, and is no record without a verdict.
            retired = pa.array(sorted(snapshot.retired), pa.string())
            kept = pc.invert(pc.is_in(records["id"], retired))
            # Their sets gave way to others of their prompts, which are shown in their place.
            gone = _last(records.filter(pc.invert(kept))["set_id"], ids).drop_null().to_numpy()
            self._current[np.setdiff1d(gone, _last(records.filter(kept)["set_id"], ids).drop_null().to_numpy())] = False
            records = records.filter(kept)
        rows = _last(records["set_id"], ids)
        if rows.null_count:
            raise DataError(f"{snapshot.repo.repo_id} shows {rows.null_count:,} candidate sets that it does not hold.")
        rows = pa.array(heirs[rows.to_numpy()])
        self.records = records.drop(["set_id"]).append_column("row", rows).sort_by("row")
        responses = snapshot.whole(RESPONSES, ("record_id", *RESPONSE_COLUMNS[1:]))
        at = pc.index_in(responses["record_id"], self.records["id"].combine_chunks())
        responses = responses.drop(["record_id"]).append_column("record", at)
        self._responses = responses.filter(pc.is_valid(at)).sort_by("record")
        self.reviewers = _submitted(self._responses)
        self._again = [] if self.asked == self.sets else answered_again(self.records, self._responses, self._rated)
        del records, responses
        pa.default_memory_pool().release_unused()

    def not_asked(self, dropped: Mapping[str, DroppedPrompt]) -> list[DroppedPrompt]:
        """Return those of the dropped prompts that have no candidate set: one may have been asked about later."""
        asked = set(self.prompts.to_pylist()) if dropped else set()
        return [one for prompt, one in dropped.items() if prompt not in asked]

    def segments(self) -> Iterator[Segment]:
        """Yield the segments in the order of the store."""
        for start, stop in self.bounds:
            records, first = _between(self.records, "row", start, stop)
            responses, _ = _between(self._responses, "record", first, first + records.num_rows)
            again = range(*(bisect_left(self._again, (place,)) for place in (first, first + records.num_rows)))
            yield Segment(
                stretches=tuple(self._files.stretches(start, stop)),
                current=self._current[start:stop],
                records=_counted_from(records, "row", start).select(["id", "row", "candidates"]),
                responses=_counted_from(responses, "record", first).select(list(RESPONSE_COLUMNS)),
                answered_again=frozenset((self._again[at][1], self._again[at][2]) for at in again),
            )

    def _read_sets(self, snapshot: Snapshot) -> Any:
        """Return the ids of all candidate sets, and count what their prompts came to and bring along."""
        import pyarrow as pa
        import pyarrow.compute as pc

        fields = ("id", *(f"prompt.{name}" for name in ("id", *self.extras)), "candidates.list.element.id")
        failures = ("failures.list.element.stage", "failures.list.element.reason")
        ids, prompts, answered, failed = [], [], [], []
        for _, table in snapshot.tables(CANDIDATE_SETS, (*fields, *failures)):
            prompt = table["prompt"].combine_chunks()
            for name, values in self.extras.items():
                known = any(field.name == name for field in prompt.type)
                values.update(pc.unique(prompt.field(name)).to_pylist() if known else [None])
            reviewable = pc.greater_equal(pc.list_value_length(table["candidates"]), 2).combine_chunks()
            ids += table["id"].chunks
            prompts.append(prompt.field("id"))
            answered.append(prompt.field("id").filter(reviewable))
            unanswered = pc.invert(reviewable)
            failed.append((prompt.field("id").filter(unanswered), table["failures"].filter(unanswered)))
        together = pc.unique(pa.chunked_array(answered, pa.string()))
        self.prompts = pa.concat_arrays(prompts) if prompts else pa.array([], pa.string())
        self.asked = len(pc.unique(self.prompts))
        self.answered = len(together)
        self.failures = _failures(failed, together)
        return pa.concat_arrays(ids) if ids else pa.array([], pa.string())

    def _heirs(self, snapshot: Snapshot, settings: str) -> Any:
        """The position of the set that each is replaced by (see `heirs_of`); most have no heir but themselves.

        So a set that a failed request left incomplete gives way to the one with the missing answer, and one that
        another judge has rated since to that.
        """
        import numpy as np

        heirs = np.arange(self.sets)
        if self.asked == self.sets:
            return heirs
        known = snapshot.manifest.settings
        for sets in _of_prompts(snapshot, self.prompts):
            heirs[[one.position for one in sets]] = heirs_of(sets, settings)
            self.decisions.update(decisions(sets, settings, known))
            self._rated.update(one.position for one in sets if one.rated)
        return heirs


def answered_again(records: Any, responses: Any, rated: Collection[int] = frozenset()) -> list[tuple[int, str, str]]:
    """Return the shown answers of which another record has the say: position and id of the record, id of the answer.

    Sets of one prompt share answers where only some models were asked again. Of the records that show the same answer
    the last that anybody answered has the say; if nobody did, the last of those whose set a judge `rated` (positions of
    sets), or the last of all. `records` are in the order of their sets and `responses` have the position of their
    record; both are pyarrow.Tables. The result is in the order of `records`.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    shown = records["candidates"].combine_chunks()
    answers = shown.flatten().dictionary_encode()
    codes = answers.indices.to_numpy()
    record = np.repeat(np.arange(len(shown)), shown.value_lengths().to_numpy())
    answered = np.zeros(len(shown), dtype=bool)
    answered[responses.filter(pc.equal(responses["status"], "submitted"))["record"].to_numpy()] = True
    judged = np.isin(records["row"].to_numpy(), [*rated])
    order = np.lexsort((record, judged[record], answered[record], codes))
    # All but the last of each answer.
    earlier = np.sort(order[:-1][codes[order[:-1]] == codes[order[1:]]])
    records_of = records["id"].take(pa.array(record[earlier])).to_pylist()
    texts = answers.dictionary.take(pa.array(codes[earlier])).to_pylist()
    return list(zip(record[earlier].tolist(), records_of, texts, strict=True))


def _of_prompts(snapshot: Snapshot, prompts: Any) -> Iterator[list[RatedSet]]:
    """Yield the sets of each prompt that has several, oldest first; `prompts` has the prompt of every set."""
    import numpy as np
    import pyarrow as pa

    columns = ("settings", "candidates.list.element.id", "candidates.list.element.rating")
    tables = [table for _, table in snapshot.tables(CANDIDATE_SETS, columns)]
    settings = [name for table in tables for name in table["settings"].to_pylist()]
    candidates = pa.concat_arrays([chunk for table in tables for chunk in table["candidates"].chunks])
    starts = np.concatenate(([0], np.cumsum(candidates.value_lengths().to_numpy())))
    flat = candidates.flatten()
    answers = flat.field("id").dictionary_encode().indices.to_numpy()
    is_rated = flat.field("rating").is_valid().to_numpy(zero_copy_only=False)
    for positions in _groups(prompts.dictionary_encode().indices.to_numpy()):
        yield [
            RatedSet(
                position,
                settings[position],
                frozenset(answers[start:stop].tolist()),
                frozenset(answers[start:stop][is_rated[start:stop]].tolist()),
            )
            for position, start, stop in ((at, starts[at], starts[at + 1]) for at in positions)
        ]


def _groups(codes: Any) -> Iterator[list[int]]:
    """The positions of each code that stands at several, ascending."""
    import numpy as np

    order = np.argsort(codes, kind="stable")
    ends = np.flatnonzero(np.diff(codes[order], append=-1)) + 1
    for start, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True):
        if end - start > 1:
            yield order[start:end].tolist()


def _failures(failed: Sequence[tuple[Any, Any]], answered: Any) -> Counter[str]:
    """Why prompts were never answered: what first went wrong in their last set; sets are (prompts, failures)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    prompts = pa.chunked_array([of_prompts for of_prompts, _ in failed], pa.string())
    # Looked up in one go: each time takes all prompts.
    answered_later = pc.is_in(prompts, answered).to_pylist()
    of_sets = (each for _, of_part in failed for each in of_part.to_pylist())
    last = dict(zip(prompts.to_pylist(), zip(answered_later, of_sets, strict=True), strict=True))
    return Counter(_failure(each) for later, each in last.values() if not later)


def _failure(failures: Sequence[Mapping[str, Any]] | None) -> str:
    return f"{failures[0]['stage']} {failures[0]['reason']}" if failures else "fewer_than_two_answers"


def _last(wanted: Any, ids: Any) -> Any:
    """The position of the last of `ids` that each wanted one is equal to, null without one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    backwards = ids.take(pa.array(range(len(ids) - 1, -1, -1), pa.int64()))
    if isinstance(wanted, pa.ChunkedArray):
        wanted = wanted.combine_chunks()
    return pc.subtract(len(ids) - 1, pc.index_in(wanted, backwards))


def _submitted(responses: Any) -> Mapping[str, int]:
    import pyarrow.compute as pc

    submitted = responses.filter(pc.equal(responses["status"], "submitted"))
    counts = {one["values"]: one["counts"] for one in pc.value_counts(submitted["reviewer"]).to_pylist()}
    return {name: counts.get(name, 0) for name in sorted(pc.unique(responses["reviewer"]).to_pylist())}


def _between(table: Any, column: str, start: int, stop: int) -> tuple[Any, int]:
    """The rows of a table sorted by `column` whose value is in [start, stop), and how many stand before them."""
    import numpy as np

    first, last = np.searchsorted(table[column].to_numpy(), [start, stop])
    # Not a slice: that would be sent to another process with the whole table behind it.
    return table.take(np.arange(first, last)), int(first)


def _counted_from(table: Any, column: str, start: int) -> Any:
    import pyarrow.compute as pc

    return table.set_column(table.column_names.index(column), column, pc.subtract(table[column], start))
