"""Rows for tests, made like the stages make them: ids follow from content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from curation import ids, labels
from curation.export import Case, Columns, Edit, Resolved, edits_of, resolved
from curation.generation import Models, generate_candidate_sets, spooled
from curation.labels.ballot import Ballot
from curation.schema import arrow_schema
from curation.types import (
    Annotation,
    Candidate,
    CandidateSet,
    Failure,
    Judgement,
    LabelSource,
    Message,
    Prompt,
    Status,
    Verdict,
)

SETTINGS = "0123456789abcdef"
RECORD_ID = "fedcba9876543210"


def make_prompt(text: str = "Why is the sky blue?") -> Prompt:
    """Return a prompt of one user message."""
    messages = (Message(role="user", content=text),)
    return Prompt(id=ids.prompt_id(messages), messages=messages, source="acme/prompts@abc")


def make_candidate(prompt: Prompt, text: str, *, generator: str = "cool", rating: float | None = None) -> Candidate:
    """Return an answer; its model is named after its generator."""
    return Candidate(
        id=ids.candidate_id(prompt.id, generator, text),
        text=text,
        generator=generator,
        model=f"acme/{generator}",
        rating=rating,
    )


def make_set(
    prompt: Prompt | None = None, ratings: Sequence[float | None] = (None, None), *, settings: str = SETTINGS
) -> CandidateSet:
    """Return a set with one answer per rating, of generators g0, g1, ..."""
    prompt = prompt or make_prompt()
    candidates = tuple(
        make_candidate(prompt, f"Answer {number}.", generator=f"g{number}", rating=rating)
        for number, rating in enumerate(ratings)
    )
    return CandidateSet(
        id=ids.candidate_set_id(prompt.id, settings, (candidate.id for candidate in candidates)),
        prompt=prompt,
        candidates=candidates,
        settings=settings,
    )


def made_sets(models: Models, prompts: Sequence[Prompt], **options: Any) -> list[CandidateSet]:
    """Return the sets that real requests to these models give, in the order of their prompts."""
    order = {prompt.id: number for number, prompt in enumerate(prompts)}
    with spooled(prompts) as spool:
        sets = list(generate_candidate_sets("test", spool, models=models, **options))
    return sorted(sets, key=lambda found: order[found.prompt.id])


def failures_of(candidate_set: CandidateSet) -> tuple[Failure, ...]:
    """Return the failures of a set without what services said and which requests they were."""
    return tuple(one.model_copy(update={"detail": None, "request": None}) for one in candidate_set.failures)


def make_judgement(
    *ratings: float | None,
    judge: str = "judge",
    aspect: str = "overall-rating",
    order: Sequence[int] | None = None,
    rationales: Sequence[str | None] | None = None,
) -> Judgement:
    """Return what a judge said of as many candidates as there are ratings, shown in their order unless told."""
    return Judgement(
        judge=judge,
        aspect=aspect,
        order=tuple(range(len(ratings)) if order is None else order),
        ratings=ratings,
        rationales=tuple([None] * len(ratings) if rationales is None else rationales),
    )


def make_annotation(
    reviewer: str, *scores: float | None, status: Status = "submitted", edit: str | None = None
) -> Annotation:
    """Return what one reviewer said."""
    return Annotation(reviewer=reviewer, status=status, scores=scores, edit=edit)


def make_ballot(*annotations: Annotation, ratings: Sequence[float | None] = (), record_id: str = RECORD_ID) -> Ballot:
    """Return what these annotations and the judge's ratings say of one record."""
    return Ballot(record_id=record_id, annotations=annotations, ratings=tuple(ratings))


def make_verdict(
    *scores: float | None,
    edits: Sequence[str] = (),
    reviewers: int = 1,
    agreement: float | None = None,
    label_source: LabelSource = "human",
) -> Verdict:
    """Return a verdict that gives the shown candidates these scores."""
    return Verdict(
        scores=scores,
        edits=tuple(edits),
        reviewers=reviewers,
        agreement=agreement,
        label_source=label_source,
    )


class Record(NamedTuple):
    """A record with its verdict: the candidates that it shows, and what was said of them."""

    verdict: Verdict
    candidates: Sequence[Candidate]
    annotations: Sequence[Annotation] = ()
    id: str = RECORD_ID
    prompt: Prompt = make_prompt()


def make_resolved(*records: Record) -> Resolved:
    """Return these records as columns; their candidates have rows in order, then their edits."""
    import numpy as np

    shown = [candidate for record in records for candidate in record.candidates]
    answer_ids = [candidate.id for candidate in shown]
    edits: dict[int, Edit] = {}
    edited = []
    for number, record in enumerate(records):
        for edit in edits_of(
            record.verdict.edits,
            record.annotations,
            [(candidate.id, candidate.text) for candidate in record.candidates],
            prompt_id=record.prompt.id,
            similarity=lambda edit, shown: (at := labels.edited(edit, shown), labels.similarity(edit, shown[at])),
        ):
            edits[len(answer_ids)] = edit
            edited.append((number, len(answer_ids)))
            answer_ids.append(edit.id)
    return resolved(
        [record.id for record in records],
        np.arange(len(records)),
        np.arange(len(records)),
        [Case(record.verdict, tuple(record.annotations)) for record in records],
        counts=np.array([len(record.candidates) for record in records], dtype=np.int64),
        rows=np.arange(len(shown)),
        answer_ids=answer_ids,
        edits=edits,
        edited=edited,
    )


def make_columns(
    *records: Record,
    pseudonyms: Mapping[str, str] | None = None,
    languages: Sequence[str | None] = (),
    extras: Mapping[str, Any] | None = None,
) -> Columns:
    """Return the columns that `make_resolved` speaks of: a row per record, and per candidate, then per edit."""
    import pyarrow as pa

    prompts = [record.prompt for record in records]
    said: list[Candidate | Edit] = [candidate for record in records for candidate in record.candidates]
    said += make_resolved(*records).edits.values()
    return Columns(
        prompts=pa.array(
            [[message.model_dump() for message in prompt.messages] for prompt in prompts],
            arrow_schema(Prompt).field("messages").type,
        ),
        prompt_ids=pa.array([prompt.id for prompt in prompts], pa.string()),
        sources=pa.array([prompt.source for prompt in prompts], pa.string()),
        languages=pa.array(languages or [None] * len(prompts), pa.string()),
        texts=pa.array([one.text for one in said], pa.string()),
        models=pa.array([one.model for one in said], pa.string()),
        pseudonyms=pseudonyms or {},
        extras=extras or {},
    )
