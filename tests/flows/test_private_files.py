"""What a run leaves on this machine is for its owner alone: prompts, answers, names and comments are in it."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import HfApi

import curation
from curation.local import Stack
from tests.configs import write_config
from tests.conftest import CommandLine

pytestmark = pytest.mark.stack


SCRIPT = """\
import sys
from pathlib import Path
import curation

config = curation.load_config(Path(sys.argv[1]))
curation.generate(config)
curation.push(config)
"""


def prompts_on_the_hub(cli: CommandLine, stack: Stack, name: str) -> Path:
    """Write a config whose prompts are those of a private dataset on the Hub with a card."""
    repo_id = f"acme/{name}-prompts"
    api = HfApi(endpoint=stack.hub.url, token=stack.hub.token)
    api.create_repo(repo_id, repo_type="dataset", private=True)
    rows = "".join(json.dumps({"instruction": f"What is {number} times {number}?"}) + "\n" for number in range(4))
    for path, content in (("data/train.jsonl", rows), ("README.md", "---\nlicense: mit\n---\n# Prompts of Ann's\n")):
        api.upload_file(path_or_fileobj=content.encode(), path_in_repo=path, repo_id=repo_id, repo_type="dataset")
    config = write_config(cli.folder, name)
    text = config.read_text(encoding="utf-8")
    of_a_file = 'type = "file"\npath = "prompts.jsonl"'
    config.write_text(text.replace(of_a_file, f'type = "hub"\nrepo_id = "{repo_id}"'), encoding="utf-8")
    return config


def readable_by_others(folder: Path) -> list[Path]:
    """Return the files that have a content and that others may read. huggingface_hub's locks are empty."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_size]
    assert files
    return [path for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077]


def test_files_that_a_script_reads_from_the_hub_are_private_too(cli: CommandLine, stack: Stack) -> None:
    config = prompts_on_the_hub(cli, stack, "private-script")
    script = cli.folder / "launch.py"
    script.write_text(SCRIPT, encoding="utf-8")
    environment = {**cli.environment(), "PYTHONPATH": str(Path(curation.__file__).parent.parent)}
    subprocess.run([sys.executable, str(script), str(config)], env=environment, check=True, timeout=300, umask=0o022)
    assert readable_by_others(cli.folder / "hf") == []
    assert readable_by_others(cli.folder / "cache") == []


def test_every_file_that_a_run_leaves_is_private(cli: CommandLine, stack: Stack) -> None:
    config = prompts_on_the_hub(cli, stack, "private-files")
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
