"""One segment of the store on its way to rows: verdicts, what becomes a row and what does not, shards, and counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, compress, pairwise, repeat
from pathlib import Path
from typing import Any

from curation import export, ids, labels, quality
from curation.config import Config
from curation.errors import RefusedError
from curation.export import Columns, Pair, Resolved
from curation.generation import disagrees_with_itself
from curation.labels import Ballot, FittedResolver, Votes
from curation.stages.derivation.checks import Checks, Faults
from curation.stages.derivation.sets import SegmentSets, annotated, read_sets
from curation.stages.derivation.shards import ROW_IDS, made_table, raw_table, write_shard
from curation.stages.derivation.tally import Tally
from curation.stages.segments import Segment
from curation.types import (
    Annotation,
    CandidateSet,
    Drop,
    DroppedPrompt,
    Judgement,
    LabelSource,
    RawRow,
    ReviewRecord,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with every segment.

    `leaders` names, for a prompt that is a near-duplicate, the prompt whose split it shares. `extras` are the columns
    that prompts bring along, with their Arrow types. `folder` is where shards are written, null if rows are only
    counted.
    """

    config: Config
    resolver: FittedResolver
    pseudonyms: Mapping[str, str]
    leaders: Mapping[str, str]
    extras: Mapping[str, Any]
    checks: Checks
    folder: Path | None

    def split(self, prompt_id: str) -> str:
        """Return the split that the rows of a prompt are in."""
        return export.split_of(self.leaders.get(prompt_id, prompt_id), self.config.publish.test_size)


def derive_segment(segment: Segment, plan: Plan) -> Tally:
    """Return what the segment gives under the plan; its shards are written if the plan has a folder."""
    return _Derivation(read_sets(segment.stretches, plan.extras), segment, plan).run()


def derive_dropped(dropped: Sequence[DroppedPrompt], plan: Plan) -> Tally:
    """Return the rows of `raw` of the prompts that no model was asked."""
    tally = Tally()
    rows = [
        export.raw_row(
            CandidateSet(id=one.id, prompt=one.prompt, candidates=(), settings=""),
            None,
            verdict=None,
            edits=(),
            annotations=(),
            rows=(),
            dropped=(one.reason,),
            language=quality.detect_language(one.prompt.messages[-1].content),
            pseudonyms={},
            clean=quality.redacted if plan.config.quality.pii or one.reason == "pii" else str,
        )
        for one in dropped
    ]
    by_split: defaultdict[str, list[RawRow]] = defaultdict(list)
    for row in rows:
        by_split[plan.split(row.prompt_id)].append(row)
    for split, of_split in by_split.items():
        tally.rows["raw", split] += len(of_split)
        if plan.folder is not None:
            tally.shards.append(write_shard("raw", split, raw_table(of_split), plan.folder))
    return tally


