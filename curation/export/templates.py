"""Rows as the strings that a tokenizer's chat template makes of them, as TRL's trainers would."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from curation.errors import DataError
from curation.export.strings import Render
from curation.types import Message

REMEDY = "Name another tokenizer, or keep the conversations and let the trainer apply its template."


def chat_template(tokenizer: Any) -> Render:
    """Return the function that applies the chat template of a transformers tokenizer.

    The prompt ends where the assistant begins to speak (`add_generation_prompt`), the answer is what the template of
    the whole conversation adds to it, given the row's tools and keyword arguments (TRL's `apply_chat_template`). Blanks
    after a last end token are left out: TRL adds that token to every text that does not end with it. The function
    raises DataError for a conversation that the template does not take, and where it rewrites the prompt once
    it is answered, so that no string could be cut there.
    """
    from jinja2 import TemplateError

    # A tokenizer that begins every text with this token would begin these with two of them.
    begins = tokenizer.bos_token is not None and tokenizer("")["input_ids"][:1] == [tokenizer.bos_token_id]
    begin = tokenizer.bos_token if begins else ""

    def render(prompt: Sequence[Message], answer: Message, given: Mapping[str, Any]) -> tuple[str, str]:
        turns = [message.model_dump() for message in (*prompt, answer)]
        options = {
            "tools": json.loads(given["tools"]) if given.get("tools") else None,
            "tokenize": False,
            **(given.get("chat_template_kwargs") or {}),
        }
        try:
            asked = tokenizer.apply_chat_template(turns[:-1], add_generation_prompt=True, **options)
            whole = tokenizer.apply_chat_template(turns, **options)
        except (TemplateError, ValueError) as error:
            raise DataError(f"The chat template does not take a conversation: {error}", remedy=REMEDY) from error
        if not whole.startswith(asked):
            raise DataError(
                "The chat template writes a prompt in another way once it is answered, so that prompt and answer "
                "cannot be told apart.",
                remedy=REMEDY,
            )
        answered, end = whole.removeprefix(asked), tokenizer.eos_token
        ended = end is not None and answered.rstrip().endswith(end)
        return asked.removeprefix(begin), answered.rstrip() if ended else answered

    return render
