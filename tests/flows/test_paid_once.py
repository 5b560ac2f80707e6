"""What was paid for is kept: through kill -9, a Hub that fails at the wrong moment, and a changed setting."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from curation.local import Stack
from curation.local.inference import Latency, ScriptedServer, content_key, read_judge_prompt
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.scripts import scripted_reply

pytestmark = pytest.mark.stack

PROMPTS = [f"Question {number}: why?" for number in range(40)]


def asked(server: ScriptedServer) -> Counter[str]:
    return Counter(
        content_key(exchange.request.model, exchange.request.messages) + str(exchange.request.temperature)
        for exchange in server.requests
        if exchange.request.messages
    )


def test_a_killed_run_loses_only_the_requests_in_flight(cli: CommandLine) -> None:
    with ScriptedServer(scripted_reply, latency=Latency(median_s=0.1)) as server:
        config = str(write_config(cli.folder, "paid-once-killed", prompts=PROMPTS))
        line = CommandLine({**cli.settings, "CURATION_INFERENCE_URL": server.url}, cli.folder)
        environment = {**os.environ, **line.settings, "CURATION_CACHE": str(cli.folder / "cache")}
        seen = 0
        for kill in range(2):
            process = subprocess.Popen(
                [sys.executable, "-m", "curation", "generate", config],
                env={**environment, "HF_HOME": str(cli.folder / "hf")},
                stderr=subprocess.DEVNULL,
            )
            deadline = time.monotonic() + 300
            while sum(asked(server).values()) < seen + 30 and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(random.Random(kill).random() * 0.1)
            process.send_signal(signal.SIGKILL)
            process.wait()
            seen = sum(asked(server).values())
        report = line.json("generate", config)
        assert (report["made"] + report["already"], report["failed"]) == (40, 0)
        answered_twice = Counter(
            content_key(exchange.request.model, exchange.request.messages) + str(exchange.request.temperature)
            for exchange in server.requests
            if exchange.request.messages and exchange.status == 200
        )
        # Three models with 16 requests each can be in flight at either kill; all else was paid for once.
        assert sum(count - 1 for count in answered_twice.values()) <= 2 * 48
        assert len(answered_twice) == 120
        server.reset()
        assert line.json("generate", config)["already"] == 40
        assert not asked(server)


def test_a_hub_that_fails_at_the_commit_costs_no_second_request(
    cli: CommandLine, stack: Stack, scripted: ScriptedServer
) -> None:
    config = str(write_config(cli.folder, "hub-away"))
    stack.hub.fail(r"/api/datasets/acme/hub-away-store/commit", status=503, count=1000)
    assert "503" in cli.error("generate", config, exit_code=3)
    stack.hub.clear_faults()
    paid = sum(asked(scripted).values())
    assert paid == 18
    report = cli.json("generate", config)
    assert report["made"] == 6
    assert sum(asked(scripted).values()) == paid


def test_if_a_generator_changes_only_it_and_the_judge_are_asked(cli: CommandLine, scripted: ScriptedServer) -> None:
    config = write_config(cli.folder, "one-changed")
    cli.json("generate", str(config))
    scripted.reset()
    config.write_text(config.read_text().replace("temperature = 1.0", "temperature = 0.9"))
    assert cli.json("generate", str(config), "--yes")["made"] == 6
    requests = [exchange.request for exchange in scripted.requests if exchange.request.messages]
    answers = [request for request in requests if read_judge_prompt(request.messages) is None]
    assert {request.temperature for request in answers} == {0.9}
    assert len(answers) == 6
    assert len(requests) == 12


def test_the_cache_can_be_looked_at_switched_off_and_pruned(cli: CommandLine, scripted: ScriptedServer) -> None:
    config = str(write_config(cli.folder, "cached"))
    cli.json("generate", config)
    info = cli.json("cache", "info")
    assert info["models"] == {"judge": 6, "small": 12}
    assert (cli.folder / "cache" / "requests.sqlite").stat().st_mode & 0o777 == 0o600
    content = b"".join(path.read_bytes() for path in (cli.folder / "cache").iterdir() if path.is_file())
    assert cli.settings["HF_TOKEN"].encode() not in content
    assert "18 replies deleted" in cli.run("cache", "prune", "--days", "0").stdout
    assert cli.json("cache", "info")["replies"] == 0
