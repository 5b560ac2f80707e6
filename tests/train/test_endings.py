"""Where a chat template goes on after the end token, strings of it train one end token, as conversations do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.train.apart import NEEDS_TRL, run_apart

pytestmark = NEEDS_TRL


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What TRL made of both layouts; in a process of its own, because torch warns where we take warnings for errors."""
    folder = tmp_path_factory.mktemp("endings")
    run_apart("tests.train.endings", folder)
    return json.loads((folder / "tokens.json").read_text())


@pytest.mark.parametrize("kind", ["dpo", "kto", "reward", "sft"])
def test_strings_give_the_tokens_that_conversations_give_up_to_the_last_end_token(kind: str, tokens: Any) -> None:
    found = tokens[kind]
    assert len(found["strings"]) == len(found["conversations"]) > 0
    for strings, conversation in zip(found["strings"], found["conversations"], strict=True):
        assert strings.keys() == conversation.keys()
        for name, text in conversation.items():
            # TRL leaves no text without an end token at its end, so that nothing can follow it.
            wanted = text if name == "prompt_ids" else text.removesuffix("\n")
            assert strings[name] == wanted
            assert name == "prompt_ids" or (text.endswith("<|end|>\n") and wanted.endswith("<|end|>"))
