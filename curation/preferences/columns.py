"""The names that datasets give to columns with the same meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curation.prompts.layouts import INSTRUCTION, prompt_value

QUESTIONS = ("prompt", INSTRUCTION, "question", "input", "context", "query", "history", "post")
CONVERSATIONS = ("conversations", "conversation", "messages")
SYSTEMS = ("system", "system_prompt")
ANSWER_LISTS = ("answers", "completions", "responses", "generations", "candidates", "outputs")
MODEL_LISTS = ("models", "model_names", "generation_models", "generation_model", "generators")
SCORE_LISTS = ("scores", "ratings", "rating")
TEXT_KEYS = ("text", "content", "response", "completion", "answer", "generation", "output", "value")
MODEL_KEYS = ("model", "model_name", "model_id", "generator")


def first_of(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """Return the first of these names that the row has with a value, None if it has none."""
    return next((name for name in names if row.get(name) is not None), None)


def question_in(row: Mapping[str, Any]) -> object:
    """Return what the row asks, as its columns for it have it (with Alpaca's `input`); None if it has none of them."""
    name = first_of(row, QUESTIONS)
    return None if name is None else prompt_value({**row, "system": None}, name)


def system_in(row: Mapping[str, Any]) -> object:
    """Return the system message that stands in a column of its own, None if there is none."""
    name = first_of(row, SYSTEMS)
    return None if name is None else row[name]


def models_in(row: Mapping[str, Any], count: int) -> list[str | None]:
    """Return the model of each of `count` answers from a column that lists them, null where it is not known."""
    name = first_of(row, MODEL_LISTS)
    models = row[name] if name is not None else None
    if not isinstance(models, list | tuple) or len(models) != count:
        return [None] * count
    return [model if isinstance(model, str) and model else None for model in models]
