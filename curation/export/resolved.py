"""What every export starts from: a record with its verdict, and its candidates with what they scored."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from curation import ids
from curation.types import HUMAN_EDIT, SIMULATED_EDIT, SIMULATED_PREFIX, Annotation, Verdict


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
        """Whether a reviewer wrote it."""
        return bool(self.authors)

    @property
    def editor(self) -> str:
        """The model name of an edit: programs are never published as people."""
        return SIMULATED_EDIT if all(map(_simulated, self.authors)) else HUMAN_EDIT


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
        for (candidate, row), score, position in zip(shown, verdict.scores, range(len(shown)), strict=True)
        if score is not None
    ]
    if verdict.edits:
        answers += edits_of(
            verdict.edits, annotations, shown, prompt_id=prompt_id, texts=texts, similarity=similarity, score=1.0
        )
    return Resolved(record_id, prompt, tuple(answers), verdict, annotations)


def edits_of(
    edits: Iterable[str],
    annotations: Sequence[Annotation],
    shown: Sequence[tuple[str, int]],
    *,
    prompt_id: str,
    texts: list[str],
    similarity: Similarity,
    score: float | None,
) -> list[Answer]:
    """Return the answers that these edits are, all with this score; their texts are added to `texts`.

    An edit that says what a shown candidate or another edit says already is none.
    """
    shown_texts = [texts[row] for _, row in shown]
    said = {ids.normalise(text) for text in shown_texts}
    answers = []
    for edit in edits:
        wanted = ids.normalise(edit)
        if wanted in said:
            continue
        said.add(wanted)
        position, alike = similarity(edit, shown_texts)
        authors = [one.reviewer for one in annotations if one.edit is not None and ids.normalise(one.edit) == wanted]
        texts.append(edit)
        answer = Answer("", len(texts) - 1, score, authors=frozenset(authors), edit_of=(shown[position][0], alike))
        answers.append(answer._replace(id=ids.candidate_id(prompt_id, answer.editor, edit)))
    return answers


def _simulated(reviewer: str) -> bool:
    return reviewer.startswith(SIMULATED_PREFIX)


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
