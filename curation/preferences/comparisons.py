"""Rows with two answers side by side and a column that says which is better: HelpSteer3, arenas, SafeRLHF, SHP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from curation.preferences.answered import AnsweredRow, answered_row, number
from curation.preferences.columns import question_in, system_in
from curation.preferences.sides import question_and_answers

ANSWERS = (
    ("response1", "response2"),
    ("response_1", "response_2"),
    ("response_a", "response_b"),
    ("response_0", "response_1"),
    ("answer_a", "answer_b"),
    ("completion_a", "completion_b"),
    ("output_a", "output_b"),
    ("conversation_a", "conversation_b"),
    ("human_ref_A", "human_ref_B"),
)
"""The columns with the two answers. A conversation ends with its answer."""
STRENGTHS = ("overall_preference", "preference_strength")
"""Columns that say by how much the second answer is better, -3 to 3: those of HelpSteer3 and of HelpSteer2."""
STRONGEST = 3
WINNERS = ("winner", "preference", "preferred", "better_response_id", "better", "choice", "label", "labels")
TIES = re.compile(r"tie\b.*|both.*|equal|same|neither|none")
PLACES = (re.compile(r"(?:.*[^a-z0-9])?(?:a|first|left)"), re.compile(r"(?:.*[^a-z0-9])?(?:b|second|right)"))
"""How a label names the first and the second answer: "a", "model_a", "Response A"."""


def has_comparison(row: Mapping[str, Any]) -> bool:
    """Whether the row has two answers side by side."""
    return _answers_in(row) is not None


def read_comparison(row: Mapping[str, Any]) -> AnsweredRow:
    """Return the two answers, with the scores that the label of the row amounts to (none if it is null).

    A strength of s for the second answer gives (3 - s) / 6 and (3 + s) / 6: HelpSteer3's -3 gives 1 and 0. Raises
    ValueError "unreadable_label" for a label that names neither answer, and those of `question_and_answers`.
    """
    names = _answers_in(row)
    assert names is not None
    question = None if names[0].startswith("conversation") else question_in(row)
    messages, texts = question_and_answers(question, [row[name] for name in names], system=system_in(row))
    models = [_text(row, f"model{name.removeprefix(stem)}") for name in names for stem in [_stem(names)]]
    return answered_row(messages, texts, models=models, scores=_scores(row, names))


def score_of_label(value: Any, names: tuple[str, str]) -> float | None:
    """Return 1 if a label names the first answer, 0 if the second, 0.5 for a tie, None if it is null.

    `names` are the columns of the answers. A label may also be the part in which they differ, such as "1" or "2".
    """
    if value is None or value == "":
        return None
    label = str(value).strip().lower()
    stem = _stem(names)
    for place, name in enumerate(names):
        if label in {name.lower(), name.removeprefix(stem).lower().strip("_-")} or PLACES[place].fullmatch(label):
            return 1.0 - place
    if TIES.fullmatch(label):
        return 0.5
    raise ValueError("unreadable_label")


def _answers_in(row: Mapping[str, Any]) -> tuple[str, str] | None:
    return next((names for names in ANSWERS if names[0] in row and names[1] in row), None)


def _stem(names: tuple[str, str]) -> str:
    """Return what two names begin with in common: "response" of "response1" and "response2"."""
    shared = next((place for place, (a, b) in enumerate(zip(*names, strict=False)) if a != b), 0)
    return names[0][:shared].rstrip("_-")


def _scores(row: Mapping[str, Any], names: tuple[str, str]) -> list[float | None]:
    for column in STRENGTHS:
        if column in row:
            return _of_strength(row[column])
    for column in WINNERS:
        if column in row:
            value = row[column]
            # SHP says 1 where the first answer is better, and 0 where the second is.
            first = number(value) if column == "labels" else score_of_label(value, names)
            return [None, None] if first is None else [first, 1 - first]
    if any(number(row.get(f"winner_{name}")) for name in ("model_a", "model_b", "tie")):
        first = float(row.get("winner_model_a") or 0) + float(row.get("winner_tie") or 0) / 2
        return [first, 1 - first]
    return [None, None]


def _of_strength(value: Any) -> list[float | None]:
    if value is None:
        return [None, None]
    strength = number(value)
    if strength is None or abs(strength) > STRONGEST:
        raise ValueError("unreadable_label")
    return [(STRONGEST - strength) / (2 * STRONGEST), (STRONGEST + strength) / (2 * STRONGEST)]


def _text(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    return value if isinstance(value, str) and value else None
