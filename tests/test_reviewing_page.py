"""What docs/reviewing.md says to run is run: its line for cron is one that a shell takes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs" / "reviewing.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCK.findall(DOCS.read_text(encoding="utf-8")) if name == language]


def test_the_line_for_cron_refreshes_with_the_settings_of_the_file(tmp_path: Path) -> None:
    [line] = [text for text in blocks("") if "refresh.log" in text]
    minute, hour, day, month, weekday, command = line.split(maxsplit=5)
    assert (minute, hour, day, month, weekday) == ("17", "*", "*", "*", "*")
    assert "%" not in command, "cron ends a command at a percent sign"
    folder = tmp_path / "curation"
    program = folder / ".venv" / "bin" / "curation"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$HF_TOKEN $*"\nexit 3\n')
    program.chmod(0o700)
    (folder / "curation.env").write_text("HF_TOKEN=hf_of_the_file\n")
    done = subprocess.run(
        ["/bin/sh", "-c", command], env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, timeout=300, check=False
    )
    assert done.returncode == 3
    assert (folder / "refresh.log").read_text() == "hf_of_the_file refresh helpful.toml --format quiet\n"
