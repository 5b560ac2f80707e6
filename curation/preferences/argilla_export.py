"""Rows of an Argilla dataset as `to_datasets` exports them: fields, and each question's responses and suggestion.

{"prompt": "Why?", "response_a": "Rain.", "response_b": "Sun.",
"preference.responses": ["a", "b"], "preference.responses.status": ["submitted", "draft"],
"preference.responses.users": [...], "preference.suggestion": "a", ...}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any

from curation.preferences.answered import AnsweredRow, answered_row, number, ranked_scores
from curation.preferences.columns import question_in, system_in
from curation.preferences.comparisons import score_of_label
from curation.preferences.sides import question_and_answers

RESPONSES, SUGGESTION = ".responses", ".suggestion"
FIELD = re.compile(r"(?:response|completion|generation|answer|output)s?(?:[ _-]?([0-9]{1,2}|[a-z]))?")
"""The name of a field that shows an answer, and what tells it from the others."""
GOOD = frozenset({"good", "yes", "true", "1", "accept", "accepted", "correct", "thumbs up", "like"})
BAD = frozenset({"bad", "no", "false", "0", "reject", "rejected", "incorrect", "thumbs down", "dislike"})
BOTH = {"both_good": 1.0, "both_bad": 0.0}
LOWEST, HIGHEST = 1.0, 5.0


def has_export(row: Mapping[str, Any]) -> bool:
    """Whether the row has questions of an Argilla dataset, and fields with answers."""
    return any(name.endswith((RESPONSES, SUGGESTION)) for name in row) and bool(_fields(row))


def read_export(row: Mapping[str, Any]) -> AnsweredRow:
    """Return the answers in the fields, with the mean of what submitted responses (or else the suggestion) say of each.

    A label names an answer ("a", "response_2", "tie"), or says whether the only one is good; a ranking spreads scores
    from 1 to 0; a rating from 1 to 5 belongs to the answer that its question names. Other questions are passed over.
    Raises ValueError as `question_and_answers`.
    """
    fields = _fields(row)
    messages, texts = question_and_answers(question_in(row), [row[field] for field in fields], system=system_in(row))
    scores_by_field: list[list[float]] = [[] for _ in fields]
    for question, value in _answers(row):
        for place, score in _scores(question, value, fields).items():
            scores_by_field[place].append(score)
    return answered_row(
        messages, texts, scores=[round(fmean(scores), 9) if scores else None for scores in scores_by_field]
    )


def _fields(row: Mapping[str, Any]) -> list[str]:
    """Return the fields with answers, in the order of their numbers or letters; an optional field may be empty."""
    named = [(match[1] or "", name) for name in row if (match := FIELD.fullmatch(name.lower())) and row[name]]
    return [name for _, name in sorted(named, key=lambda item: (len(item[0]), item[0]))]


def _answers(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each question with each submitted response to it, or with its suggestion if there is none."""
    names = {name.removesuffix(suffix) for suffix in (RESPONSES, SUGGESTION) for name in row if name.endswith(suffix)}
    for question in sorted(names):
        values = row.get(question + RESPONSES) or []
        statuses = row.get(f"{question}{RESPONSES}.status") or ["submitted"] * len(values)
        submitted = [value for value, status in zip(values, statuses, strict=False) if status == "submitted"]
        suggestion = row.get(question + SUGGESTION)
        for value in submitted or ([suggestion] if suggestion is not None else []):
            yield question, value


def _scores(question: str, value: Any, fields: list[str]) -> dict[int, float]:
    """Return what an answer to a question says of the fields, by their places; {} if it says nothing of them."""
    if isinstance(value, list):
        return _ranking(value, fields)
    rating = number(value)
    if rating is not None and (place := _rated(question, fields)) is not None and LOWEST <= rating <= HIGHEST:
        return {place: (rating - LOWEST) / (HIGHEST - LOWEST)}
    if not isinstance(value, str):
        return {}
    label = value.strip().lower()
    if len(fields) == 1:
        return {0: 1.0} if label in GOOD else {0: 0.0} if label in BAD else {}
    if label in BOTH:
        return dict.fromkeys(range(len(fields)), BOTH[label])
    if len(fields) == 2:
        try:
            first = score_of_label(label, (fields[0], fields[1]))
        except ValueError:
            return {}
        return {} if first is None else {0: first, 1: 1 - first}
    return {place: float(label == field.lower()) for place, field in enumerate(fields)} if label in fields else {}


def _ranking(value: list[Any], fields: list[str]) -> dict[int, float]:
    """Return scores for a ranking: [{"value": "response_2", "rank": 1}, ...], or the names of fields, best first."""
    ranks: dict[str, float] = {}
    for position, item in enumerate(value, 1):
        name, rank = (item.get("value"), item.get("rank")) if isinstance(item, Mapping) else (item, position)
        if (parsed := number(rank)) is not None:
            ranks[_plain(name)] = parsed
    places = [place for place, field in enumerate(fields) if _plain(field) in ranks]
    scores = ranked_scores([ranks[_plain(fields[place])] for place in places])
    return dict(zip(places, scores, strict=True)) if len(places) > 1 else {}


def _rated(question: str, fields: list[str]) -> int | None:
    """Return the place of the field that a question about one answer names: "rating_2" names "response_2"."""
    if len(fields) == 1:
        return 0
    for place, field in enumerate(fields):
        match = FIELD.fullmatch(field.lower())
        if _plain(field) in _plain(question) or (match and match[1] and re.search(rf"[ _-]{match[1]}$", question)):
            return place
    return None


def _plain(name: Any) -> str:
    return re.sub(r"[ _-]", "", str(name).lower())
