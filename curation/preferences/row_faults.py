"""The faults of a row of a preference dataset for TRL. Each function returns the names of faults.

How TRL's trainers treat each fault was tried out with TRL 1.16.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from curation.files import is_written
from curation.preferences.examples import REFUSED_LAYOUTS, Layout, Side, Turn, text_of

QUESTIONS = ("question", "instruction", "input")
"""Columns with the prompt in data that was not made for TRL."""

USER_TURN = re.compile(
    r"<\|im_start\|>\s*(?:user|system)\b|<\|start_header_id\|>\s*user\b|<\|user\|>|<start_of_turn>\s*user\b"
    r"|\n\s*\n(?:#+ *)?Human:"
)
"""The beginning of a user's turn in a text: the marks of chat templates and of HH-RLHF."""
MARKED_TURN = re.compile(r"^(?:#+ *)?(Human|HUMAN|User|USER)(?= ?:)", re.MULTILINE)
"""The beginning of a user's turn if the prompt is a transcript. Elsewhere it may be a dialogue that was asked for."""
ENDS_WITH_MARK = re.compile(r"^(?:#+ *)?\w+ ?:\s*\Z", re.MULTILINE)
"""The end of a prompt that is a transcript: the mark of the next answer, such as "Assistant:"."""


def column_faults(row: Mapping[str, Any], *, paired: bool) -> tuple[str, ...]:
    """Return faults for columns outside of the layout that a trainer would misread."""
    faults = {
        "column_margin": paired and "margin" in row,
        "column_images": "image" in row or "images" in row,
        "column_label": paired and "label" in row,
        "column_messages": "messages" in row and ("completion" in row or paired),
        "null_chat_template_kwargs": "chat_template_kwargs" in row and row["chat_template_kwargs"] is None,
        "empty_tools": row.get("tools") == "",
    }
    return tuple(name for name, is_present in faults.items() if is_present)


def message_faults(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a fault if messages are written as a text in any column: trainers would read them as plain text."""
    written = any(isinstance(value, str) and is_written(value) for value in row.values())
    return ("messages_as_text",) if written else ()


def question_faults(row: Mapping[str, Any], layout: Layout, prompt: Side | None) -> tuple[str, ...]:
    """Return a fault if there is a question in another column, and not in the common beginning of the answers."""
    if layout != "text_implicit_prompt" or not isinstance(prompt, str):
        return ()
    questions = [row[name].strip() for name in QUESTIONS if isinstance(row.get(name), str)]
    return ("question_not_read",) if any(questions) and not any(text in prompt for text in questions if text) else ()


def role_faults(layout: Layout, prompt: tuple[Turn, ...] | None, answers: Sequence[Side]) -> tuple[str, ...]:
    """Return faults for turns of a role that should not stand there; none in layouts that are refused anyway."""
    if layout in REFUSED_LAYOUTS:
        return ()
    prompt_text = text_of(prompt or ())
    marks = set(MARKED_TURN.findall(prompt_text)) if ENDS_WITH_MARK.search(prompt_text) else set()
    faults = {
        "prompt_ends_with_assistant": prompt and prompt[-1].role == "assistant",
        "answer_not_by_assistant": any(_has_another_voice(answer) or _goes_on(answer, marks) for answer in answers),
    }
    return tuple(name for name, is_present in faults.items() if is_present)


def _has_another_voice(answer: Side) -> bool:
    """Whether the last message is not the assistant's, or one is the user's or the system's. (Tools may speak.)"""
    if isinstance(answer, str) or not answer:
        return False
    return answer[-1].role != "assistant" or any(turn.role in {"user", "system"} for turn in answer)


def _goes_on(answer: Side, marks: set[str]) -> bool:
    """Whether a text goes on with a turn of the user, marked as in chat templates or as in the prompt."""
    texts = [answer] if isinstance(answer, str) else [turn.content for turn in answer if turn.role == "assistant"]
    return any(USER_TURN.search(text) or not marks.isdisjoint(MARKED_TURN.findall(text)) for text in texts)
