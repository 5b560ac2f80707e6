"""The records of a segment with what was said of them: a verdict each, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from curation import export, labels
from curation.config import Config
from curation.errors import DataError
from curation.export import Case, Edit, Resolved
from curation.labels import Ballot, FittedResolver
from curation.stages.derivation.sets import SegmentSets, annotated
from curation.stages.segments import Segment
from curation.types import Annotation, Drop, LabelSource, Verdict


class Ballots:
    """The records of a segment by their number: `verdicts` has those that there are, `reasons` why there are no others.

    `rows` are those of their sets, `shown` the rows of the candidates shown: those of record n from `starts[n]`.
    """

    def __init__(self, segment: Segment, sets: SegmentSets, config: Config, resolver: FittedResolver) -> None:
        import numpy as np

        self._sets = sets
        self._resolver = resolver
        self._judge_fallback = config.labels.judge_fallback
        self.record_ids: list[str] = segment.records["id"].to_pylist()
        self.rows = segment.records["row"].to_numpy()
        self.said = list(annotated(segment, config))
        shown = segment.records["candidates"].combine_chunks()
        self.starts = np.concatenate(([0], np.cumsum(shown.value_lengths().to_numpy())))
        self.shown = self._rows_of(shown.flatten())
        self.verdicts: dict[int, Verdict] = {}
        self.reasons: dict[int, str] = {}
        self._resolve()

    def __getitem__(self, number: int) -> Ballot:
        """All that is known of a record's candidates."""
        ratings = tuple(self._sets.ratings[row] for row in self.shown_of(number))
        return Ballot(self.record_ids[number], self.said[number], ratings)

    def shown_of(self, number: int) -> list[int]:
        """The rows of the candidates that a record shows."""
        rows: list[int] = self.shown[self.starts[number] : self.starts[number + 1]].tolist()
        return rows

    def resolved(self) -> Resolved:
        """Return the records that have a verdict, in the order of `verdicts`; the edits that count join the sets."""
        import numpy as np

        numbers = np.array([*self.verdicts], dtype=np.int64)
        places: dict[tuple[int, int], int] = {}
        cases: list[Case] = []
        case = []
        edits: dict[int, Edit] = {}
        edited = []
        for place, (number, verdict) in enumerate(self.verdicts.items()):
            said = self.said[number]
            key = id(verdict), id(said)
            if key not in places:
                places[key] = len(cases)
                cases.append(Case(verdict, said))
            case.append(places[key])
            for edit in self.edits(number, verdict.edits):
                row = self._sets.add(edit)
                edits[row] = edit
                edited.append((place, row))
        counts = np.diff(self.starts)
        decided = np.zeros(len(counts), dtype=bool)
        decided[numbers] = True
        return export.resolved(
            [self.record_ids[number] for number in self.verdicts],
            self.rows[numbers],
            np.array(case, dtype=np.int64),
            cases,
            counts=counts[numbers],
            rows=self.shown[np.repeat(decided, counts)],
            answer_ids=self._sets.candidate_ids,
            edits=edits,
            edited=edited,
        )

    def edits(self, number: int, texts: Sequence[str]) -> list[Edit]:
        """What these texts, which reviewers of a record wrote, are."""
        if not texts:
            return []
        sets = self._sets
        return export.edits_of(
            texts,
            self.said[number],
            [(sets.candidate_ids[row], sets.texts[row]) for row in self.shown_of(number)],
            prompt_id=sets.prompt_ids[self.rows[number]],
            similarity=_edited,
        )

    def counted(self) -> dict[LabelSource, list[tuple[Annotation, ...]]]:
        """Of each record the annotations that count, by whose they are."""
        counted: dict[LabelSource, list[tuple[Annotation, ...]]] = {"human": [], "simulated": []}
        # The same answers are the same tuple, whatever record they are to.
        known: dict[int, tuple[LabelSource, tuple[Annotation, ...]]] = {}
        for said in self.said:
            if id(said) not in known:
                ballot = Ballot("", said)
                known[id(said)] = ballot.label_source, ballot.submitted
            source, submitted = known[id(said)]
            counted[source].append(submitted)
        return counted

    def _resolve(self) -> None:
        """Find every record's verdict; the same answers to other candidates are resolved once."""
        known: dict[int, Verdict | Drop] = {}
        for number, said in enumerate(self.said):
            if id(said) not in known:
                known[id(said)] = self._resolver.resolve(self[number])
            found = known[id(said)]
            if self._judge_fallback and isinstance(found, Drop) and found.reason == "unreviewed":
                found = labels.judge_verdict(self[number])
            if isinstance(found, Drop):
                self.reasons[number] = found.reason
            else:
                self.verdicts[number] = found

    def _rows_of(self, shown: Any) -> Any:
        """The rows of the candidates that records show; the same id may stand in several sets of a prompt."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        sets = self._sets
        known = pa.array(sets.candidate_ids, pa.string())
        found = pc.fill_null(pc.index_in(shown, value_set=known), -1).to_numpy().astype(np.int64)
        of_sets = np.repeat(self.rows, np.diff(self.starts))
        starts = np.array(sets.starts)
        elsewhere = np.flatnonzero((found < starts[of_sets]) | (found >= starts[of_sets + 1]))
        for at in elsewhere.tolist():
            row = int(of_sets[at])
            try:
                found[at] = sets.candidate_ids.index(shown[at].as_py(), sets.starts[row], sets.starts[row + 1])
            except ValueError as error:
                raise DataError(f"A record shows a candidate that its set {sets.ids[row]} does not hold.") from error
        return found


def _edited(edit: str, shown: Sequence[str]) -> tuple[int, float]:
    position = labels.edited(edit, shown)
    return position, labels.similarity(edit, shown[position])
