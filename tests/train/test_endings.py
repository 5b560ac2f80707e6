"""Where a chat template goes on after the end token, strings of it train one end token, as conversations do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.train,
    pytest.mark.skipif(
        find_spec("trl") is None or find_spec("torch") is None, reason="torch and TRL are missing: make test ALL=1"
    ),
]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What TRL made of both layouts; in a process of its own, because torch warns where we take warnings for errors."""
    folder = tmp_path_factory.mktemp("endings")
    done = subprocess.run(
        [sys.executable, "-m", "tests.train.endings", str(folder)],
        cwd=ROOT,
        env={**os.environ, "HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
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
