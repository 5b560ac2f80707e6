"""Rows for tests, made like the stages make them: ids follow from content."""

from __future__ import annotations

from collections.abc import Sequence

from curation import ids
from curation.labels.ballot import Ballot
from curation.types import (
    Annotation,
    Candidate,
    CandidateSet,
    LabelSource,
    Message,
    Prompt,
    ReviewRecord,
    Score,
    Status,
    Verdict,
)

SETTINGS = "0123456789abcdef"


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


def make_annotation(reviewer: str, *scores: float, status: Status = "submitted", edit: str | None = None) -> Annotation:
    """Return what one reviewer said."""
    return Annotation(reviewer=reviewer, status=status, scores=scores, edit=edit)


def make_ballot(*annotations: Annotation, ratings: Sequence[float | None] = (None, None)) -> Ballot:
    """Return a record that shows every candidate of a set in their order, with these annotations."""
    shown = make_set(ratings=ratings)
    candidates = tuple(candidate.id for candidate in shown.candidates)
    record = ReviewRecord(
        id=ids.record_id("pairwise", shown.prompt.id, candidates),
        task="pairwise",
        prompt_id=shown.prompt.id,
        set_id=shown.id,
        candidates=candidates,
    )
    return Ballot(record=record, candidate_set=shown, annotations=annotations)


def make_verdict(
    *scores: tuple[Candidate, float],
    prompt: Prompt | None = None,
    annotations: Sequence[Annotation] = (),
    agreement: float | None = None,
    label_source: LabelSource = "human",
) -> Verdict:
    """Return a verdict with these scores."""
    prompt = prompt or make_prompt()
    return Verdict(
        record_id=ids.record_id("pairwise", prompt.id, (candidate.id for candidate, _ in scores)),
        prompt=prompt,
        scores=tuple(Score(candidate=candidate, score=score) for candidate, score in scores),
        reviewers=sum(annotation.status == "submitted" for annotation in annotations),
        agreement=agreement,
        label_source=label_source,
        annotations=tuple(annotations),
    )
