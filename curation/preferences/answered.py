"""The values that every reader of rows with answers returns: the question, and each answer with its model and score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from curation.types import Message

SCALES = ((0.0, 1.0), (1.0, 5.0), (1.0, 10.0), (0.0, 10.0))
"""The scales on which tools score answers. The first that holds all scores of a row is taken."""


class GivenAnswer(NamedTuple):
    """An answer as its source has it.

    `score` in [0, 1] is what the label of the source amounts to, None if it has none. `model` is None if the source
    does not name it.
    """

    text: str
    model: str | None = None
    score: float | None = None


class AnsweredRow(NamedTuple):
    """What a row asks, as messages that should end with the user, and its answers in the order of the row."""

    question: tuple[Message, ...]
    answers: tuple[GivenAnswer, ...]


def answered_row(
    question: tuple[Message, ...],
    texts: Sequence[str],
    *,
    models: Sequence[str | None] = (),
    scores: Sequence[float | None] = (),
) -> AnsweredRow:
    """Return a row of these texts. `models` and `scores` have an entry for each text, or none at all."""
    models, scores = models or [None] * len(texts), scores or [None] * len(texts)
    answers = zip(texts, models, scores, strict=True)
    return AnsweredRow(question, tuple(GivenAnswer(text, model, score) for text, model, score in answers))


def number(value: Any) -> float | None:
    """Return a finite number, which may be written as a text; None if the value is something else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        parsed = float(value)
    except (ValueError, OverflowError):
        return None
    return parsed if math.isfinite(parsed) else None


def truth(value: Any) -> bool | None:
    """Return a label that is a boolean, 0 or 1, or the text of one; None for null.

    Raises ValueError "unreadable_label" for something else.
    """
    if value is None:
        return None
    known = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
    label = known.get(str(value).strip().lower())
    if label is None:
        raise ValueError("unreadable_label")
    return label


def unit_scores(values: Sequence[Any]) -> list[float | None]:
    """Return scores in [0, 1] for the scores of a row, on the first of SCALES that holds them all.

    For example [4.5, 2] (of 1 to 5) gives [0.875, 0.25]. A null stays null. Raises ValueError "unreadable_label" if a
    value is no number, or no scale holds them all.
    """
    numbers = [number(value) for value in values]
    if any(parsed is None and value is not None for parsed, value in zip(numbers, values, strict=True)):
        raise ValueError("unreadable_label")
    known = [parsed for parsed in numbers if parsed is not None]
    for low, high in SCALES:
        if all(low <= parsed <= high for parsed in known):
            return [None if parsed is None else (parsed - low) / (high - low) for parsed in numbers]
    raise ValueError("unreadable_label")


def ranked_scores(ranks: Sequence[float]) -> list[float]:
    """Return scores spread evenly from 1 (rank 1, the best) to 0, for ranks of which several may be equal."""
    places = {rank: place for place, rank in enumerate(sorted(set(ranks)))}
    last = max(len(places) - 1, 1)
    return [0.5 if len(places) == 1 else 1 - places[rank] / last for rank in ranks]
