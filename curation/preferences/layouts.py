"""Reads a row of any preference dataset into one type, `Example`, with the faults that it has for TRL.

What the trainers do with each layout was tried out with TRL 1.16 (`DPOTrainer`, `KTOTrainer`, `RewardTrainer`, and the
experimental ORPO and CPO).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from curation.errors import DataError
from curation.files import is_written
from curation.preferences.examples import SHORTEST_REPEATED, Example, Layout, Side, Turn, text_of
from curation.preferences.row_faults import column_faults, message_faults, question_faults, role_faults

SCORE_COLUMNS = (
    ("chosen_score", "rejected_score"),
    ("score_chosen", "score_rejected"),
    ("chosen_rating", "rejected_rating"),
    ("rating_chosen", "rating_rejected"),
    ("chosen-rating", "rejected-rating"),
)
ANSWER_MARK = "\n\nAssistant:"
"""What comes before each answer in texts that contain whole conversations, as in HH-RLHF."""


def is_preference_row(row: Mapping[str, Any]) -> bool:
    """Whether the columns are those of a preference dataset: chosen and rejected, or an answer with a label.

    A completion without a label is an example to imitate (TRL's prompt-completion layout for SFT).
    """
    return _is_pair(row) or ("label" in row and ("completion" in row or "messages" in row))


def read_example(row: Mapping[str, Any]) -> Example:
    """Return a row as an Example. Raises DataError with a short reason if the row cannot be read."""
    if _is_pair(row):
        return _pair(row)
    if "completion" in row:
        return _unpaired(row)
    if "messages" in row and "label" in row:
        return _labelled_messages(row)
    if "chosen" in row and "rejected" in row:
        raise DataError("chosen and rejected are null")
    raise DataError(f"no columns of a preference dataset, only {', '.join(sorted(row)) or 'none'}")


def whole_texts(row: Mapping[str, Any]) -> tuple[str | list[Any], ...]:
    """Return prompt and answer together, as trainers join them, for each answer of a row in a layout that they accept.

    Texts are joined to texts, and messages to lists of messages with all their keys.
    """
    names = ("chosen", "rejected") if _is_pair(row) else ("completion",)
    return tuple(row[name] if row.get("prompt") is None else row["prompt"] + row[name] for name in names)


def _is_pair(row: Mapping[str, Any]) -> bool:
    return "chosen" in row and "rejected" in row and (row["chosen"], row["rejected"]) != (None, None)


def _pair(row: Mapping[str, Any]) -> Example:
    chosen, rejected = (_side(row, name) for name in ("chosen", "rejected"))
    prompt = _side(row, "prompt") if row.get("prompt") is not None else None
    layout = _pair_layout(prompt, chosen, rejected)
    if prompt is None and layout != "mixed_text_and_messages":
        prompt, chosen, rejected = without_shared_start(chosen, rejected)
    answers = [_answer(side, layout, prompt) for side in (chosen, rejected)]
    turns = None if prompt is None else _turns(prompt)
    chosen_score, rejected_score = _scores(row)
    return Example(
        layout=layout,
        prompt=turns,
        chosen=_text(answers[0]),
        rejected=_text(answers[1]),
        attachments=tuple(map(_attachments_of, answers)),
        media=_media(row),
        chosen_score=chosen_score,
        rejected_score=rejected_score,
        category=_text_or_none(row.get("category")),
        subcategory=_text_or_none(row.get("subcategory")),
        faults=(
            *column_faults(row, paired=True),
            *message_faults(row),
            *question_faults(row, layout, prompt),
            *role_faults(layout, turns, answers),
        ),
    )


def _pair_layout(prompt: Side | None, chosen: Side, rejected: Side) -> Layout:
    texts = {isinstance(side, str) for side in (prompt, chosen, rejected) if side is not None}
    if len(texts) == 2:
        return "mixed_text_and_messages"
    if prompt is None:
        return "text_implicit_prompt" if texts == {True} else "conversational_implicit_prompt"
    repeats = [_repeats(side, prompt) for side in (chosen, rejected)]
    # In texts, both answers must repeat the prompt. A single answer may well repeat the question.
    if all(repeats) if texts == {True} else any(repeats):
        return "prompt_repeated"
    return "text" if texts == {True} else "conversational"


def _unpaired(row: Mapping[str, Any]) -> Example:
    completion = _side(row, "completion")
    prompt = _side(row, "prompt") if row.get("prompt") is not None else None
    return _labelled(row, layout=_unpaired_layout(prompt, completion), prompt=prompt, completion=completion)


def _unpaired_layout(prompt: Side | None, completion: Side) -> Layout:
    if prompt is None:
        return "completion_without_prompt"
    if isinstance(prompt, str) != isinstance(completion, str):
        return "mixed_text_and_messages"
    if _repeats(completion, prompt):
        return "prompt_repeated"
    return "unpaired_text" if isinstance(completion, str) else "unpaired_conversational"


def _labelled_messages(row: Mapping[str, Any]) -> Example:
    messages = _side(row, "messages")
    if isinstance(messages, str):
        if is_written(messages):
            return _labelled(row, layout="messages_with_label", prompt=None, completion=messages)
        raise DataError("messages is a string")
    start = _last_answer(messages)
    return _labelled(row, layout="messages_with_label", prompt=messages[:start], completion=messages[start:])


def _labelled(row: Mapping[str, Any], *, layout: Layout, prompt: Side | None, completion: Side) -> Example:
    label = row.get("label")
    # True and 1 have the same effect. Other numbers do not, because a trainer adds labels up.
    known = isinstance(label, bool | int | float) and label in (0, 1)
    faults = () if known else ("label_missing",) if label is None else ("label_not_boolean",)
    answer = _answer(completion, layout, prompt)
    turns = None if prompt is None else _turns(prompt)
    return Example(
        layout=layout,
        prompt=turns,
        completion=_text(answer),
        attachments=(_attachments_of(answer),),
        media=_media(row),
        label=bool(label) if known else None,
        score=_number(row.get("score")),
        category=_text_or_none(row.get("category")),
        subcategory=_text_or_none(row.get("subcategory")),
        faults=(
            *faults,
            *column_faults(row, paired=False),
            *message_faults(row),
            *role_faults(layout, turns, [answer]),
        ),
    )


def _side(row: Mapping[str, Any], column: str) -> Side:
    """Return the text or the messages in a column. Raises DataError if the value is neither."""
    value = row[column]
    if isinstance(value, str):
        return _readable(value, column)
    if not isinstance(value, list | tuple):
        raise DataError(f"{column} is {'null' if value is None else type(value).__name__}, not a text or messages")
    return tuple(_turn(item, column) for item in value)


def _turn(value: Any, column: str) -> Turn:
    if isinstance(value, Mapping) and "from" in value and "role" not in value:
        raise DataError(f'{column} has messages with "from" and "value"; TRL reads "role" and "content"')
    if not isinstance(value, Mapping) or not isinstance(value.get("role"), str):
        raise DataError(f"{column} has an item that is no message with a role and a content")
    return Turn(value["role"], _readable(_content(value.get("content"), column), column), _attachments(value))


def _content(value: Any, column: str) -> str:
    """Return the text of a message, without parts that are not text (images). A call of a tool has no text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(part, Mapping) for part in value):
        return "".join(part["text"] for part in value if isinstance(part.get("text"), str))
    raise DataError(f"{column} has a message whose content is {type(value).__name__}")


