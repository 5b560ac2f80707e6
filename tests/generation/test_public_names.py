"""What pipelines of one's own are built of is public: the example of the documentation runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from curation import generation
from curation.local.inference import ScriptedServer

PAGE = Path(__file__).parents[2] / "docs" / "generation.md"


def test_every_public_name_is_there_and_said_what_it_is() -> None:
    for name in generation.__all__:
        assert getattr(generation, name) is not None
    for name in ("AnswerPrompt", "EndpointsLLM", "EvolveAnswer", "FailedRow", "JudgeAnswers", "endpoints_llm", "run"):
        assert getattr(generation, name).__doc__
        assert f"`{name}" in PAGE.read_text(encoding="utf-8")
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = getattr(generation, "nothing")  # noqa: B009


def test_the_example_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    [example] = re.findall(r"```python\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    with ScriptedServer(lambda request: f"{request.messages[0]['content']} {request.prompt}") as server:
        monkeypatch.setenv("CURATION_INFERENCE_URL", server.url)
        exec(compile(example, str(PAGE), "exec"), {})
    assert capsys.readouterr().out == "Be brief. Why is the sky blue?\n"
