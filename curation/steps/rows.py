"""A row of a distilabel pipeline as a candidate set, and what reviewers answered as columns of that row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from curation import ids
from curation.characters import is_blank
from curation.types import Annotation, Candidate, CandidateSet, Drop, Message, Prompt, ReviewRecord, Verdict

NO_PROMPT = "no_prompt"
"""Why a row is not shown: its `messages` or `instruction` is not a text, or does not end with a turn of the user."""

NO_GENERATIONS = "no_generations"
NOT_PUSHED = "not_pushed"
FLAGGED = "flagged"


class Pushed(NamedTuple):
    """The records that show a row's generations; `not_shown` is the reason if there are none.

    Each record is a dict with its `id` and the positions of the generations that it shows, in the order of the page:
    {"id": "5f0c...", "shown": [1, 0]}.
    """

    records: list[dict[str, Any]]
    not_shown: str | None

    @property
    def columns(self) -> dict[str, Any]:
        """The columns that the row gets."""
        return {"review_records": self.records, "not_shown": self.not_shown}


def candidate_set(row: Mapping[str, Any]) -> CandidateSet | Drop:
    """Return the prompt and the generations of a row as a candidate set, or a Drop with the reason.

    Generations that are null or blank are left out. Of equal generations of one model the first is kept.
    """
    prompt = _prompt(row)
    if prompt is None:
        return Drop(id="", reason=NO_PROMPT)
    candidates: dict[str, Candidate] = {}
    texts = _list(row.get("generations"))
    names, ratings = _list(row.get("model_names")), _list(row.get("ratings"))
    for place, text in enumerate(texts):
        if not isinstance(text, str) or is_blank(text):
            continue
        name = _name(names, place)
        rating = _at(ratings, place)
        candidate = Candidate(
            id=ids.candidate_id(prompt.id, name, text),
            text=text,
            generator=name,
            model=name,
            rating=float(rating) if isinstance(rating, int | float) else None,
        )
        candidates.setdefault(candidate.id, candidate)
    if not candidates:
        return Drop(id=prompt.id, reason=NO_GENERATIONS)
    set_id = ids.candidate_set_id(prompt.id, "", candidates)
    return CandidateSet(id=set_id, prompt=prompt, candidates=tuple(candidates.values()), settings="")


def positions(row: Mapping[str, Any], of_set: CandidateSet, record: ReviewRecord) -> list[int]:
    """Return the positions in `generations` of the candidates that a record shows, in the order of the record."""
    texts = _list(row.get("generations"))
    names = _list(row.get("model_names"))
    shown = [of_set.candidate(candidate) for candidate in record.candidates]
    return [
        next(
            place
            for place, text in enumerate(texts)
            if text == candidate.text and _name(names, place) == candidate.generator
        )
        for candidate in shown
    ]


def review_columns(
    row: Mapping[str, Any], outcomes: Iterable[tuple[Sequence[int], Verdict | Drop]], annotations: Iterable[Annotation]
) -> dict[str, Any]:
    """Return the columns that say what reviewers decided about a row.

    `outcomes` has for each record of the row the positions of the generations that it shows, and its verdict or the
    Drop. `annotations` are all answers to these records.
    """
    generations = _list(row.get("generations"))
    scores: list[float | None] = [None] * len(generations)
    verdicts: list[Verdict] = []
    unresolved: str | None = None
    for shown, outcome in outcomes:
        if isinstance(outcome, Drop):
            unresolved = unresolved or outcome.reason
            continue
        verdicts.append(outcome)
        for place, score in zip(shown, outcome.scores, strict=True):
            scores[place] = score
    flags = sorted({flag for annotation in annotations for flag in annotation.flags})
    unresolved = FLAGGED if flags else unresolved
    chosen, rejected = (None, None) if flags else _pair(generations, scores, verdicts)
    agreements = [verdict.agreement for verdict in verdicts if verdict.agreement is not None]
    return {
        "scores": scores,
        "chosen": chosen,
        "rejected": rejected,
        "edits": [text for verdict in verdicts for text in verdict.edits],
        "reviewers": max((verdict.reviewers for verdict in verdicts), default=0),
        "agreement": min(agreements, default=None),
        "label_source": verdicts[0].label_source if verdicts else None,
        "flags": flags,
        "unresolved": unresolved,
    }


def _pair(
    generations: Sequence[str | None], scores: Sequence[float | None], verdicts: Iterable[Verdict]
) -> tuple[str | None, str | None]:
    """Return the best and the worst text, null twice if no text is better than another.

    A text that a reviewer wrote takes the place of a generation with the same score.
    """
    written = [(verdict.edit_score, text) for verdict in verdicts for text in verdict.edits]
    scored = [(score, text) for score, text in zip(scores, generations, strict=True) if score is not None]
    if not scored:
        return None, None
    best, chosen = max([*written, *scored], key=lambda entry: entry[0])
    worst, rejected = min(scored, key=lambda entry: entry[0])
    return (chosen, rejected) if best > worst else (None, None)


def _prompt(row: Mapping[str, Any]) -> Prompt | None:
    turns = row.get("messages") or [{"role": "user", "content": row.get("instruction")}]
    try:
        messages = tuple(Message(role=turn["role"], content=turn["content"]) for turn in turns)
    except (ValidationError, KeyError, TypeError):
        return None
    if messages[-1].role != "user" or is_blank(messages[-1].content):
        return None
    return Prompt(id=ids.prompt_id(messages), messages=messages, source="")


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _at(values: Sequence[Any], place: int) -> Any:
    return values[place] if place < len(values) else None


def _name(names: Sequence[Any], place: int) -> str:
    name = _at(names, place)
    return name if isinstance(name, str) else ""