class _Derivation:
    """One segment on its way to rows: what was decided so far, and what is counted."""

    def __init__(self, sets: SegmentSets, segment: Segment, plan: Plan) -> None:
        self.sets = sets
        self.segment = segment
        self.plan = plan
        self.tally = Tally()
        self.texts = sets.texts
        self.models = list(sets.models)
        formats = plan.config.publish.formats
        self.trained_on = [config for config in formats if config != "raw"]
        self.keeps_raw = "raw" in formats
        self.rows: dict[tuple[str, str], list[Any]] = {
            (config, split): [] for config in formats for split in export.SPLITS
        }
        self.faults = Faults(sets, plan.checks, ties_are_dropped=plan.config.labels.ties == "drop")
        self.resolved: dict[int, Verdict | str] = {}
        self.verdicts: list[Verdict] = []
        self.choices: defaultdict[LabelSource, list[tuple[float | None, ...]]] = defaultdict(list)
        self.pairs: list[Pair] = []

    def run(self) -> Tally:
        import numpy as np

        records = self.segment.records.to_pydict()
        counted: dict[LabelSource, list[tuple[Annotation, ...]]] = {"human": [], "simulated": []}
        # The same answers are the same tuple, whatever record they are to.
        counting: dict[int, tuple[LabelSource, tuple[Annotation, ...]]] = {}
        asked = set()
        for record_id, row, candidates, said in zip(
            records["id"],
            records["row"],
            records["candidates"],
            annotated(self.segment, self.plan.config),
            strict=True,
        ):
            shown = self.sets.shown(row, candidates)
            ballot = Ballot(record_id, said, tuple(self.sets.ratings[at] for at in shown))
            if id(said) not in counting:
                counting[id(said)] = ballot.label_source, ballot.submitted
            source, submitted = counting[id(said)]
            counted[source].append(submitted)
            asked.add(row)
            self._decide(ballot, row, list(zip(candidates, shown, strict=True)))
        for row, current in enumerate(self.segment.current):
            if current and row not in asked:
                why = self.faults.unshown(row)
                self.tally.unshown[why] += 1
                self._raw(row, None, None, (), [], [why])
        self.tally.sources.update(
            {one["values"]: one["counts"] for one in self.sets.sources.value_counts().to_pylist()}
        )
        self._count_models()
        self.tally.verdicts = len(self.verdicts)
        self.tally.label_sources.update(verdict.label_source for verdict in self.verdicts)
        for source, answers in counted.items():
            self.tally.votes[source].append(Votes.counted(answers))
            self.tally.choices[source].append(_preferred(self.choices[source]))
        self.tally.lengths.append(np.array([*map(self._lengths, self.pairs)], dtype=np.int32).reshape(-1, 3))
        self._count_judgements()
        self._write()
        return self.tally

    def _decide(self, ballot: Ballot, row: int, shown: list[tuple[str, int]]) -> None:
        found = self._verdict(ballot)
        if isinstance(found, str):
            self.tally.unresolved[found] += 1
            self._raw(row, ballot, None, shown, [], [found])
            return
        record = export.resolved(
            found,
            ballot.annotations,
            shown,
            record_id=ballot.record_id,
            prompt=row,
            prompt_id=self.sets.prompt_ids[row],
            texts=self.texts,
            similarity=_edited,
        )
        self.models += [answer.editor for answer in record.answers if answer.edited]
        self._count_verdict(ballot, found)
        given: list[str] = []
        lost: list[str] = []
        split = self.plan.split(self.sets.prompt_ids[row])
        for config, rows, reasons in self._rows_of(record):
            self.rows[config, split] += rows
            if reasons:
                self.tally.dropped[config].update(reasons)
                lost += [f"{config}:{reason}" for reason in reasons]
            if self.keeps_raw:
                given += [ROW_IDS[config](one) for one in rows]
        self._raw(row, ballot, record, shown, given, lost)

    def _verdict(self, ballot: Ballot) -> Verdict | str:
        """The verdict of a ballot, or why there is none; the same answers to other candidates are resolved once."""
        key = id(ballot.annotations)
        if key not in self.resolved:
            found = self.plan.resolver.resolve(ballot)
            self.resolved[key] = found.reason if isinstance(found, Drop) else found
        known = self.resolved[key]
        if known != "unreviewed" or not self.plan.config.labels.judge_fallback:
            return known
        judged = labels.judge_verdict(ballot)
        return judged.reason if isinstance(judged, Drop) else judged

    def _rows_of(self, record: Resolved) -> Iterator[tuple[str, list[Any], list[str]]]:
        """Yield, per config, the rows of a record and the reasons for those that it does not give."""
        fault = self.faults.record(record)
        if fault is not None:
            yield from ((config, [], [fault]) for config in self.trained_on)
            return
        publish = self.plan.config.publish
        found = export.pairs_of(record, min_gap=publish.min_gap, pairs=publish.pairs)
        pairs, lost = ([], [found]) if isinstance(found, str) else _kept(found, self.faults.pair)
        self.pairs += pairs
        for config in self.trained_on:
            if config == "kto":
                completions, undecided = export.completions_of(record)
                kept, why = _kept(completions, self.faults.completion)
                yield config, kept, why + ["undecided"] * undecided
            elif config == "sft":
                kept, why = _kept(
                    export.demonstrations_of(record, pairs), lambda one: self.faults.answer(one.record, one.answer)
                )
                yield config, kept, why or (lost if not kept else [])
            else:
                yield config, pairs, lost

    def _count_verdict(self, ballot: Ballot, verdict: Verdict) -> None:
        self.verdicts.append(verdict)
        if verdict.reviewers and len(ballot.ratings) >= 2:
            # With reviewers the source is theirs, no judge's.
            self.choices[verdict.label_source].append((*ballot.ratings[:2], *verdict.scores[:2]))

    def _lengths(self, pair: Pair) -> tuple[int, int, int]:
        """How many characters the prompt, the chosen and the rejected answer have."""
        texts = self.texts
        return (
            self.sets.prompt_lengths[pair.record.prompt],
            len(texts[pair.chosen.row]),
            len(texts[pair.rejected.row]),
        )

    def _count_models(self) -> None:
        import numpy as np

        answers = np.diff(self.sets.starts)
        current = np.repeat(self.segment.current, answers).tolist()
        settings = chain.from_iterable(map(repeat, self.sets.settings, answers.tolist()))
        self.tally.models.update(compress(zip(self.sets.generators, self.sets.models, settings, strict=True), current))

    def _count_judgements(self) -> None:
        """Count what judges said; the same ratings in the same orders are counted together."""
        import pyarrow as pa
        import pyarrow.compute as pc

        lists = self.sets.judgements.filter(pa.array(self.segment.current))
        flat = lists.flatten()
        judge, aspect, order, ratings = (
            flat.field(name).to_pylist() for name in ("judge", "aspect", "order", "ratings")
        )
        each = [*zip(judge, aspect, map(tuple, order), map(tuple, ratings), strict=True)]
        ends = accumulate(pc.fill_null(pc.list_value_length(lists), 0).to_pylist(), initial=0)
        said = Counter(tuple(each[start:end]) for start, end in pairwise(ends))
        for of_set, times in said.items():
            judgements = [
                Judgement(judge=judge, aspect=aspect, order=order, ratings=ratings, rationales=(None,) * len(ratings))
                for judge, aspect, order, ratings in of_set
            ]
            self.tally.judges.add(judgements, times=times)
            self.tally.disagreements += times * disagrees_with_itself(judgements)

    def _raw(
        self,
        row: int,
        ballot: Ballot | None,
        record: Resolved | None,
        shown: Sequence[tuple[str, int]],
        given: Sequence[str],
        lost: Sequence[str],
    ) -> None:
        if not self.keeps_raw:
            return
        edits = self._edits(ballot, record, row, shown) if ballot else []
        self.rows["raw", self.plan.split(self.sets.prompt_ids[row])].append(
            export.raw_row(
                self.sets.candidate_set(row),
                _record(ballot, self.sets, row, shown),
                verdict=record.verdict if record else None,
                edits=[(self.texts[answer.row], answer) for answer in edits],
                annotations=ballot.annotations if ballot else (),
                reviewers=len(ballot.submitted) if ballot else 0,
                rows=given,
                dropped=lost,
                language=self.sets.languages[row],
                pseudonyms=self.plan.pseudonyms,
                clean=quality.redacted if self.plan.config.quality.pii else str,
            )
        )

    def _edits(
        self, ballot: Ballot, record: Resolved | None, row: int, shown: Sequence[tuple[str, int]]
    ) -> list[export.Answer]:
        """Everything that reviewers wrote: what counts has a score, what the verdict did not follow has none."""
        scored = [answer for answer in record.answers if answer.edited] if record else []
        known = {ids.normalise(self.texts[answer.row]) for answer in scored}
        others = export.edits_of(
            [text for text in labels.written(ballot.annotations) if ids.normalise(text) not in known],
            ballot.annotations,
            shown,
            prompt_id=self.sets.prompt_ids[row],
            texts=self.texts,
            similarity=_edited,
            score=None,
        )
        self.models += [answer.editor for answer in others]
        return scored + others

    def _write(self) -> None:
        import pyarrow as pa

        columns = Columns(
            prompts=self.sets.prompts,
            prompt_ids=self.sets.prompt_ids,
            sources=self.sets.sources,
            languages=self.sets.languages,
            texts=pa.array(self.texts, pa.string()),
            models=self.models,
            pseudonyms=self.plan.pseudonyms,
            extras=self.sets.extras,
        )
        for (config, split), rows in self.rows.items():
            if rows:
                self._publish(config, split, rows, columns)

    def _publish(self, config: str, split: str, rows: list[Any], columns: Columns) -> None:
        self.tally.rows[config, split] += len(rows)
        if config != "raw":
            self.tally.languages.update(self.sets.languages[row.record.prompt] for row in rows)
        if config == "kto" and split == "train":
            self.tally.kto_labels.update(row.label for row in rows)
        if self.plan.folder is None:
            return
        table = made_table(config, rows, columns, margin=self.plan.config.publish.margin)
        if self.plan.checks.render is not None and config != "raw":
            table = export.as_strings(table, self.plan.checks.render)
        wrong = list(export.faults(config, table))
        if wrong:
            raise RefusedError(
                f"TRL would not train on these rows as they are meant: {'; '.join(wrong)}.",
                remedy="Nothing was published; `curation lint` says more of a dataset that is there.",
            )
        self.tally.shards.append(write_shard(config, split, table, self.plan.folder))


