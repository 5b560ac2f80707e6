"""Any preference dataset, row by row, as one value: what TRL reads in it, and where TRL would trip.

The layouts and what the trainers do with them were found by running TRL 1.16 (`DPOTrainer`, `KTOTrainer`,
`RewardTrainer`, and the experimental ORPO and CPO).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from curation.errors import DataError

Layout = Literal[
    "conversational",
    "conversational_implicit_prompt",
    "text",
    "text_implicit_prompt",
    "mixed_text_and_messages",
    "prompt_repeated",
    "unpaired_conversational",
    "unpaired_text",
    "completion_without_prompt",
    "messages_with_label",
]
REFUSED_LAYOUTS: frozenset[Layout] = frozenset(
    {"mixed_text_and_messages", "prompt_repeated", "completion_without_prompt", "messages_with_label"}
)
"""Layouts that a trainer fails on, or that it reads as something else than was meant."""

SCORE_COLUMNS = (
    ("chosen_score", "rejected_score"),
    ("score_chosen", "score_rejected"),
    ("chosen_rating", "rejected_rating"),
    ("rating_chosen", "rating_rejected"),
)


class Turn(NamedTuple):
    """One message; the role is any string, because chat templates know more roles than ours."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Example:
    """One row of a preference dataset, whatever its layout: a pair (chosen, rejected) or a completion with a label.

    Texts are the answers alone: an implicit or repeated prompt is taken out. `prompt` is null where the layout has
    none. `label` is null in pairs, and where it is not a boolean (then `faults` says so). `faults` names what is wrong
    with the row as TRL reads it.
    """

    layout: Layout
    prompt: tuple[Turn, ...] | None
    chosen: str | None = None
    rejected: str | None = None
    completion: str | None = None
    label: bool | None = None
    chosen_score: float | None = None
    rejected_score: float | None = None
    score: float | None = None
    category: str | None = None
    subcategory: str | None = None
    faults: tuple[str, ...] = ()

    @property
    def paired(self) -> bool:
        """Whether the row is a pair rather than one labelled completion."""
        return self.chosen is not None

    @property
    def answers(self) -> tuple[str, ...]:
        """Chosen and rejected, or the completion."""
        return tuple(text for text in (self.chosen, self.rejected, self.completion) if text is not None)

    @property
    def wanted(self) -> str | None:
        """What a model learns to say: chosen, or a completion whose label is true."""
        return self.chosen if self.paired else self.completion if self.label else None

    @property
    def unwanted(self) -> str | None:
        """What a model learns not to say: rejected, or a completion whose label is false."""
        return self.rejected if self.paired else self.completion if self.label is False else None

    @property
    def prompt_text(self) -> str:
        """The contents of the prompt's messages, a blank line between two; "" without a prompt."""
        return text_of(self.prompt or ())


def is_preference_row(row: Mapping[str, Any]) -> bool:
    """Whether the columns are those of a preference dataset: chosen and rejected, or a label and what it is about.

    A completion without a column for labels is there to be imitated (TRL's prompt-completion layout for SFT).
    """
    return _is_pair(row) or ("label" in row and ("completion" in row or "messages" in row))


def read_example(row: Mapping[str, Any]) -> Example:
    """Return what a row says; DataError with a short reason if nothing can be read from it."""
    if _is_pair(row):
        return _pair(row)
    if "completion" in row:
        return _unpaired(row)
    if "messages" in row and "label" in row:
        return _labelled_messages(row)
    raise DataError(f"no columns of a preference dataset, only {', '.join(sorted(row)) or 'none'}")


def whole_texts(row: Mapping[str, Any]) -> tuple[str | list[Any], ...]:
    """Return prompt and answer, joined as trainers join them, for each answer of a row in a layout that they take.

    Texts give texts, messages lists of messages with all that the row says of them.
    """
    names = ("chosen", "rejected") if _is_pair(row) else ("completion",)
    return tuple(row[name] if row.get("prompt") is None else row["prompt"] + row[name] for name in names)


