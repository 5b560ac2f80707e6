"""Rows that say which answer is chosen and which rejected, or whether a single answer is good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curation.preferences.answered import AnsweredRow, answered_row, number, truth
from curation.preferences.columns import CONVERSATIONS, first_of, question_in, system_in
from curation.preferences.layouts import SCORE_COLUMNS
from curation.preferences.sides import conversation_and_answer, question_and_answers, question_before

PAIRS = (("chosen", "rejected"), ("chosen_response", "rejected_response"))
"""The columns of a pair: TRL's, which most datasets have, and datafast's."""
SCORES = (*SCORE_COLUMNS, ("chosen_response_score", "rejected_response_score"))
MODELS = (
    ("chosen_model", "rejected_model"),
    ("chosen-model", "rejected-model"),
    ("chosen_model_id", "rejected_model_id"),
    ("model_chosen", "model_rejected"),
)
TIE = 0.5
LABELS = ("label", "kto_tag")
"""Whether an answer is good: TRL's column, and LLaMA-Factory's."""


def has_pair(row: Mapping[str, Any]) -> bool:
    """Whether the row has the columns of a pair."""
    return _pair_in(row, PAIRS) is not None


def read_pair(row: Mapping[str, Any]) -> AnsweredRow:
    """Return a pair: 1 for chosen and 0 for rejected, 0.5 for both if the row's own scores or status say it is a tie.

    Raises ValueError with a reason: "scores_contradict_labels" if the rejected answer has the higher score, or those of
    `question_and_answers`.
    """
    pair = _pair_in(row, PAIRS)
    assert pair is not None
    question = question_in(row)
    if question is None and (name := first_of(row, CONVERSATIONS)) is not None:
        question = question_before(row[name])
    sides = [row[name] for name in pair]
    messages, texts = question_and_answers(question, sides, system=system_in(row))
    return answered_row(messages, texts, models=_models(row, sides), scores=_scores(row))


def has_label(row: Mapping[str, Any]) -> bool:
    """Whether the row is one answer with a label that says whether it is good."""
    return first_of(row, LABELS) is not None and ("completion" in row or "output" in row or _conversation_in(row) != "")


def read_labelled(row: Mapping[str, Any]) -> AnsweredRow:
    """Return one answer: 1 if its label is true, 0 if it is false. Raises ValueError as `read_pair`."""
    label = truth(row[str(first_of(row, LABELS))])
    name = next((name for name in ("completion", "output") if name in row), None)
    if name is not None:
        messages, [text] = question_and_answers(question_in(row), [row[name]], system=system_in(row))
    else:
        messages, text = conversation_and_answer(row[_conversation_in(row)], system=system_in(row))
    score = None if label is None else float(label)
    return answered_row(messages, [text], models=[_model(row, "model")], scores=[score])


def _conversation_in(row: Mapping[str, Any]) -> str:
    return first_of(row, CONVERSATIONS) or ""


def _pair_in(row: Mapping[str, Any], names: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
    return next((pair for pair in names if pair[0] in row and pair[1] in row), None)


def _scores(row: Mapping[str, Any]) -> list[float | None]:
    """Return the scores of chosen and rejected."""
    names = _pair_in(row, SCORES)
    chosen, rejected = (number(row[name]) for name in names) if names is not None else (None, None)
    if chosen is not None and rejected is not None and chosen < rejected:
        raise ValueError("scores_contradict_labels")
    if row.get("status") == "tie" or (chosen is not None and chosen == rejected):
        return [TIE, TIE]
    return [1.0, 0.0]


def _models(row: Mapping[str, Any], sides: Sequence[object]) -> list[str | None]:
    """Return the models of chosen and rejected: from columns of their own, or from the list of all generations."""
    names = _pair_in(row, MODELS)
    if names is not None:
        return [_model(row, name) for name in names]
    generations, models = row.get("generations"), row.get("generation_models", row.get("generation_model"))
    if not isinstance(generations, list) or not isinstance(models, list) or len(models) != len(generations):
        return [None, None]
    by_text = [(text, model) for text, model in zip(generations, models, strict=True) if isinstance(model, str)]
    return [next((model for text, model in by_text if text == side), None) for side in sides]


def _model(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    return value if isinstance(value, str) and value else None
