"""Strings of a chat template: what follows the end token is left out, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from curation.export import chat_template
from curation.types import Message


class Ended:
    """A tokenizer whose template puts `end` after every turn."""

    bos_token = None

    def __init__(self, end: str, eos_token: str | None) -> None:
        self.end = end
        self.eos_token = eos_token

    def apply_chat_template(
        self, turns: list[dict[str, str]], *, add_generation_prompt: bool = False, **options: Any
    ) -> str:
        return "".join(f"<{turn['role']}>{turn['content']}{self.end}" for turn in turns) + "<assistant>" * (
            add_generation_prompt
        )


@pytest.mark.parametrize(
    ("end", "eos_token", "answer"),
    [
        ("<e>\n", "<e>", " So. \n<e>"),
        ("<e>", "<e>", " So. \n<e>"),
        ("<turn>\n", "<e>", " So. \n<turn>\n"),
        ("", "<e>", " So. \n"),
        ("<e>\n", None, " So. \n<e>\n"),
    ],
)
def test_an_answer_ends_where_its_end_token_does(end: str, eos_token: str | None, answer: str) -> None:
    render = chat_template(Ended(end, eos_token))
    prompt, answered = render([Message(role="user", content="Why?")], Message(role="assistant", content=" So. \n"), {})
    assert (prompt, answered) == (f"<user>Why?{end}<assistant>", answer)