def _readable(text: str, column: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DataError(f"{column} has half of a surrogate pair, which is no character") from None
    return text


def _attachments(message: Mapping[str, Any]) -> str:
    """Return what a message has beside its text: the calls of tools, and the parts that are not text."""
    content = message.get("content")
    parts = content if isinstance(content, list | tuple) else ()
    return _canonical([part for part in parts if part.get("type", "text") != "text"], message.get("tool_calls"))


def _media(row: Mapping[str, Any]) -> str:
    return _canonical(row.get("image"), row.get("images"))


def _canonical(*values: Any) -> str:
    """Return values as JSON that is the same for equal values, "" if all of them are empty."""
    return json.dumps(values, sort_keys=True, default=_shown) if any(values) else ""


def _shown(value: Any) -> str:
    """Return a text for a value that JSON cannot represent: a hash of the bytes of an image."""
    return blake2b(value, digest_size=16).hexdigest() if isinstance(value, bytes) else str(value)


def _turns(prompt: Side) -> tuple[Turn, ...]:
    return (Turn("user", prompt),) if isinstance(prompt, str) else prompt


def _answer(side: Side, layout: Layout, prompt: Side | None) -> Side:
    """Return the answer alone. If it contains the prompt, return what follows the last turn of somebody else."""
    if isinstance(side, str):
        return side.removeprefix(prompt) if layout == "prompt_repeated" and isinstance(prompt, str) else side
    holds_conversation = layout in {"prompt_repeated", "mixed_text_and_messages", "completion_without_prompt"}
    return side[_last_answer(side) :] if holds_conversation else side


def _text(answer: Side) -> str:
    return answer if isinstance(answer, str) else text_of(answer)


def _attachments_of(answer: Side) -> str:
    return "" if isinstance(answer, str) else "".join(turn.attachments for turn in answer)


def _last_answer(turns: Sequence[Turn]) -> int:
    """Return where the assistant's turns at the end begin, or the length if there are none."""
    start = len(turns)
    while start and turns[start - 1].role == "assistant":
        start -= 1
    return start


def _repeats(side: Side, prompt: Side) -> bool:
    """Whether a text begins with the prompt, or messages contain the last turn of the prompt."""
    if isinstance(side, str) and isinstance(prompt, str):
        return len(prompt.strip()) >= SHORTEST_REPEATED and side.startswith(prompt)
    return bool(prompt) and prompt[-1] in side


def without_shared_start(chosen: Side, rejected: Side) -> tuple[Any, Side, Side]:
    """Return (prompt, chosen, rejected), split as in `trl.extract_prompt`.

    The prompt is the longest common beginning, but never all of the shorter side. In texts that mark their answers, the
    prompt ends with the last mark that both have. (TRL also adds the common first words of the answers to the prompt,
    but the checks need whole answers.)
    """
    shared = next(
        (
            place
            for place, (chosen_part, rejected_part) in enumerate(zip(chosen, rejected, strict=False))
            if chosen_part != rejected_part
        ),
        min(len(chosen), len(rejected)),
    )
    split = min(shared, max(min(len(chosen), len(rejected)) - 1, 0))
    if isinstance(chosen, str):
        mark = chosen.rfind(ANSWER_MARK, 0, shared)
        if mark >= 0:
            split = mark + len(ANSWER_MARK)
        elif split and chosen[split - 1] == " ":
            split -= 1
    return chosen[:split], chosen[split:], rejected[split:]


def _scores(row: Mapping[str, Any]) -> tuple[float | None, float | None]:
    for chosen, rejected in SCORE_COLUMNS:
        if row.get(chosen) is not None and row.get(rejected) is not None:
            return _number(row[chosen]), _number(row[rejected])
    return None, None


def _number(value: Any) -> float | None:
    """Return a finite number, which may be written as a text; None if the value is something else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None
