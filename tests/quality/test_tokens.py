"""Tokens of a conversation, with a tokenizer made on the spot whose every word is one token."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from curation.errors import ConfigError, MissingError
from curation.local import Stack
from curation.quality.tokens import TokenCounter
from curation.types import Message

ROOT = Path(__file__).parents[2]
needs_transformers = pytest.mark.skipif(
    find_spec("transformers") is None, reason="transformers is missing: make test ALL=1"
)
TEMPLATE = (
    "{% for message in messages %}<{{ message['role'] }}> {{ message['content'] }} <end> {% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
ASKED = (Message(role="system", content="be brief"), Message(role="user", content="one two three"))
ANSWERED = (*ASKED, Message(role="assistant", content="four"))


def write_tokenizer(folder: Path, template: str | None = TEMPLATE, *, eos: str | None = None) -> Path:
    tokenizers, transformers = import_module("tokenizers"), import_module("transformers")
    vocabulary = {word: number for number, word in enumerate(["<unk>", "<end>", "<assistant>", "one"])}
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token=eos)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.train
@needs_transformers
def test_the_template_and_the_opening_of_the_answer_count(tmp_path: Path) -> None:
    counter = TokenCounter(str(write_tokenizer(tmp_path / "tokenizer")))
    # <system> be brief <end> <user> one two three <end> <assistant>
    assert counter.count(ASKED) == 10
    # ... <user> one two three <end> <assistant> four <end>
    assert counter.count(ANSWERED) == 12


@pytest.mark.train
@needs_transformers
def test_a_tokenizer_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    folder = write_tokenizer(tmp_path / "tokenizer", None)
    with pytest.raises(ConfigError, match=r"has no chat template.*instruction-tuned"):
        TokenCounter(str(folder))


@pytest.mark.train
@needs_transformers
def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="has no tokenizer"):
        TokenCounter(str(tmp_path))


@pytest.mark.train
@needs_transformers
@pytest.mark.parametrize("content", ["{", "{}", "[]"])
def test_a_tokenizer_that_is_broken_is_refused(tmp_path: Path, content: str) -> None:
    folder = write_tokenizer(tmp_path / "tokenizer")
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(MissingError, match="has no tokenizer that `transformers` can read"):
        TokenCounter(str(folder))


@pytest.mark.parametrize("name", ["", "no-owner", "./missing", "/missing/folder", "a/b/c"])
def test_what_is_neither_a_folder_nor_a_model_is_named(name: str) -> None:
    with pytest.raises(MissingError, match="neither a folder nor the name of a model"):
        TokenCounter(name)


@pytest.mark.slow
def test_without_transformers_the_extra_is_named(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['transformers'] = None\n"
        "from curation.quality.tokens import TokenCounter\n"
        "from curation.errors import ConfigError\n"
        "try:\n    TokenCounter(sys.argv[1])\n"
        "except ConfigError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": "."},
    )
    assert "which is not installed. Install it with: pip install 'curation[train]'" in done.stdout


@pytest.mark.stack
@pytest.mark.train
@needs_transformers
def test_a_tokenizer_of_the_hub_counts_the_same(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    api = HfApi(endpoint=stack.hub.url, token=stack.hub.token)
    api.create_repo("acme/tokenizer", private=True)
    api.upload_folder(repo_id="acme/tokenizer", folder_path=write_tokenizer(tmp_path / "tokenizer"))
    counter = TokenCounter("acme/tokenizer@main", endpoint=stack.hub.url, token=stack.hub.token)
    assert counter.count(ANSWERED) == 12
    with pytest.raises(MissingError, match="acme/no-such-tokenizer does not exist"):
        TokenCounter("acme/no-such-tokenizer", endpoint=stack.hub.url, token=stack.hub.token)
