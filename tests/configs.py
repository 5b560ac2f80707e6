"""Configs for tests, as users would write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
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

[judge]
type = "ultrafeedback"
model_id = "judge"

[publish]
repo_id = "acme/{name}"

[store]
repo_id = "acme/{name}-store"
"""


def write_config(folder: Path, name: str, *, prompts: Sequence[object] = (), more: str = "") -> Path:
    """Write prompts.jsonl and a config that names it; `more` replaces or adds sections after the usual ones."""
    rows = prompts or [f"Question {number}: what is {number} times {number}?" for number in range(6)]
    lines = [json.dumps({"instruction": row}) for row in rows]
    (folder / "prompts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    path = folder / f"{name}.toml"
    path.write_text(TOML.format(name=name) + more, encoding="utf-8")
    return path
