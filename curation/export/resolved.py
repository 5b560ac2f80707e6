"""What every export starts from: a record with its verdict, and its candidates with what they scored."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from curation import ids
from curation.types import HUMAN_EDIT, Annotation, Verdict


class Answer(NamedTuple):
    """A candidate of a record: its score, null if nothing is known, and at which row of `Columns` it stands.

    `shown` is its position on the page, null for an edit or one that was not shown. `authors` are the reviewers who
    wrote an edit; `edit_of` is the answer it edits and how similar the two are, in [0, 1].
    """

    id: str
    row: int
    score: float | None = None
    shown: int | None = None
    authors: Collection[str] = ()
    edit_of: tuple[str, float] | None = None

    @property
    def edited(self) -> bool:
        """Whether a person wrote it."""
        return bool(self.authors)


class Resolved(NamedTuple):
    """A record with a verdict. `prompt` is the row of its prompt in `Columns`, `answers` what has a score."""

    record_id: str
    prompt: int
    answers: tuple[Answer, ...]
    verdict: Verdict
    annotations: tuple[Annotation, ...]

    @property
    def tied(self) -> bool:
        """Whether no answer is better than another."""
        return len({answer.score for answer in self.answers}) == 1


Similarity = Callable[[str, Sequence[str]], tuple[int, float]]
"""Of an edit and the shown texts: which of them it edits, and how similar the two are."""


def resolved(
    verdict: Verdict,
    annotations: tuple[Annotation, ...],
    shown: Sequence[tuple[str, int]],
    *,
    record_id: str,
    prompt: int,
    prompt_id: str,
    texts: list[str],
    similarity: Similarity,
) -> Resolved:
    """Return the record with its scored candidates: those shown, given as (id, row in `texts`), then the edits.

    An edit that says what a shown candidate says already is none; the text of every other one is added to `texts`.
    """
    answers = [
        Answer(candidate, row, score, position)
        for position, ((candidate, row), score) in enumerate(zip(shown, verdict.scores, strict=True))
        if score is not None
    ]
    if verdict.edits:
        answers += _edits(verdict, annotations, shown, prompt_id=prompt_id, texts=texts, similarity=similarity)
    return Resolved(record_id, prompt, tuple(answers), verdict, annotations)


def _edits(
    verdict: Verdict,
    annotations: tuple[Annotation, ...],
    shown: Sequence[tuple[str, int]],
    *,
    prompt_id: str,
    texts: list[str],
    similarity: Similarity,
) -> list[Answer]:
    shown_texts = [texts[row] for _, row in shown]
    said = {ids.normalise(text) for text in shown_texts}
    answers = []
    for edit in verdict.edits:
        wanted = ids.normalise(edit)
        if wanted in said:
            continue
        said.add(wanted)
        position, alike = similarity(edit, shown_texts)
        authors = [one.reviewer for one in annotations if one.edit is not None and ids.normalise(one.edit) == wanted]
        texts.append(edit)
        answers.append(
            Answer(
                ids.candidate_id(prompt_id, HUMAN_EDIT, edit),
                len(texts) - 1,
                1.0,
                authors=frozenset(authors),
                edit_of=(shown[position][0], alike),
            )
        )
    return answers


class Entry(NamedTuple):
    """One reviewer's scores as they are published: under a pseudonym, null for a candidate that was not scored."""

    reviewer: str
    scores: list[float | None]
    status: str


def entries(
    annotations: Sequence[Annotation], answers: Sequence[Answer], *, pseudonyms: Mapping[str, str]
) -> list[Entry]:
    """Return one entry per reviewer, sorted by pseudonym; its scores are aligned with `answers`.

    A score is null for a candidate that the reviewer did not score: another's edit, or a draft or discarded response.
    """
    found = [
        Entry(pseudonyms[one.reviewer], [_score(one, answer) for answer in answers], one.status) for one in annotations
    ]
    return sorted(found, key=lambda entry: entry.reviewer) if len(found) > 1 else found


def _score(annotation: Annotation, answer: Answer) -> float | None:
    if annotation.reviewer in answer.authors:
        return 1.0
    if answer.shown is None or answer.shown >= len(annotation.scores):
        return None
    return annotation.scores[answer.shown]
