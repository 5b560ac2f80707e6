"""The `raw` config: every candidate set with all that was said of it, and why it gave the rows it gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from curation import ids
from curation.export.resolved import Edit, Place, entries
from curation.types import (
    Annotation,
    CandidateSet,
    PublishedAnnotation,
    RawCandidate,
    RawRow,
    ReviewRecord,
    Verdict,
)


def raw_row(
    candidate_set: CandidateSet,
    record: ReviewRecord | None,
    *,
    verdict: Verdict | None,
    edits: Sequence[tuple[Edit, float | None]],
    annotations: Sequence[Annotation],
    reviewers: int = 0,
    rows: Sequence[str],
    dropped: Sequence[str],
    language: str | None,
    pseudonyms: Mapping[str, str],
    clean: Callable[[str], str] = str,
) -> RawRow:
    """Return a set's row; without a record nobody was asked about it.

    `edits` are what reviewers wrote, with its score, null if the verdict did not follow it. `reviewers` counts those
    whose answers count, verdict or not. `clean` is applied to every text.
    """
    shown = record.candidates if record else ()
    scores = dict(zip(shown, verdict.scores, strict=True)) if verdict else {}
    places: list[Place] = [shown.index(one.id) if one.id in shown else None for one in candidate_set.candidates]
    places += [edit.authors for edit, _ in edits]
    candidates = [
        *(
            RawCandidate(
                id=one.id,
                text=clean(one.text),
                thinking=None if one.thinking is None else clean(one.thinking),
                generator=one.generator,
                model=one.model,
                finish_reason=one.finish_reason,
                rating=one.rating,
                score=scores.get(one.id),
                edit_of=None,
                edit_similarity=None,
            )
            for one in candidate_set.candidates
        ),
        *(_edited(edit, score, clean=clean) for edit, score in edits),
    ]
    prompt = candidate_set.prompt
    return RawRow(
        id=ids.row_id("raw", record.id if record else candidate_set.id),
        prompt=tuple(message.model_copy(update={"content": clean(message.content)}) for message in prompt.messages),
        prompt_id=prompt.id,
        record_id=record.id if record else None,
        candidates=tuple(candidates),
        reviewers=reviewers,
        agreement=verdict.agreement if verdict else None,
        label_source=verdict.label_source if verdict else None,
        rows=tuple(rows),
        dropped=tuple(dropped),
        source=prompt.source,
        language=language,
        annotations=tuple(
            PublishedAnnotation.model_validate(entry._asdict())
            for entry in entries(annotations, places, pseudonyms=pseudonyms)
        ),
    )


def _edited(edit: Edit, score: float | None, *, clean: Callable[[str], str]) -> RawCandidate:
    original, similarity = edit.edit_of
    return RawCandidate(
        id=edit.id,
        text=clean(edit.text),
        generator=edit.model,
        model=edit.model,
        finish_reason=None,
        rating=None,
        score=score,
        edit_of=original,
        edit_similarity=similarity,
    )
