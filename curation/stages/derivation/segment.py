"""One segment of the store on its way to rows: verdicts, what becomes a row and what does not, shards, and counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, compress, pairwise, repeat
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from curation import export, ids, labels, quality
from curation.config import Config
from curation.errors import RefusedError
from curation.export import Columns, Completions, Edit, Pairs, Rows
from curation.generation import disagrees_with_itself
from curation.labels import FittedResolver, Votes
from curation.stages.derivation.ballots import Ballots
from curation.stages.derivation.checks import Checks, Faults
from curation.stages.derivation.sets import SegmentSets, read_sets
from curation.stages.derivation.shards import made_table, raw_table, write_shard
from curation.stages.derivation.tally import Shard, Tally
from curation.stages.segments import Segment
from curation.types import CandidateSet, DroppedPrompt, Judgement, LabelSource, RawRow, ReviewRecord, Verdict


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

    @property
    def keeps_thinking(self) -> bool:
        """Whether what models thought is published."""
        return any(generator.keep_reasoning for generator in self.config.models.generators)

    def split(self, prompt_id: str) -> str:
        """Return the split that the rows of a prompt are in."""
        return export.split_of(self.leaders.get(prompt_id, prompt_id), self.config.publish.test_size)


def derive_segment(segment: Segment, plan: Plan) -> Tally:
    """Return what the segment gives under the plan; its shards are written if the plan has a folder."""
    return _Derivation(read_sets(segment.stretches, plan.extras, thinking=plan.keeps_thinking), segment, plan).run()


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
            tally.shards.append(
                write_shard("raw", split, raw_table(of_split, thinking=plan.keeps_thinking), plan.folder)
            )
    return tally


SomeRows = TypeVar("SomeRows", bound=Rows)

Lost = tuple[int, str]
"""The number of a record and why it gives no row, or not all it could."""


class Made(NamedTuple):
    """The rows of a config, and what others were lost by."""

    rows: Rows
    lost: list[Lost]


class _Derivation:
    """One segment on its way to rows: what was decided so far, and what is counted."""

    def __init__(self, sets: SegmentSets, segment: Segment, plan: Plan) -> None:
        self.sets = sets
        self.segment = segment
        self.plan = plan
        self.tally = Tally()
        formats = plan.config.publish.formats
        self.trained_on = [config for config in formats if config != "raw"]
        self.keeps_raw = "raw" in formats
        self.faults = Faults(sets, plan.checks, ties_are_dropped=plan.config.labels.ties == "drop")
        self.splits = [plan.split(prompt_id) for prompt_id in sets.prompt_ids]
        self.ballots = Ballots(segment, sets, plan.config, plan.resolver)
        self.resolved = self.ballots.resolved()

    def run(self) -> Tally:
        """Decide, write and count."""
        self.tally.unresolved.update(self.ballots.reasons.values())
        self.tally.sources.update(
            {one["values"]: one["counts"] for one in self.sets.sources.value_counts().to_pylist()}
        )
        self._count_models()
        self._count_verdicts()
        self._count_judgements()
        made = self._made()
        columns = self._columns()
        for config, (rows, lost) in made.items():
            self.tally.dropped[config].update(reason for _, reason in lost)
            self._publish(config, rows, columns)
        self._count_prompts(made)
        asked = {*self.ballots.rows.tolist()}
        unshown = {
            row: self.faults.unshown(row)
            for row, current in enumerate(self.segment.current)
            if current and row not in asked
        }
        self.tally.unshown.update(unshown.values())
        if self.keeps_raw:
            self._publish_raw(made, unshown)
        return self.tally

    def _count_prompts(self, made: Mapping[str, Made]) -> None:
        """Count the prompts at each step after the answers."""
        rows = self.ballots.rows
        steps = {"shown": rows, "verdicts": rows[[*self.ballots.verdicts]] if self.ballots.verdicts else rows[:0]}
        for step, prompts in {**steps, **{config: each.rows.prompts for config, each in made.items()}}.items():
            self.tally.reach(step, (self.sets.prompt_ids[row] for row in {*prompts.tolist()}))

    def _made(self) -> dict[str, Made]:
        """The rows of every config that is trained on, and why records give no others."""
        import numpy as np

        publish, resolved = self.plan.config.publish, self.resolved
        faults = self.faults.records(resolved)
        lost = [(record, reason) for record, reason in enumerate(faults) if reason]
        sound = np.array([reason is None for reason in faults], dtype=bool)

        found = export.pairs_of(resolved, min_gap=publish.min_gap, pairs=publish.pairs)
        without = [(record, why) for record, why in export.without_pair(found).items() if sound[record]]
        found = found.where(sound[found.records])
        pairs, lost_pairs = _kept(found, self.faults.pairs(found))
        lost_pairs += without
        self.tally.lengths.append(self._lengths(pairs))

        made: dict[str, Made] = {}
        for config in self.trained_on:
            if config == "kto":
                made[config] = self._completions(sound, lost)
            elif config == "sft":
                made[config] = self._demonstrations(pairs, sound, lost, lost_pairs)
            else:
                made[config] = Made(pairs, lost + lost_pairs)
        return made

    def _completions(self, sound: Any, lost: list[Lost]) -> Made:
        resolved = self.resolved
        found = export.completions_of(resolved)
        found = found.where(sound[found.records])
        kept, failed = _kept(found, self.faults.completions(found))
        kept, repeated = self._without_repeats(kept)
        undecided = [(record, "undecided") for record in export.undecided(resolved).tolist() if sound[record]]
        return Made(kept, lost + failed + repeated + undecided)

    def _without_repeats(self, completions: Completions) -> tuple[Completions, list[Lost]]:
        """Leave out what would stand twice: what another record decides, then equal texts of one prompt."""
        resolved, sets = self.resolved, self.sets
        rows = resolved.row[completions.completion].tolist()
        answers = zip(completions.records.tolist(), rows, strict=True)
        shown = ((resolved.record_ids[record], resolved.answer_ids[row]) for record, row in answers)
        again = ["answered_again" if each in self.segment.answered_again else None for each in shown]
        kept, lost = _kept(completions, again)
        rows, prompts = resolved.row[kept.completion].tolist(), kept.prompts.tolist()
        keys = [
            (sets.prompt_ids[prompt], ids.normalise(sets.texts[row])) for prompt, row in zip(prompts, rows, strict=True)
        ]
        kept, equal = _kept(kept, export.repeats(keys, kept.label.tolist()))
        return kept, lost + equal

    def _demonstrations(self, pairs: Pairs, sound: Any, lost: list[Lost], lost_pairs: list[Lost]) -> Made:
        """A record that gives none, although none of its answers has a fault, gives none for what it lacks pairs."""
        found = export.demonstrations_of(pairs)
        found = found.where(sound[found.records])
        kept, failed = _kept(found, self.faults.demonstrations(found))
        some = {*found.records.tolist()}
        return Made(kept, lost + failed + [(record, reason) for record, reason in lost_pairs if record not in some])

    def _count_models(self) -> None:
        import numpy as np

        answers = np.diff(self.sets.starts)
        current = np.repeat(self.segment.current, answers).tolist()
        settings = chain.from_iterable(map(repeat, self.sets.settings, answers.tolist()))
        # Behind the models of candidates stand those of edits.
        models = self.sets.models[: len(current)]
        self.tally.models.update(compress(zip(self.sets.generators, models, settings, strict=True), current))

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

    def _count_verdicts(self) -> None:
        import numpy as np

        ballots, resolved = self.ballots, self.resolved
        cases = np.bincount(resolved.case, minlength=len(resolved.cases)).tolist()
        for one, times in zip(resolved.cases, cases, strict=True):
            self.tally.label_sources[one.verdict.label_source] += times
        self.tally.verdicts = len(resolved.record_ids)
        for source, answers in ballots.counted().items():
            self.tally.votes[source].append(Votes.counted(answers))
            self.tally.choices[source].append(self._preferred(source))

    def _preferred(self, source: LabelSource) -> Any:
        """Of the first two candidates of records with answers: what the judge and what reviewers preferred.

        Two columns: 1 if the first is better, -1 if the second, 0 if neither, NaN if that is not known.
        """
        import numpy as np

        ballots, resolved = self.ballots, self.resolved
        verdicts = [one.verdict for one in resolved.cases]
        reviewed = np.array([one.label_source == source for one in verdicts], dtype=bool)
        scores = [[*one.scores[:2], None, None][:2] for one in verdicts]
        decided = np.array([*ballots.verdicts], dtype=np.int64)
        wanted = reviewed[resolved.case] & (np.diff(ballots.starts)[decided] >= 2)
        first = ballots.starts[decided[wanted]]
        ratings = np.array(self.sets.ratings, dtype=np.float64)[ballots.shown[np.stack((first, first + 1), axis=1)]]
        given = np.array(scores, dtype=np.float64).reshape(-1, 2)[resolved.case[wanted]]
        return np.sign(np.stack((ratings[:, 0] - ratings[:, 1], given[:, 0] - given[:, 1]), axis=1)).astype(np.float32)

    def _lengths(self, pairs: Pairs) -> Any:
        """How many characters the prompt, the chosen and the rejected answer have, in three columns."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = pc.utf8_length(pa.array(self.sets.texts, pa.string())).to_numpy()
        prompts = np.array(self.sets.prompt_lengths)[pairs.prompts]
        sides = [texts[self.resolved.row[answers]] for answers in pairs.answers]
        return np.stack((prompts, *sides), axis=1).astype(np.int32)

    def _columns(self) -> Columns:
        import pyarrow as pa

        sets = self.sets
        return Columns(
            prompts=sets.prompts,
            prompt_ids=pa.array(sets.prompt_ids, pa.string()),
            sources=sets.sources,
            languages=pa.array(sets.languages, pa.string()),
            texts=pa.array(sets.texts, pa.string()),
            models=pa.array(sets.models, pa.string()),
            pseudonyms=self.plan.pseudonyms,
            extras=sets.extras,
            thinking=self._thinking(),
        )

    def _thinking(self) -> Any:
        """What models thought before each text, without personal data if answers with such are dropped."""
        import pyarrow as pa

        if self.sets.thinking is None:
            return None
        clean = quality.redacted if self.plan.config.quality.pii else str
        return pa.array([None if text is None else clean(text) for text in self.sets.thinking], pa.string())

    def _publish(self, config: str, rows: Rows, columns: Columns) -> None:
        import numpy as np
        import pyarrow as pa

        counts = columns.languages.take(pa.array(rows.prompts, pa.int64())).value_counts().to_pylist()
        self.tally.languages.update({one["values"]: one["counts"] for one in counts})
        splits = np.array(self.splits, dtype=object)[rows.prompts]
        for split in export.SPLITS:
            of_split = rows.where(splits == split)
            if not len(of_split):
                continue
            self.tally.rows[config, split] += len(of_split)
            if isinstance(of_split, Completions) and split == "train":
                self.tally.kto_labels.update(of_split.label.tolist())
            if self.plan.folder is not None:
                table = made_table(config, of_split, columns, margin=self.plan.config.publish.margin)
                render = self.plan.checks.render
                table = table if render is None else export.as_strings(table, render)
                self.tally.shards.append(_written(config, split, table, self.plan.folder))

    def _publish_raw(self, made: Mapping[str, Made], unshown: Mapping[int, str]) -> None:
        """Write every set with all that was said of it, and why it gave the rows it gave."""
        given: defaultdict[int, list[str]] = defaultdict(list)
        dropped: defaultdict[int, list[str]] = defaultdict(list)
        for config, (rows, lost) in made.items():
            for record, identifier in zip(rows.records.tolist(), rows.ids(config), strict=True):
                given[record].append(identifier)
            for record, reason in lost:
                dropped[record].append(f"{config}:{reason}")
        places = {number: place for place, number in enumerate(self.ballots.verdicts)}
        by_split: defaultdict[str, list[RawRow]] = defaultdict(list)
        for number, row in enumerate(self.ballots.rows.tolist()):
            place = places.get(number)
            if place is None:
                one = self._raw(row, number, [], [self.ballots.reasons[number]])
            else:
                one = self._raw(row, number, given[place], dropped[place])
            by_split[self.splits[row]].append(one)
        for row, why in unshown.items():
            by_split[self.splits[row]].append(self._raw(row, None, [], [why]))
        for split, of_split in by_split.items():
            self.tally.rows["raw", split] += len(of_split)
            if self.plan.folder is not None:
                self.tally.shards.append(
                    _written("raw", split, raw_table(of_split, thinking=self.plan.keeps_thinking), self.plan.folder)
                )

    def _raw(self, row: int, number: int | None, given: Sequence[str], dropped: Sequence[str]) -> RawRow:
        """The row of a set; `number` is that of its record, null if nobody was asked."""
        ballot = None if number is None else self.ballots[number]
        verdict = None if number is None else self.ballots.verdicts.get(number)
        return export.raw_row(
            self.sets.candidate_set(row),
            None if number is None else self._record(number, row),
            verdict=verdict,
            edits=[] if number is None else self._edits(number, verdict),
            annotations=ballot.annotations if ballot else (),
            reviewers=len(ballot.submitted) if ballot else 0,
            rows=given,
            dropped=dropped,
            language=self.sets.languages[row],
            pseudonyms=self.plan.pseudonyms,
            clean=quality.redacted if self.plan.config.quality.pii else str,
        )

    def _edits(self, number: int, verdict: Verdict | None) -> list[tuple[Edit, float | None]]:
        """Everything that reviewers wrote: what counts has a score, what the verdict did not follow has none."""
        scored = self.ballots.edits(number, verdict.edits if verdict else ())
        known = {ids.normalise(edit.text) for edit in scored}
        written = labels.written(self.ballots.said[number])
        others = self.ballots.edits(number, [text for text in written if ids.normalise(text) not in known])
        score = verdict.edit_score if verdict else None
        return [*((edit, score) for edit in scored), *((edit, None) for edit in others)]

    def _record(self, number: int, row: int) -> ReviewRecord:
        return ReviewRecord(
            id=self.ballots.record_ids[number],
            task="",
            prompt_id=self.sets.prompt_ids[row],
            set_id=self.sets.ids[row],
            candidates=tuple(self.sets.candidate_ids[at] for at in self.ballots.shown_of(number)),
        )


def _written(config: str, split: str, table: Any, folder: Path) -> Shard:
    """The shard of a table; RefusedError if TRL would not train on its rows."""
    wrong = list(export.faults(config, table))
    if wrong:
        raise RefusedError(
            f"TRL would not train on these rows as they are meant: {'; '.join(wrong)}.",
            remedy="Nothing was published; `curation lint` says more of a dataset that is there.",
        )
    return write_shard(config, split, table, folder)


def _kept(rows: SomeRows, faults: Sequence[str | None]) -> tuple[SomeRows, list[Lost]]:
    """The rows without a fault, and of the others their record and fault."""
    import numpy as np

    lost = [(record, fault) for record, fault in zip(rows.records.tolist(), faults, strict=True) if fault]
    return rows.where(np.array([fault is None for fault in faults], dtype=bool)), lost
