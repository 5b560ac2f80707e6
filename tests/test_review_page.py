"""What docs/review.md says to run is run: its script adds reviewers, its line for cron is one a shell takes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs" / "review.md"
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


@pytest.mark.stack
def test_the_script_adds_annotators_to_the_workspace(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import httpx2

    stack = request.getfixturevalue("stack")
    for name, value in stack.settings().items():
        monkeypatch.setenv(name, value)
    [script] = [text for text in blocks("python") if "rg.User" in text]
    scope: dict[str, object] = {}
    exec(script.replace('"nadia", "tomas"', '"docs-nadia", "docs-tomas"'), scope)
    passwords = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert passwords.keys() == {"docs-nadia", "docs-tomas"}
    for username, password in passwords.items():
        login = httpx2.post(
            f"{stack.argilla.url}/api/v1/token", data={"username": username, "password": password}, trust_env=False
        )
        token = login.raise_for_status().json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        with httpx2.Client(base_url=f"{stack.argilla.url}/api/v1", headers=headers, trust_env=False) as client:
            assert client.get("/me").json()["role"] == "annotator"
            assert [item["name"] for item in client.get("/me/workspaces").json()["items"]] == ["argilla"]
