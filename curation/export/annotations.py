"""Who scored what, as it is published: under pseudonyms, and only for the candidates of the row."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from curation import ids
from curation.types import HUMAN_EDIT, Annotation, Candidate, PublishedAnnotation, Verdict


def published_annotations(
    verdict: Verdict, candidates: Sequence[Candidate], *, pseudonym: Callable[[str], str]
) -> tuple[PublishedAnnotation, ...]:
    """Return one entry per reviewer, sorted by pseudonym; its scores are aligned with `candidates`.

    A score is null for a candidate that the reviewer did not score: another's edit, or a draft or discarded response.
    """
    shown = [score.candidate.id for score in verdict.scores if score.candidate.model != HUMAN_EDIT]
    entries = (
        PublishedAnnotation(
            reviewer=pseudonym(annotation.reviewer),
            scores=tuple(_score(annotation, candidate, shown) for candidate in candidates),
            status=annotation.status,
        )
        for annotation in verdict.annotations
    )
    return tuple(sorted(entries, key=lambda entry: entry.reviewer))


def _score(annotation: Annotation, candidate: Candidate, shown: list[str]) -> float | None:
    if annotation.edit is not None and ids.normalise(annotation.edit) == ids.normalise(candidate.text):
        return 1.0
    if candidate.id not in shown or not annotation.scores:
        return None
    position = shown.index(candidate.id)
    return annotation.scores[position] if position < len(annotation.scores) else None
