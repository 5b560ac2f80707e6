"""Rows with a list of answers: UltraFeedback's completions, distilabel's generations, answers of your own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from curation.preferences.answered import AnsweredRow, answered_row, number, unit_scores
from curation.preferences.columns import (
    ANSWER_LISTS,
    MODEL_KEYS,
    SCORE_LISTS,
    TEXT_KEYS,
    first_of,
    models_in,
    question_in,
    system_in,
)
from curation.preferences.sides import question_and_answers

SCORE_KEYS = ("fine-grained_score", "score", "rating", "overall_score")
"""The keys of the score of an answer that is an object. UltraFeedback's `fine-grained_score` is the mean of its
aspects; its `overall_score` is not read, because it has errors, as its authors say."""


def has_list(row: Mapping[str, Any]) -> bool:
    """Whether the row has a list of answers."""
    return bool(_listed(row.get(str(first_of(row, ANSWER_LISTS))))) or any(row.get(name) == [] for name in ANSWER_LISTS)


def read_list(
    row: Mapping[str, Any],
    *,
    question: object = None,
    answers: str | None = None,
    models: str | None = None,
) -> AnsweredRow:
    """Return the answers in the column `answers`, by default the first of ANSWER_LISTS that the row has.

    An answer is a text, messages, or an object with a text, and maybe a model and a score. In place of a list there
    may be an object with the answers by model: {"large": "Rain.", "small": "Sun."}. Raises ValueError with a reason:
    "no_answers", or those of `question_and_answers` and `unit_scores`.
    """
    values = _listed(row[answers or next(name for name in ANSWER_LISTS if row.get(name) is not None)])
    if not values:
        raise ValueError("no_answers")
    sides = [_text_of(value) for value in values]
    asked = question if question is not None else question_in(row)
    messages, texts = question_and_answers(asked, sides, system=system_in(row))
    listed = models_in({"models": row.get(models)} if models else row, len(values))
    own = [_model_of(value) for value in values]
    return answered_row(
        messages,
        texts,
        models=[by_itself or by_list for by_itself, by_list in zip(own, listed, strict=True)],
        scores=unit_scores(_scores(row, values)),
    )


def _listed(value: Any) -> list[Any]:
    """Return answers as a list, [] if they are neither a list nor texts by model.

    In Parquet the object of every row has the names of all models. A model without a text gave no answer.
    """
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, Mapping) and all(isinstance(text, str | None) for text in value.values()):
        return [{"model": model, "text": text} for model, text in value.items() if text is not None]
    return []


def _text_of(value: Any) -> Any:
    """Return the text or the messages of an answer. A message is an answer as it is."""
    if not isinstance(value, Mapping) or "role" in value or "from" in value:
        return value
    name = first_of(value, TEXT_KEYS)
    if name is None:
        raise ValueError("null_answer" if set(TEXT_KEYS) & value.keys() else "answer_without_text")
    return value[name]


def _model_of(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return None
    model = value.get(str(first_of(value, MODEL_KEYS)))
    return model if isinstance(model, str) and model else None


def _scores(row: Mapping[str, Any], values: Sequence[Any]) -> list[Any]:
    """Return the scores that the answers, or a list beside them, have; nulls if there are none for all."""
    own = [_score_of(value) for value in values]
    if None not in own:
        return own
    name = first_of(row, SCORE_LISTS)
    scores = row[name] if name is not None else None
    return list(scores) if isinstance(scores, list | tuple) and len(scores) == len(values) else [None] * len(values)


def _score_of(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return None
    name = first_of(value, SCORE_KEYS)
    if name == "overall_score" or name is None:
        rated = _aspects(value.get("annotations"))
        return fmean(rated) if rated else (value[name] if name else None)
    return value[name]


def _aspects(annotations: Any) -> list[float]:
    """Return UltraFeedback's ratings of one completion, 1 to 5, by aspect."""
    values = annotations.values() if isinstance(annotations, Mapping) else ()
    ratings = [number(value.get("Rating")) for value in values if isinstance(value, Mapping)]
    return [rating for rating in ratings if rating is not None]
