"""What a run leaves on this machine is for its owner alone: prompts, answers, names and comments are in it."""

from __future__ import annotations

import json
import stat

import pytest
from huggingface_hub import HfApi

from curation.local import Stack
from tests.configs import write_config
from tests.conftest import CommandLine

pytestmark = pytest.mark.stack


def test_every_file_that_a_run_leaves_is_private(cli: CommandLine, stack: Stack) -> None:
    api = HfApi(endpoint=stack.hub.url, token=stack.hub.token)
    api.create_repo("acme/private-files-prompts", repo_type="dataset", private=True)
    rows = "".join(json.dumps({"instruction": f"What is {number} times {number}?"}) + "\n" for number in range(4))
    api.upload_file(
        path_or_fileobj=rows.encode(),
        path_in_repo="data/train.jsonl",
        repo_id="acme/private-files-prompts",
        repo_type="dataset",
    )
    config = write_config(cli.folder, "private-files")
    text = config.read_text(encoding="utf-8")
    config.write_text(
        text.replace('type = "file"\npath = "prompts.jsonl"', 'type = "hub"\nrepo_id = "acme/private-files-prompts"'),
        encoding="utf-8",
    )
    temporary = cli.folder / "tmp"
    temporary.mkdir()
    before = {config, cli.folder / "prompts.jsonl", temporary}
    for verb in ("generate", "push", "sync"):
        cli.json(verb, str(config), TMPDIR=str(temporary))
    # huggingface_hub's locks are empty, and anybody's.
    left = [path for path in cli.folder.rglob("*") if path not in before and path.suffix != ".lock"]
    assert any(path.is_relative_to(cli.folder / "hf") for path in left)
    assert any(path.is_relative_to(cli.folder / "cache") for path in left)
    readable = [path for path in left if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert readable == []
