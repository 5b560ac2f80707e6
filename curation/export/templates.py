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

    The prompt ends where the assistant begins to speak (`add_generation_prompt`). The answer is what the text of the
    whole conversation has behind that of the prompt. Both texts are made with the row's tools and keyword arguments, as
    TRL's `apply_chat_template` does. Blanks behind the last end token are left out, because TRL adds that token to
    every text that does not end with it. The function raises DataError if the template does not take a conversation, or
    if it writes the prompt in another way once an answer follows it.
    """
    from jinja2 import TemplateError

    # A tokenizer that begins every text with this token would add it to a text that has it already.
    begins = tokenizer.bos_token is not None and tokenizer("")["input_ids"][:1] == [tokenizer.bos_token_id]
    begin = tokenizer.bos_token if begins else ""

    def render(prompt: Sequence[Message], answer: Message, template_columns: Mapping[str, Any]) -> tuple[str, str]:
        turns = [message.model_dump() for message in (*prompt, answer)]
        options = {
            "tools": json.loads(template_columns["tools"]) if template_columns.get("tools") else None,
            "tokenize": False,
            **(template_columns.get("chat_template_kwargs") or {}),
        }
        try:
            prompt_text = tokenizer.apply_chat_template(turns[:-1], add_generation_prompt=True, **options)
            full_text = tokenizer.apply_chat_template(turns, **options)
        except (TemplateError, ValueError) as error:
            raise DataError(f"The chat template does not take a conversation: {error}", remedy=REMEDY) from error
        if not full_text.startswith(prompt_text):
            raise DataError(
                "The chat template writes a prompt in another way once an answer follows it, so that prompt and answer "
                "cannot be told apart.",
                remedy=REMEDY,
            )
        answer_text, end = full_text.removeprefix(prompt_text), tokenizer.eos_token
        has_end = end is not None and answer_text.rstrip().endswith(end)
        return prompt_text.removeprefix(begin), answer_text.rstrip() if has_end else answer_text

    return render
