"""Prompts as rows of a distilabel pipeline. Nothing here imports distilabel."""

from __future__ import annotations

import json
from typing import Any

from curation.types import AnsweredPrompt, Prompt

GIVEN = ("answers", "generations", "generation_models")
"""The columns that the row of a prompt with answers has besides those of every prompt."""


def prompt_row(prompt: Prompt) -> dict[str, Any]:
    """Return a prompt as a row for the first step of the pipeline. `instruction` is the conversation as one text.

    A prompt with answers also has them, as texts in `generations`, where a judge reads them, and whole in `answers`.
    """
    messages = [message.model_dump() for message in prompt.messages]
    turns = [message for message in messages if message["role"] != "system"]
    if len(turns) == 1:
        instruction = turns[0]["content"]
    else:
        instruction = "\n\n".join(f"{message['role'].capitalize()}: {message['content']}" for message in turns)
    row = {"prompt_id": prompt.id, "messages": messages, "instruction": instruction}
    if not isinstance(prompt, AnsweredPrompt):
        return {**row, "prompt": prompt.model_dump_json()}
    return {
        **row,
        "prompt": prompt.alone.model_dump_json(),
        "answers": json.dumps([answer.model_dump() for answer in prompt.answers]),
        "generations": [answer.text for answer in prompt.answers],
        "generation_models": [answer.generator for answer in prompt.answers],
    }