def text_of(turns: Sequence[Turn]) -> str:
    """Return the contents of messages, a blank line between two."""
    return "\n\n".join(turn.content for turn in turns)


def _is_pair(row: Mapping[str, Any]) -> bool:
    return "chosen" in row and "rejected" in row and (row["chosen"], row["rejected"]) != (None, None)


def _pair(row: Mapping[str, Any]) -> Example:
    chosen, rejected = (_side(row, name) for name in ("chosen", "rejected"))
    prompt = _side(row, "prompt") if row.get("prompt") is not None else None
    texts = [isinstance(side, str) for side in (prompt, chosen, rejected) if side is not None]
    layout: Layout
    if len(set(texts)) == 2:
        layout = "mixed_text_and_messages"
    elif isinstance(chosen, str) and isinstance(rejected, str):
        layout = "text" if prompt is not None else "text_implicit_prompt"
    elif prompt is None:
        layout = "conversational_implicit_prompt"
    else:
        repeated = any(_repeats(side, prompt) for side in (chosen, rejected))
        layout = "prompt_repeated" if repeated else "conversational"
    if prompt is None and layout != "mixed_text_and_messages":
        prompt, chosen, rejected = _without_shared_start(chosen, rejected)
    turns = None if prompt is None else _turns(prompt)
    chosen_score, rejected_score = _scores(row)
    return Example(
        layout=layout,
        prompt=turns,
        chosen=_answer(chosen, layout),
        rejected=_answer(rejected, layout),
        chosen_score=chosen_score,
        rejected_score=rejected_score,
        category=_text_or_none(row.get("category")),
        subcategory=_text_or_none(row.get("subcategory")),
        faults=(*_column_faults(row, paired=True), *_message_faults(row), *_role_faults(layout, turns)),
    )


def _unpaired(row: Mapping[str, Any]) -> Example:
    completion = _side(row, "completion")
    prompt = _side(row, "prompt") if row.get("prompt") is not None else None
    layout: Layout
    if prompt is None:
        layout = "completion_without_prompt"
    elif isinstance(prompt, str) != isinstance(completion, str):
        layout = "mixed_text_and_messages"
    elif isinstance(completion, str):
        layout = "unpaired_text"
    else:
        layout = "prompt_repeated" if _repeats(completion, prompt) else "unpaired_conversational"
    return _labelled(row, layout=layout, prompt=None if prompt is None else _turns(prompt), completion=completion)


def _labelled_messages(row: Mapping[str, Any]) -> Example:
    messages = _side(row, "messages")
    if isinstance(messages, str):
        raise DataError("messages is a string")
    start = _last_answer(messages)
    return _labelled(row, layout="messages_with_label", prompt=messages[:start], completion=messages[start:])


def _labelled(
    row: Mapping[str, Any], *, layout: Layout, prompt: tuple[Turn, ...] | None, completion: str | tuple[Turn, ...]
) -> Example:
    label = row.get("label")
    # True and 1 train alike; a trainer adds labels up, so that no other number means true.
    known = isinstance(label, bool | int | float) and label in (0, 1)
    faults = () if known else ("label_missing",) if label is None else ("label_not_boolean",)
    return Example(
        layout=layout,
        prompt=prompt,
        completion=_answer(completion, layout),
        label=bool(label) if known else None,
        score=_number(row.get("score")),
        category=_text_or_none(row.get("category")),
        subcategory=_text_or_none(row.get("subcategory")),
        faults=(
            *faults,
            *_column_faults(row, paired=False),
            *_message_faults(row),
            *_role_faults(layout, prompt),
        ),
    )


def _side(row: Mapping[str, Any], column: str) -> str | tuple[Turn, ...]:
    """Return a text or messages; DataError if the value is neither."""
    value = row[column]
    if isinstance(value, str):
        return value
    if not isinstance(value, list | tuple):
        raise DataError(f"{column} is {'null' if value is None else type(value).__name__}, not a text or messages")
    return tuple(_turn(item, column) for item in value)


