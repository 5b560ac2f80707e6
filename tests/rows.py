"""Rows for tests, made like the stages make them: ids follow from content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from curation import ids
from curation.generation import Models, generate_candidate_sets, spooled
from curation.labels.ballot import Ballot
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
    scale: int = 5,
    order: Sequence[int] | None = None,
    rationales: Sequence[str | None] | None = None,
) -> Judgement:
    """Return what a judge said of as many candidates as there are ratings, shown in their order unless told."""
    return Judgement(
        judge=judge,
        aspect=aspect,
        scale=scale,
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
