"""Configs for tests, as users would write them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

TOML = """\
name = "{name}"

[prompts]
type = "file"
path = "prompts.jsonl"

[[generators]]
model_id = "small"
name = "cool"
temperature = 0.2

[[generators]]
model_id = "small"
name = "warm"
temperature = 1.0

{judge}
[publish]
repo_id = "acme/{name}"

[store]
repo_id = "acme/{name}-store"
"""

JUDGE = """\
[judge]
type = "ultrafeedback"
model_id = "judge"
"""


def take_name(name: str) -> None:
    """Fail if another test file has a curation of this name: both would have one store and one dataset in Argilla.

    Each name is a link to the file that took it, in a folder that all workers of a run share (tests/conftest.py). So a
    clash shows in every run, and not only where one worker happens to run both files.
    """
    if "PYTEST_CURRENT_TEST" not in os.environ:
        return  # A benchmark.
    file = os.environ["PYTEST_CURRENT_TEST"].partition("::")[0]
    link = Path(os.environ["CURATION_TEST_NAMES"], name)
    with suppress(FileExistsError):
        link.symlink_to(file)
    taken_by = str(link.readlink())
    assert taken_by == file, f"the curation {name!r} is that of {taken_by}: give the one of {file} a name of its own"


def write_config(
    folder: Path, name: str, *, prompts: Sequence[object] = (), judge: str = JUDGE, every: str = "", more: str = ""
) -> Path:
    """Write prompts.jsonl and a config that names it.

    `judge` takes the place of the usual [judge], `every` goes into the section of every model, `more` to the end.
    A name that another test file has taken fails.
    """
    take_name(name)
    rows = prompts or [f"Question {number}: what is {number} times {number}?" for number in range(6)]
    lines = [json.dumps({"instruction": row}) for row in rows]
    (folder / "prompts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = TOML.format(name=name, judge=judge) + more
    path = folder / f"{name}.toml"
    path.write_text(re.sub("^model_id = ", f"{every}\nmodel_id = ", text, flags=re.MULTILINE), encoding="utf-8")
    return path


def two_models(config: Path) -> Path:
    """Let the generator "warm" be the model "large", so that a server can tell it from "cool" by its model."""
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace('"small"\nname = "warm"', '"large"\nname = "warm"'), encoding="utf-8")
    return config