def _turn(value: Any, column: str) -> Turn:
    if isinstance(value, Mapping) and "from" in value and "role" not in value:
        raise DataError(f'{column} has messages with "from" and "value"; TRL reads "role" and "content"')
    if not isinstance(value, Mapping) or not isinstance(value.get("role"), str):
        raise DataError(f"{column} has an item that is no message with a role and a content")
    return Turn(value["role"], _content(value.get("content"), column))


def _content(value: Any, column: str) -> str:
    """Return the text of a message; parts that are no text (images) are left out, a call of a tool has none."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(part, Mapping) for part in value):
        return "".join(part["text"] for part in value if isinstance(part.get("text"), str))
    raise DataError(f"{column} has a message whose content is {type(value).__name__}")


def _turns(prompt: str | tuple[Turn, ...]) -> tuple[Turn, ...]:
    return (Turn("user", prompt),) if isinstance(prompt, str) else prompt


def _answer(side: str | tuple[Turn, ...], layout: Layout) -> str:
    """Return the text of an answer; where the prompt stands before it, only what follows the last other turn."""
    if isinstance(side, str):
        return side
    whole = layout in {"prompt_repeated", "mixed_text_and_messages", "completion_without_prompt"}
    return text_of(side[_last_answer(side) :] if whole else side)


def _last_answer(turns: Sequence[Turn]) -> int:
    """Return the position where the assistant's turns at the end begin; the length if there are none."""
    start = len(turns)
    while start and turns[start - 1].role == "assistant":
        start -= 1
    return start


def _repeats(side: str | tuple[Turn, ...], prompt: str | tuple[Turn, ...]) -> bool:
    """Whether messages begin with the last turns of the prompt."""
    return any(side[:length] == prompt[-length:] for length in range(1, len(prompt) + 1))


def _without_shared_start(
    chosen: str | tuple[Turn, ...], rejected: str | tuple[Turn, ...]
) -> tuple[Any, str | tuple[Turn, ...], str | tuple[Turn, ...]]:
    """Split as `trl.extract_prompt` does: the longest shared start is the prompt, but never all of the shorter side."""
    end = max(min(len(chosen), len(rejected)) - 1, 0)
    split = next((place for place in range(end) if chosen[place] != rejected[place]), end)
    if split and isinstance(chosen, str) and chosen[split - 1] == " ":
        split -= 1
    return chosen[:split], chosen[split:], rejected[split:]


def _column_faults(row: Mapping[str, Any], *, paired: bool) -> tuple[str, ...]:
    """Name the columns beside the layout's own that a trainer takes for something else."""
    found = {
        "column_margin": paired and "margin" in row,
        "column_images": "image" in row or "images" in row,
        "column_label": paired and "label" in row,
        "column_messages": "messages" in row and ("completion" in row or paired),
        "null_chat_template_kwargs": "chat_template_kwargs" in row and row["chat_template_kwargs"] is None,
        "empty_tools": row.get("tools") == "",
    }
    return tuple(name for name, there in found.items() if there)


def _message_faults(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Name messages that were written as a text, which trainers would read as the text itself."""
    starts = ('[{"role"', "[{'role'", '[{"content"', "[{'content'")
    sides = (row.get(name) for name in ("prompt", "chosen", "rejected", "completion"))
    written = any(isinstance(side, str) and side.startswith(starts) for side in sides)
    return ("messages_as_text",) if written else ()


def _role_faults(layout: Layout, prompt: tuple[Turn, ...] | None) -> tuple[str, ...]:
    if prompt is None or layout in REFUSED_LAYOUTS:
        return ()
    return ("prompt_ends_with_assistant",) if prompt and prompt[-1].role == "assistant" else ()


def _scores(row: Mapping[str, Any]) -> tuple[float | None, float | None]:
    for chosen, rejected in SCORE_COLUMNS:
        if row.get(chosen) is not None and row.get(rejected) is not None:
            return _number(row[chosen]), _number(row[rejected])
    return None, None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None
