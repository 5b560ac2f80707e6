"""Counts the tokens of a conversation for the model that will be trained, as TRL's trainers count them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from curation.errors import DataError
from curation.hub import DEFAULT_ENDPOINT
from curation.tokenizer import load_tokenizer
from curation.types import Message


class TokenCounter:
    """Counts with a tokenizer from the Hub ("owner/name[@revision]") or from a folder, which must have a chat template.

    It should be the tokenizer of the instruction-tuned model that will be trained. In `[quality]` it is the option
    `tokenizer`, in `curation lint` --tokenizer. Raises the errors of `curation.tokenizer.load_tokenizer`.
    """

    def __init__(self, tokenizer: str, *, endpoint: str = DEFAULT_ENDPOINT, token: str | None = None) -> None:
        self._tokenizer = load_tokenizer(tokenizer, endpoint=endpoint, token=token)

    def count(self, messages: Sequence[Message]) -> int:
        """Return the number of tokens of the messages in the chat template.

        If the conversation ends with the user, the opening of the answer is counted too, as in TRL's prompts.
        """
        turns = [message.model_dump() for message in messages]
        return self._count_turns(turns, add_generation_prompt=messages[-1].role == "user")

    def longest(self, wholes: Sequence[str | Sequence[Any]], row: Mapping[str, Any]) -> int:
        """Return the number of tokens of the longest of `wholes`: prompt and answer joined, for each answer of a row.

        Messages are counted in the chat template, which is given the row's `tools` and `chat_template_kwargs`; texts as
        they are, with the end-of-sequence token (TRL 1.16, `_prepare_dataset` of DPO, KTO and Reward). Raises DataError
        if the template does not take the messages: trainers raise an error then too.
        """
        return max(self._count_whole(whole, row) for whole in wholes)

    def _count_whole(self, whole: str | Sequence[Any], row: Mapping[str, Any]) -> int:
        if isinstance(whole, str):
            end = self._tokenizer.eos_token or ""
            # `verbose=False` avoids a warning about texts that are too long for the model: these are what we look for.
            return len(self._tokenizer(text=whole.removesuffix(end) + end, verbose=False)["input_ids"])
        from jinja2 import TemplateError

        try:
            tools = row.get("tools")
            options = {
                "tools": json.loads(tools) if isinstance(tools, str) else tools,
                **(row.get("chat_template_kwargs") or {}),
            }
            return self._count_turns(list(whole), **options)
        except (TemplateError, TypeError, ValueError) as error:
            raise DataError(f"The chat template does not take the messages: {error}") from error

    def _count_turns(self, turns: list[Any], **options: Any) -> int:
        encoded = self._tokenizer.apply_chat_template(
            turns, tokenize=True, return_dict=True, tokenizer_kwargs={"verbose": False}, **options
        )
        return len(encoded["input_ids"])
