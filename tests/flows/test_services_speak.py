"""Services that speak their own way: money that was spent is counted, a few prompts stop nothing, one run at a time."""

from __future__ import annotations

import json
import threading
from collections import Counter

import pytest

from curation.local import Stack
from curation.local.inference import Fault, Reply, Request, ScriptedServer
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.running import chats, stored, with_models

pytestmark = pytest.mark.stack

PRICED = "max_new_tokens = 16\nprice_in = 1000\nprice_out = 2000\nmax_attempts = 2"
PROMPTS = [f"Question {number}?" for number in range(8)]
CUT = json.dumps(
    {
        "choices": [{"message": {"content": None}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 16},
    }
)


def reply(request: Request) -> Reply:
    """Every answer counts 20 tokens in and 10 out."""
    return Reply(text=f"{request.temperature} {request.prompt}", prompt_tokens=20, completion_tokens=10)


def without_judge(cli: CommandLine, name: str, *, prompts: list[str], more: str = "") -> str:
    return str(write_config(cli.folder, name, prompts=prompts, judge="", every=PRICED, more=more))


def test_money_paid_for_useless_replies_is_counted_in_every_run_and_in_status(cli: CommandLine) -> None:
    config = without_judge(cli, "wasted", prompts=PROMPTS[:2])
    # Of each prompt one answer, 20 in and 10 out; of the other generator a reply that was cut, 20 in and 16 out.
    answers, cut = 2 * (20 * 1000 + 10 * 2000) / 1e6, 2 * (20 * 1000 + 16 * 2000) / 1e6
    with ScriptedServer(reply, faults=[Fault(kind="status", status=200, body=CUT, match="Question")]) as server:
        line = with_models(cli, server)
        report = line.json("generate", config, exit_code=1)
    assert (report["requests"], report["useless"], report["tokens"]) == (0, 4, 4 * 36)
    assert report["cost"] == pytest.approx(2 * cut)
    assert {one["detail"] for one in report["failures"]} == {"16 tokens went into reasoning; raise max_new_tokens"}
    assert line.json("status", config)["spending"] == {
        "requests": 4,
        "tokens": 4 * 36,
        "cost": pytest.approx(2 * cut),
        "known_cost": pytest.approx(2 * cut),
        "uncounted": 0,
    }
    with ScriptedServer(reply) as server:
        line = CommandLine({**cli.settings, "CURATION_INFERENCE_URL": server.url}, cli.folder)
        report = line.json("generate", config)
    assert (report["made"], report["requests"], report["useless"]) == (2, 4, 0)
    spent = line.json("status", config)["spending"]
    # The address is another, so nothing is known of the first run but what the store has.
    assert (spent["requests"], spent["tokens"]) == (8, 4 * 36 + 4 * 30)
    assert spent["cost"] == pytest.approx(2 * cut + 2 * answers)


def test_a_budget_is_kept_over_several_runs_with_useless_replies(cli: CommandLine) -> None:
    # Seven replies of 36 tokens and less than one row more.
    config = without_judge(cli, "wasted-budget", prompts=PROMPTS, more="\n[generate]\nbudget = { tokens = 300 }\n")
    with ScriptedServer(reply, faults=[Fault(kind="status", status=200, body=CUT, match="Question")]) as server:
        line = with_models(cli, server)
        for _ in range(4):
            line.run("generate", config)
        paid = 36 * len(chats(server))
        spent = line.json("status", config)["spending"]["tokens"]
    assert spent == paid
    assert 36 <= paid <= 300 + 2 * 36


def test_prompts_that_are_refused_in_unknown_words_do_not_stop_the_run(cli: CommandLine, stack: Stack) -> None:
    config = without_judge(cli, "refused", prompts=[f"Odd {number}?" for number in range(6)] + PROMPTS)
    odd = Fault(kind="status", status=400, body='{"error": {"message": "Nope, key-1234-sesame."}}', match="^Odd")
    with ScriptedServer(reply, faults=[odd]) as server:
        line = with_models(cli, server)
        first = line.run("generate", config)
        second = line.run("generate", config)
        assert second.returncode == 1, second.stderr
        third = line.json("generate", config, exit_code=1)
    assert first.returncode == 1
    assert "Nope" in first.stderr + first.stdout
    assert "Nope, key-1234-sesame" not in second.stdout
    assert "Nope, ***" in second.stdout
    assert (third["made"], third["already"], third["failed"]) == (0, 8, 6)
    assert sum(one.came_through(2) for one in stored(stack, "refused").candidate_sets.values()) == 8


def test_a_second_run_on_the_same_store_names_the_first_and_pays_nothing(cli: CommandLine) -> None:
    config = without_judge(cli, "two-runs", prompts=PROMPTS, more="\n[generate]\nbudget = { tokens = 10000 }\n")
    with ScriptedServer(reply, faults=[Fault(kind="hang", seconds=1.5)]) as server:
        line = with_models(cli, server)
        outcomes = []

        def run() -> None:
            outcomes.append(line.run("generate", config))

        runs = [threading.Thread(target=run) for _ in range(2)]
        for one in runs:
            one.start()
        for one in runs:
            one.join()
        assert len(chats(server)) == 16
        refused, done = sorted(outcomes, key=lambda outcome: outcome.returncode, reverse=True)
        assert (refused.returncode, done.returncode) == (3, 0)
        assert "Another `curation generate` fills acme/two-runs-store from this machine (process " in refused.stderr
        assert line.json("generate", config)["already"] == 8
        assert line.json("status", config)["spending"]["tokens"] == 16 * 30


def test_two_curations_that_ask_the_same_at_the_same_time_pay_for_it_once(cli: CommandLine) -> None:
    configs = [without_judge(cli, name, prompts=PROMPTS) for name in ("this", "that")]
    with ScriptedServer(reply, faults=[Fault(kind="hang", seconds=1.5)]) as server:
        line = with_models(cli, server)
        reports = []

        def run(config: str) -> None:
            reports.append(line.json("generate", config))

        runs = [threading.Thread(target=run, args=(config,)) for config in configs]
        for one in runs:
            one.start()
        for one in runs:
            one.join()
        asked = Counter((request.prompt, request.temperature) for request in chats(server))
    assert set(asked.values()) == {1}
    assert [report["made"] for report in reports] == [8, 8]
    assert sum(report["requests"] for report in reports) == 16
    assert sum(report["cached"] for report in reports) == 16
