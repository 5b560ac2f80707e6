"""What every export starts from: records with their verdicts, and their answers with what they scored, as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from curation import ids
from curation.types import HUMAN_EDIT, SIMULATED_EDIT, SIMULATED_PREFIX, Annotation, Verdict


class Edit(NamedTuple):
    """What reviewers wrote: its id and text, its `authors`, the answer it edits, and how similar to that, in [0, 1]."""

    id: str
    text: str
    authors: frozenset[str]
    edit_of: tuple[str, float]

    @property
    def model(self) -> str:
        """The model name of an edit: programs are never published as people."""
        return _editor(self.authors)


class Case(NamedTuple):
    """What was said of a record and what follows from it; records of which the same was said share a case."""

    verdict: Verdict
    annotations: tuple[Annotation, ...]


@dataclass(frozen=True, slots=True)
class Resolved:
    """Records with a verdict, and all their answers that have a score; columns are numpy arrays unless said.

    Per record: its id, the row of its prompt in `Columns`, and the number of its case. Per answer, those of a record
    together: the number of its record, its row in `Columns`, its score, and its position on the page, -1 for an edit.
    `answer_ids` and `edits` are by row in `Columns`.
    """

    record_ids: Sequence[str]
    prompts: Any
    case: Any
    cases: Sequence[Case]
    record: Any
    row: Any
    score: Any
    shown: Any
    answer_ids: Sequence[str]
    edits: Mapping[int, Edit]

    def tied(self) -> Any:
        """Whether no answer of a record is better than another, per record."""
        import numpy as np

        most, least = np.full((2, len(self.prompts)), np.nan)
        np.fmax.at(most, self.record, self.score)
        np.fmin.at(least, self.record, self.score)
        return most == least

    @property
    def edited(self) -> Any:
        """Whether a reviewer wrote an answer, per answer."""
        return self.shown < 0


def resolved(
    record_ids: Sequence[str],
    prompts: Any,
    case: Any,
    cases: Sequence[Case],
    *,
    counts: Any,
    rows: Any,
    answer_ids: Sequence[str],
    edits: Mapping[int, Edit],
    edited: Sequence[tuple[int, int]] = (),
) -> Resolved:
    """Return records with their scored answers: of the candidates shown those that have a score, then the edits.

    `rows` are those of the candidates shown, `counts` of them for each record; `edited` are the edits that count, each
    as (record, row). Raises ValueError if a verdict does not score as many candidates as its record shows.
    """
    import numpy as np

    scored = np.array([len(one.verdict.scores) for one in cases], dtype=np.int64)
    if (scored[case] != counts).any():
        raise ValueError("A verdict scores every candidate that its record shows, and no other")
    record = np.repeat(np.arange(len(counts)), counts)
    shown = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    scores = np.full((len(cases), scored.max(initial=0)), np.nan)
    for number, one in enumerate(cases):
        scores[number, : len(one.verdict.scores)] = [np.nan if score is None else score for score in one.verdict.scores]
    score = scores[case[record], shown]
    known = ~np.isnan(score)
    more = np.array(edited, dtype=np.int64).reshape(-1, 2)
    edit_scores = np.array([one.verdict.edit_score for one in cases], dtype=np.float64)
    record = np.concatenate((record[known], more[:, 0]))
    order = np.argsort(record, kind="stable")
    return Resolved(
        record_ids=record_ids,
        prompts=prompts,
        case=case,
        cases=cases,
        record=record[order],
        row=np.concatenate((rows[known], more[:, 1]))[order],
        score=np.concatenate((score[known], edit_scores[case[more[:, 0]]]))[order],
        shown=np.concatenate((shown[known], np.full(len(more), -1)))[order],
        answer_ids=answer_ids,
        edits=edits,
    )


Similarity = Callable[[str, Sequence[str]], tuple[int, float]]
"""Of an edit and the shown texts: which of them it edits, and how similar the two are."""


def edits_of(
    edits: Iterable[str],
    annotations: Sequence[Annotation],
    shown: Sequence[tuple[str, str]],
    *,
    prompt_id: str,
    similarity: Similarity,
) -> list[Edit]:
    """Return what these edits are of a record whose candidates are `shown`: (id, text) of each.

    An edit that says what a shown candidate or another edit says already is none.
    """
    said = {ids.normalise(text) for _, text in shown}
    found = []
    for edit in edits:
        wanted = ids.normalise(edit)
        if wanted in said:
            continue
        said.add(wanted)
        position, alike = similarity(edit, [text for _, text in shown])
        authors = frozenset(
            one.reviewer for one in annotations if one.edit is not None and ids.normalise(one.edit) == wanted
        )
        identifier = ids.candidate_id(prompt_id, _editor(authors), edit)
        found.append(Edit(identifier, edit, authors, (shown[position][0], alike)))
    return found


def _editor(authors: Iterable[str]) -> str:
    return SIMULATED_EDIT if all(reviewer.startswith(SIMULATED_PREFIX) for reviewer in authors) else HUMAN_EDIT


class Entry(NamedTuple):
    """One reviewer's scores as they are published: under a pseudonym, null for a candidate that was not scored."""

    reviewer: str
    scores: list[float | None]
    status: str


Place = int | frozenset[str] | None
"""Where an answer stands for reviewers: its position on the page, or an edit's authors; null if it was not shown."""


def entries(
    annotations: Sequence[Annotation], places: Sequence[Place], *, pseudonyms: Mapping[str, str]
) -> list[Entry]:
    """Return one entry per reviewer, sorted by pseudonym; its scores are aligned with `places`.

    A score is null for a candidate that the reviewer did not score: another's edit, or a draft or discarded response.
    """
    found = [
        Entry(pseudonyms[one.reviewer], [_score(one, place) for place in places], one.status) for one in annotations
    ]
    return sorted(found, key=lambda entry: entry.reviewer) if len(found) > 1 else found


def _score(annotation: Annotation, place: Place) -> float | None:
    if isinstance(place, frozenset):
        return 1.0 if annotation.reviewer in place else None
    if place is None or place >= len(annotation.scores):
        return None
    return annotation.scores[place]
