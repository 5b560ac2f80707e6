"""The texts that reviewers wrote: each is one more candidate of its set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from curation import ids, labels
from curation.derive.segments import Segment
from curation.derive.texts import SetTexts
from curation.frames import Schema, pl
from curation.types import HUMAN_EDIT, SIMULATED_EDIT, SIMULATED_PREFIX, Annotation, Drop, Verdict

EDITS: Schema = {
    "record_no": pl.UInt32,
    "set_no": pl.UInt32,
    "candidate_id": pl.String,
    "text": pl.String,
    "model": pl.String,
    "score": pl.Float64,
    "edit_of": pl.String,
    "edit_similarity": pl.Float64,
    "authors": pl.List(pl.UInt32),
}
"""The columns of an edit; `authors` are places in the ballot of the record."""


def written_edits(
    segment: Segment,
    records: pl.DataFrame,
    outcomes: Sequence[Verdict | Drop],
    shown: pl.DataFrame,
    texts: SetTexts,
) -> pl.DataFrame:
    """Return every text that a reviewer wrote, as a frame with the columns of EDITS; most records have none."""
    with_edits = [
        ballot_no
        for ballot_no, annotations in segment.ballots.items()
        if any(annotation.edit is not None for annotation in annotations)
    ]
    page = shown.group_by("record_no", maintain_order=True).agg("candidate_id", "text")
    edited = (
        records.filter(pl.col("ballot_no").is_in(with_edits))
        .select("record_no", "set_no", "ballot_no", "outcome_no")
        .join(page, on="record_no", maintain_order="left")
        .join(texts.sets.select("set_no", "prompt_id"), on="set_no", maintain_order="left")
    )
    rows: list[tuple[Any, ...]] = []
    for record_no, set_no, ballot_no, outcome_no, candidates, on_page, prompt_id in edited.iter_rows():
        annotations, outcome = segment.ballots[ballot_no], outcomes[outcome_no]
        written = edits_of(annotations, outcome, candidates, on_page, prompt_id=prompt_id)
        rows += ((record_no, set_no, *edit) for edit in written)
    return pl.DataFrame(rows, schema=EDITS, orient="row")


def edits_of(
    annotations: Sequence[Annotation],
    outcome: Verdict | Drop,
    candidates: Sequence[str],
    on_page: Sequence[str],
    *,
    prompt_id: str,
) -> Iterator[tuple[Any, ...]]:
    """Yield what reviewers of a record wrote, as EDITS without record_no and set_no; what the verdict follows is first.

    `candidates` and `on_page` are the ids and texts that the record shows; authors are places in `annotations`. A text
    that is shown already, or that another reviewer wrote too, is not yielded again.
    """
    texts = {ids.normalise(text) for text in on_page}
    followed = outcome.edits if isinstance(outcome, Verdict) else ()
    score = outcome.edit_score if isinstance(outcome, Verdict) else None
    for text, counts in [
        *((text, True) for text in followed),
        *((text, False) for text in labels.edit_texts(annotations)),
    ]:
        normal = ids.normalise(text)
        if normal in texts:
            continue
        texts.add(normal)
        authors = [
            place
            for place, annotation in enumerate(annotations)
            if annotation.edit is not None and ids.normalise(annotation.edit) == normal
        ]
        programs = all(annotations[place].reviewer.startswith(SIMULATED_PREFIX) for place in authors)
        model = SIMULATED_EDIT if programs else HUMAN_EDIT
        original = labels.index_of_edited(text, on_page)
        yield (
            ids.candidate_id(prompt_id, model, text),
            text,
            model,
            score if counts else None,
            candidates[original],
            labels.similarity(text, on_page[original]),
            authors,
        )
