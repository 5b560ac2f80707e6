"""How far a generation is, for people and for programs: on stderr, so that stdout is the report alone."""

from __future__ import annotations

import json
import re

import pytest

from curation.local.inference import Fault, Latency, ScriptedServer
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.running import with_models
from tests.scripts import scripted_reply
from tests.terminal import on_a_terminal

pytestmark = pytest.mark.stack

STAGES = ["generate cool", "generate warm", "judge judge"]
LABELS = ["answers: cool", "answers: warm", "judge"]


def test_programs_get_events_on_stderr_and_one_object_on_stdout(cli: CommandLine) -> None:
    prompts = [f"Question {number}?" for number in range(4)]
    config = str(write_config(cli.folder, "events", prompts=prompts, every="max_concurrency = 2"))
    # It takes longer than from one event to the next, and the judge's server pushes back at first.
    faults = [Fault(kind="status", status=429, model="judge", attempts=1)]
    with ScriptedServer(scripted_reply, latency=Latency(median_s=0.4), faults=faults) as server:
        done = with_models(cli, server).run("generate", config, "--format", "json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "estimate"
    assert kinds[-1] == "done"
    assert "progress" in kinds
    assert kinds.count("estimate") == kinds.count("done") == 1
    assert [stage["stage"] for stage in events[0]["stages"]] == STAGES
    last = events[-1]
    assert (last["prompts"], last["done"], last["failed"], last["tokens"]) == (4, 4, 0, report["tokens"])
    for event in events:
        if event["event"] in {"progress", "done"}:
            assert [stage["stage"] for stage in event["stages"]] == STAGES
    assert any("judge: 2 -> 1 requests at once" in event.get("text", "") for event in events)
    assert [stage["done"] for stage in last["stages"]] == [4, 4, 4]
    assert [stage["in_flight"] for stage in last["stages"]] == [0, 0, 0]
    assert report["made"] == 4


def test_an_error_is_an_event_too(cli: CommandLine) -> None:
    config = str(write_config(cli.folder, "error-event", every='api_key_env = "MODEL_KEY"'))
    with ScriptedServer(scripted_reply, api_key="right") as server:
        done = with_models(cli, server).run("generate", config, "--format", "json", MODEL_KEY="wrong")
    assert (done.returncode, done.stdout) == (1, "")
    error = json.loads(done.stderr.splitlines()[-1])
    assert (error["error"], "MODEL_KEY" in error["remedy"]) == ("AuthError", True)


def test_a_log_has_lines_for_people_and_quiet_prints_nothing(cli: CommandLine) -> None:
    config = str(write_config(cli.folder, "log"))
    done = cli.run("generate", config)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[0].startswith("Estimate: 6 prompts need at most 18 requests and at most ")
    [summary] = [line for line in lines if line.startswith("Generating: 6 of 6 prompts, 0 failed")]
    stages = lines[lines.index(summary) + 1 :][:3]
    assert [line.strip().split("  ")[0] for line in stages] == LABELS
    assert all("6 of 6 done" in line and "0 failed" in line for line in stages)
    assert "Generating" not in done.stdout
    assert "\x1b" not in done.stdout + done.stderr

    again = str(write_config(cli.folder, "quiet"))
    done = cli.run("generate", again, "--format", "quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_run_goes_on_to_its_end_if_its_output_is_closed(cli: CommandLine) -> None:
    config = str(write_config(cli.folder, "unread"))
    assert cli.unread("generate", config) == (0, "")
    assert cli.json("generate", config)["already"] == 6


@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal_every_line_fits_its_width(cli: CommandLine, columns: int) -> None:
    config = write_config(cli.folder, f"narrow-{columns}")
    code, said = on_a_terminal(cli, "generate", config.name, columns=columns)
    assert code == 0, said
    lines = re.split(r"[\r\n]+", said)
    assert max(len(line.rstrip()) for line in lines) <= columns
    heads = [line for line in lines if line.startswith("stage")]
    assert {"done", "rate", "left", "cost"} <= set(heads[-1].split())
    for label in LABELS:
        assert any(line.startswith(f"{label} ") and "6 of 6" in line for line in lines)
    words = " ".join(said.split())
    assert "6 prompts of prompts.jsonl@" in words
    assert f"Store: acme/narrow-{columns}-store." in words


def test_ok_is_coloured_on_a_terminal(cli: CommandLine) -> None:
    config = write_config(cli.folder, "coloured")
    code, said = on_a_terminal(cli, "check", config.name, columns=80, plain=False)
    assert code == 0, said
    assert "\x1b[32mok    \x1b[0mtoken: " in said
    assert "\x1b" not in cli.run("check", str(config)).stdout