def _edited(edit: str, shown: Sequence[str]) -> tuple[int, float]:
    position = labels.edited(edit, shown)
    return position, labels.similarity(edit, shown[position])


def _kept(rows: Sequence[Any], fault: Callable[[Any], str | None]) -> tuple[list[Any], list[str]]:
    """The rows without a fault, and the faults of the others."""
    kept, faults = [], []
    for row in rows:
        why = fault(row)
        if why is None:
            kept.append(row)
        else:
            faults.append(why)
    return kept, faults


def _preferred(choices: Sequence[tuple[float | None, ...]]) -> Any:
    """Of the two ratings and the two scores of each record, as two columns: 1 if the first is better, -1 if the second,
    0 if neither, NaN if that is not known.
    """
    import numpy as np

    values = np.array(choices, dtype=np.float64).reshape(-1, 2, 2)
    return np.sign(values[:, :, 0] - values[:, :, 1]).astype(np.float32)


def _record(
    ballot: Ballot | None, sets: SegmentSets, row: int, shown: Sequence[tuple[str, int]]
) -> ReviewRecord | None:
    if ballot is None:
        return None
    return ReviewRecord(
        id=ballot.record_id,
        task="",
        prompt_id=sets.prompt_ids[row],
        set_id=sets.ids[row],
        candidates=tuple(candidate for candidate, _ in shown),
    )
