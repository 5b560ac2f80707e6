"""The store as data frames: the one place in which a derivation opens the files of the store.

A store of two prompts, the second of which was asked again with other settings:

    prompts  prompt_no prompt_id    sets  set_no set_id prompt_no settings heir_no    records  record_id set_no shown
             0         "p0"               0      "s0"   0         "old"    0                   "r0"      0      [a, b]
             1         "p1"               1      "s1"   1         "old"    2                   "r1"      2      [d, c]
                                          2      "s2"   1         "new"    2

Prompts are numbered in the order in which they first came into the store, sets in the order of the store. The heir of a
set is the set that stands in its place (see `heirs`), mostly itself; a record belongs to the heir of the set it shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from curation.derive.heirs import Decision, RatedSet, decisions, heirs_of
from curation.derive.parallel import Run
from curation.derive.spending import USAGE_COLUMNS, Spending, spending, usage_frame
from curation.errors import DataError
from curation.frames import pl
from curation.quality.duplicates import Sketches, sketched
from curation.schema import arrow_schema
from curation.store import CANDIDATE_SETS, LEFT_TO_JUDGE, QUESTION_SETS, RECORDS, Snapshot
from curation.store.parquet import ReadRowGroup, read_slice, read_table
from curation.types import CandidateSet, DroppedPrompt

NEAR_DUPLICATE = 0.8
"""The Jaccard similarity of two prompts from which on they fall in the same split."""

LIGHT_COLUMNS = (
    "id",
    "settings",
    "prompt.id",
    "prompt.source",
    "candidates.list.element.id",
    "candidates.list.element.rating",
    "failures.list.element.stage",
    "failures.list.element.reason",
    *USAGE_COLUMNS,
)
"""What is read of all candidate sets before any of them is derived: no text of an answer."""

TEXT_COLUMNS = (
    "id",
    "settings",
    "prompt",
    "candidates.list.element.id",
    "candidates.list.element.text",
    "candidates.list.element.generator",
    "candidates.list.element.model",
    "candidates.list.element.finish_reason",
    "candidates.list.element.rating",
    "candidates.list.element.thinking",
    "candidates.list.element.imported",
    *(f"judgements.list.element.{name}" for name in ("judge", "aspect", "scale", "order", "ratings")),
)
"""What is read of the candidate sets of a segment when that is derived."""

RATIONALES = ("judgements.list.element.rationales",)
"""What is read besides for `raw`: as much text as all answers."""

SPOKEN = (
    pl.col("prompt.messages")
    .list.eval(pl.element().struct.field("content").filter(pl.element().struct.field("role") != "system"))
    .list.join("\n")
)
"""What conversations are compared by, as `quality.spoken` gives it."""


@dataclass(frozen=True, slots=True)
class SetFile:
    """What one file of candidate sets holds besides texts.

    `sets` has the columns row, set_id, prompt_id, source, settings, answers and rated (hashes of the ids of all
    candidates, and of those with a rating) and failure (what first went wrong, null if nothing did). `extras` has the
    distinct values of what prompts bring along, null among them if a prompt lacks it. `sketches` are null unless they
    are asked for.
    """

    path: Path
    sets: pl.DataFrame
    usage: pl.DataFrame
    extras: Mapping[str, frozenset[str | None]]
    sketches: Sketches | None


def read_set_file(path: Path, *, extras: Sequence[str], sketch: bool) -> SetFile:
    """Return what a file of candidate sets holds besides texts; with `sketch` also what near-duplicates are found by.

    Raises DataError if it is no Parquet file.
    """
    named = (f"prompt.{name}.document_id" if name == "passage" else f"prompt.{name}" for name in extras)
    columns = (*LIGHT_COLUMNS, *named, *(["prompt.messages"] if sketch else []))
    return _set_file(path, read_table(path, columns), extras=extras, sketch=sketch)


def _set_file(path: Path, table: pa.Table, *, extras: Sequence[str], sketch: bool) -> SetFile:
    columns = frame(table.flatten()).with_row_index("row")
    candidate, failure = pl.element().struct, pl.col("failures").list.first().struct
    sets = columns.select(
        "row",
        pl.col("prompt.source", "settings").cast(pl.Categorical).name.replace("prompt.", ""),
        set_id="id",
        prompt_id="prompt.id",
        answers=pl.col("candidates").list.eval(candidate.field("id").hash()),
        rated=pl.col("candidates").list.eval(
            candidate.field("id").filter(candidate.field("rating").is_not_null()).hash()
        ),
        failure=(failure.field("stage") + " " + failure.field("reason")).cast(pl.Categorical),
    )
    return SetFile(
        path=path,
        sets=sets,
        usage=usage_frame(table["usage"]),
        extras={name: frozenset(_extra(columns, name).unique().to_list()) for name in extras},
        sketches=sketched(columns.select(SPOKEN).to_series()) if sketch else None,
    )


def _extra(columns: pl.DataFrame, name: str) -> pl.Series:
    """Return what prompts bring along by this name; of passages the documents that they are from."""
    values = columns[f"prompt.{name}"]
    return values.struct.field("document_id") if name == "passage" else values


def frame(table: pa.Table) -> pl.DataFrame:
    """Return an Arrow table as a data frame whose columns are freed one by one.

    Of a table that it takes over whole Polars keeps all columns in memory as long as one of them is in use.
    """
    return pl.DataFrame([pl.Series(name, table[name]) for name in table.column_names])


@dataclass(frozen=True, slots=True)
class FileSlice:
    """The rows of a file of candidate sets from `start` to before `stop`; `read_group` reads the row groups."""

    path: Path
    file_no: int
    start: int
    stop: int
    read_group: ReadRowGroup

    def read(self, columns: tuple[str, ...]) -> pl.DataFrame:
        """Return the named columns of these rows, with the columns file_no and row."""
        table = pl.DataFrame(read_slice(self.path, columns, self.start, self.stop, read_group=self.read_group))
        return table.with_row_index("row", self.start).with_columns(file_no=pl.lit(self.file_no, pl.UInt32))


@dataclass(frozen=True, slots=True)
class SetTables:
    """All candidate sets without their texts; see the top of this file for `prompts` and `sets`.

    `sets` also has file_no and row (where the set stands). `sketches` follow the order of `sets`.
    `decisions` counts the prompts that several judges were asked about, by whose ratings count. `failures` counts the
    prompts without enough answers by the stage and reason of what first went wrong in their last set.
    """

    paths: tuple[Path, ...]
    prompts: pl.DataFrame
    sets: pl.DataFrame
    answered: int
    failures: Mapping[str, int]
    sources: Mapping[str, int]
    spending: Spending
    extras: Mapping[str, set[str | None]]
    sketches: tuple[Sketches, ...]
    decisions: Mapping[Decision, int]

    def slices(self, sets: pl.DataFrame, read_group: ReadRowGroup) -> tuple[FileSlice, ...]:
        """Return the stretches of files in which these rows of `sets` stand."""
        stretches = (
            sets.group_by("file_no").agg(start=pl.col("row").min(), stop=pl.col("row").max() + 1).sort("file_no")
        )
        return tuple(
            FileSlice(self.paths[file_no], file_no, start, stop, read_group)
            for file_no, start, stop in stretches.iter_rows()
        )


def read_set_files(snapshot: Snapshot, run: Run, *, extras: Sequence[str], sketch: bool) -> Iterator[SetFile]:
    """Return the files of candidate sets in the order of the store; reading begins before the first is asked for."""
    return run(partial(read_set_file, extras=extras, sketch=sketch), snapshot.paths(CANDIDATE_SETS), ahead=None)


def set_tables(
    files: Iterable[SetFile],
    snapshot: Snapshot,
    *,
    extras: Sequence[str],
    settings: str,
    min_candidates: int,
    too_few: str,
) -> SetTables:
    """Return the tables of all candidate sets.

    `settings` is the hash of the present settings. A prompt is answered if a set of it has `min_candidates`
    answers; `too_few` is the reason of one that is not although no request failed.
    """
    # Unlike `Schema.empty_table`, this does not import pandas.
    nothing = pa.Table.from_batches([], arrow_schema(CandidateSet))
    read = list(files) or [_set_file(Path(), nothing, extras=extras, sketch=False)]
    # Arrow keeps much of what was read, to use it again; what follows needs that memory.
    pa.default_memory_pool().release_unused()
    parts = [file.sets.with_columns(file_no=pl.lit(number, pl.UInt32)) for number, file in enumerate(read)]
    sets = pl.concat(parts).with_row_index("set_no")
    prompts = sets.group_by("prompt_id", maintain_order=True).agg().with_row_index("prompt_no")
    sets = sets.join(prompts, on="prompt_id", maintain_order="left").drop("prompt_id")
    heirs, counted = _heirs(sets, settings, snapshot)
    last = sets.group_by("prompt_no").agg(
        answered=(pl.col("answers").list.len() >= min_candidates).any(), failure=pl.col("failure").last()
    )
    failed = last.filter(~pl.col("answered"))["failure"].cast(pl.String).fill_null(too_few)
    return SetTables(
        paths=tuple(file.path for file in read),
        prompts=prompts,
        sets=sets.join(heirs, on="set_no", how="left", maintain_order="left")
        .with_columns(heir_no=pl.coalesce("heir_no", "set_no"))
        .drop("failure", "answers", "rated", "source"),
        answered=int(last["answered"].sum()),
        failures=Counter(sorted(failed.to_list())),
        sources=dict(sets.group_by(_read_from, maintain_order=True).len().iter_rows()),
        spending=spending([*(file.usage for file in read), *_asked_for_questions(snapshot)]),
        extras={name: set().union(*(file.extras[name] for file in read)) for name in extras},
        sketches=tuple(file.sketches for file in read if file.sketches is not None),
        decisions=counted,
    )


_read_from = pl.col("source").cast(pl.String).str.replace("#[0-9a-f]{16}$", "")
"""Where a prompt was read; of a variation, where the prompt was read that it varies."""


def _asked_for_questions(snapshot: Snapshot) -> Iterator[pl.DataFrame]:
    """Yield what asking for questions about documents used, as frames of `usage_frame`."""
    return (usage_frame(table["usage"]) for _, table in snapshot.tables(QUESTION_SETS, USAGE_COLUMNS))


def _heirs(sets: pl.DataFrame, settings: str, snapshot: Snapshot) -> tuple[pl.DataFrame, Counter[Decision]]:
    """The heir of each set whose prompt has several (set_no, heir_no), and whose ratings count, by how many prompts.

    So a set that a failed request left incomplete gives way to the one with the missing answer, and one that another
    judge has rated since to that.
    """
    heirs: list[tuple[int, int]] = []
    counted: Counter[Decision] = Counter()
    several = sets.filter(pl.len().over("prompt_no") > 1).cast({"settings": pl.String})
    for _, group in several.group_by("prompt_no", maintain_order=True):
        of_prompt = [
            RatedSet(set_no, name, frozenset(answers), frozenset(rated))
            for set_no, name, answers, rated in group.select("set_no", "settings", "answers", "rated").iter_rows()
        ]
        heirs += zip(group["set_no"], heirs_of(of_prompt, settings), strict=True)
        counted.update(decisions(of_prompt, settings, snapshot.manifest.settings))
    return pl.DataFrame(heirs, schema={"set_no": pl.UInt32, "heir_no": pl.UInt32}, orient="row"), counted


def read_records(snapshot: Snapshot) -> pl.DataFrame:
    """Return the records that were not retired: record_no, record_id, task, prompt_id, set_id, shown, suggested,
    sampled and left_to_judge.

    `shown` lists the ids of the candidates in the order of the page. A record that was retired gives no rows, and does
    not count as a record without a verdict.
    """
    columns = ("id", "task", "prompt_id", "set_id", "candidates", "suggested", "sampled")
    shown = frame(snapshot.whole(RECORDS, columns)).with_columns(left_to_judge=pl.lit(False))
    left = frame(snapshot.whole(LEFT_TO_JUDGE, columns)).with_columns(left_to_judge=pl.lit(True))
    records = pl.concat([shown, left.join(shown.select("id"), on="id", how="anti", maintain_order="left")])
    return (
        records.rename({"id": "record_id", "candidates": "shown"})
        .filter(~pl.col("record_id").is_in(sorted(snapshot.retired)))
        .with_row_index("record_no")
    )


def set_of_records(records: pl.DataFrame, tables: SetTables, snapshot: Snapshot) -> pl.DataFrame:
    """Return `records` with set_no and prompt_no (of the heir of the set that they show) for prompt_id and set_id.

    Raises DataError if a record shows a set that is not in the store.
    """
    # A set that was completed later stands twice under one id; the later one counts.
    latest = tables.sets.unique("set_id", keep="last").select("set_id", "prompt_no", set_no="heir_no")
    joined = records.drop("prompt_id").join(latest, on="set_id", how="left", maintain_order="left").drop("set_id")
    if missing := joined["set_no"].null_count():
        raise DataError(f"{snapshot.repo.repo_id} shows {missing:,} candidate sets that it does not hold.")
    return joined


def live_sets(tables: SetTables, records: pl.DataFrame, snapshot: Snapshot) -> pl.DataFrame:
    """Return the sets that rows are made of: those that have no heir and did not lose all their records.

    A set whose records were all retired gave way to another of its prompt, which is shown in its place.
    """
    live = tables.sets.filter(pl.col("heir_no") == pl.col("set_no"))
    if not snapshot.retired:
        return live
    retired = [record.set_id for record_id, record in snapshot.records.items() if record_id in snapshot.retired]
    gone = pl.col("set_id").is_in(retired) & ~pl.col("set_no").is_in(records["set_no"].unique().implode())
    return live.filter(~gone)


def prompts_never_asked(dropped: Mapping[str, DroppedPrompt], prompts: Collection[str]) -> list[DroppedPrompt]:
    """Return those of the dropped prompts that have no candidate set: one may have been asked about later."""
    asked = set(prompts) if dropped else set()
    return [dropped_prompt for prompt_id, dropped_prompt in dropped.items() if prompt_id not in asked]
