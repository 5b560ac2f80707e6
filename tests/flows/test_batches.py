"""`engine = "batch"` on the command line: files out, results in, the same rows as at once, and nothing asked twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.local.inference import ScriptedServer
from tests.configs import write_config
from tests.conftest import CommandLine

pytestmark = pytest.mark.stack

PRICES = "price_in = 10\nprice_out = 10"


def send(cli: CommandLine, folder: Path, names: list[str]) -> None:
    for name in names:
        done = cli.json("local", "batch", str(folder / "requests" / name), str(folder / "results" / name))
        assert done["refused"] == 0


def test_a_curation_through_batches_is_the_one_at_once(cli: CommandLine, scripted: ScriptedServer) -> None:
    config = str(write_config(cli.folder, "batched", every=PRICES, more='\n[generate]\nengine = "batch"\n'))
    folder = cli.folder / "batches" / "batched"
    first = cli.json("generate", config, exit_code=3)
    assert (first["prompts"], first["made"], first["waiting"], first["left"]) == (6, 0, 6, 0)
    assert first["batch"]["written"] == {"0001-cool.jsonl": 6, "0002-warm.jsonl": 6}
    assert len(scripted.requests) == 0
    text = cli.run("generate", config)
    assert text.returncode == 3
    assert "12 requests waiting for results" in " ".join(text.stdout.split())

    send(cli, folder, list(first["batch"]["written"]))
    second = cli.json("generate", config, exit_code=3)
    assert (second["requests"], second["batch"]["replies"], second["waiting"]) == (12, 12, 6)
    send(cli, folder, list(second["batch"]["written"]))
    third = cli.json("generate", config)
    assert (third["made"], third["waiting"], third["batch"]["waiting"]) == (6, 0, 0)
    asked = len(scripted.requests)
    assert asked == 18

    # The usual engine, with the same settings and the same cache, has nothing to ask; without them it gives the same.
    usual = str(write_config(cli.folder, "at-once", every=PRICES))
    report = cli.json("generate", usual)
    assert (report["made"], report["requests"], report["cached"]) == (6, 0, 18)
    assert len(scripted.requests) == asked
    assert cli.json("generate", config)["made"] == 0
    spent = {name: cli.json("status", path)["spending"]["cost"] for name, path in (("batch", config), ("cache", usual))}
    fresh = cli.json("generate", str(write_config(cli.folder, "asked-anew", every=PRICES)), CURATION_CACHE="other")
    assert spent["batch"] == spent["cache"] == pytest.approx(fresh["cost"] / 2)

    assert "keeps the results of batches in the request cache" in cli.error("generate", config, "--no-cache")
    wrong = cli.folder / "wrong.jsonl"
    wrong.write_text('{"custom_id": "a"}\n')
    assert "Line 1 of" in cli.error("local", "batch", str(wrong), "out.jsonl")
