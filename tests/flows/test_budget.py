"""Money: what a run costs is said before and after, asked about where it is much, and never more than the budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from curation.local import Stack
from curation.local.inference import Fault, Reply, Request, ScriptedServer, read_judge_prompt, ultrafeedback_reply
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.running import chats, stored, with_models
from tests.terminal import on_a_terminal

pytestmark = pytest.mark.stack

PRICED = "max_new_tokens = 16\nprice_in = 1000\nprice_out = 2000"
ANSWER, JUDGEMENT = (20, 10), (2000, 16)
TOKENS = 2 * sum(ANSWER) + sum(JUDGEMENT)
COST = (2 * (20 * 1000 + 10 * 2000) + 2000 * 1000 + 16 * 2000) / 1e6
"""Of one row."""

PROMPTS = [f"Question {number}?" for number in range(12)]


def counting(answer: tuple[int, int] = ANSWER, judgement: tuple[int, int] = JUDGEMENT) -> Callable[[Request], Reply]:
    """Return a script in which every answer counts the same tokens, in and out, and so does every judgement."""

    def reply(request: Request) -> Reply:
        judges = read_judge_prompt(request.messages) is not None
        text = ultrafeedback_reply(request.messages) if judges else f"{request.temperature} {request.prompt}"
        tokens = judgement if judges else answer
        return Reply(text=text, prompt_tokens=tokens[0], completion_tokens=tokens[1])

    return reply


def paid_tokens(
    server: ScriptedServer, answer: tuple[int, int] = ANSWER, judgement: tuple[int, int] = JUDGEMENT
) -> int:
    """Return the tokens of all that the server answered."""
    answered = [one.request for one in server.requests if one.status == 200 and one.request.messages]
    judged = sum(read_judge_prompt(request.messages) is not None for request in answered)
    return judged * sum(judgement) + (len(answered) - judged) * sum(answer)


def generate_section(settings: str) -> str:
    return f"\n[generate]\n{settings}\n"


def test_the_cost_is_estimated_before_and_counted_after(cli: CommandLine) -> None:
    config = str(write_config(cli.folder, "priced", prompts=PROMPTS[:3], every=PRICED))
    with ScriptedServer(counting()) as server:
        report = with_models(cli, server).json("generate", config)
    assert report["cost"] == pytest.approx(3 * COST)
    assert report["tokens"] == 3 * TOKENS
    estimated = {stage["stage"]: stage for stage in report["estimate"]["stages"]}
    assert list(estimated) == ["generate cool", "generate warm", "judge judge"]
    for stage in estimated.values():
        # Three requests at most so long, by the config's own bound: nothing was answered before.
        assert (stage["requests"], stage["output_tokens"], stage["measured"]) == (3, 3 * 16, False)
        assert stage["cost"] == pytest.approx((stage["input_tokens"] * 1000 + stage["output_tokens"] * 2000) / 1e6)


def test_without_prices_the_cost_is_unknown_and_not_zero(cli: CommandLine) -> None:
    config = write_config(cli.folder, "unpriced", prompts=PROMPTS[:3])
    with ScriptedServer(counting()) as server:
        report = with_models(cli, server).json("generate", str(config))
        assert report["tokens"] == 3 * TOKENS
        assert report["cost"] is None
        assert [stage["cost"] for stage in report["estimate"]["stages"]] == [None, None, None]
        assert cli.json("status", str(config))["spending"]["cost"] is None

        # What is unknown may be above any limit.
        config = write_config(cli.folder, "unknown", prompts=PROMPTS, more=generate_section("confirm_above = 1000"))
        asked = len(chats(server))
        assert "cost unknown" in with_models(cli, server).error("generate", str(config))
        assert len(chats(server)) == asked


def test_a_run_above_the_limit_needs_a_yes(cli: CommandLine) -> None:
    config = write_config(
        cli.folder, "confirmed", prompts=PROMPTS[:3], every=PRICED, more=generate_section("confirm_above = 1.5")
    )
    with ScriptedServer(counting()) as server:
        line = with_models(cli, server)
        said = line.error("generate", str(config))
        assert "Nothing was asked: 3 prompts need at most 9 requests and at most 1," in said
        assert "$1.76" in said
        assert "confirm_above is $1.50" in said
        assert "--yes" in said
        assert not chats(server)
        assert line.json("generate", str(config), "--yes")["made"] == 3
        # Below the limit nobody is asked.
        more = generate_section("confirm_above = 1.8")
        config = write_config(cli.folder, "below", prompts=[f"Other {p}" for p in PROMPTS[:3]], every=PRICED, more=more)
        assert line.json("generate", str(config), CURATION_CACHE=str(cli.folder / "empty"))["made"] == 3


def test_on_a_terminal_the_answer_decides_and_a_table_shows_how_far_it_is(cli: CommandLine) -> None:
    more = generate_section("confirm_above = 0")
    config = str(write_config(cli.folder, "terminal", prompts=PROMPTS[:3], every=PRICED, more=more))
    with ScriptedServer(counting()) as server:
        line = with_models(cli, server)
        code, said = on_a_terminal(line, "generate", config, types="n\n")
        assert (code, "Go on? [y/N]" in said, "Nothing was asked" in said) == (1, True, True)
        code, said = on_a_terminal(line, "generate", config, types="\x04")
        assert (code, "Interrupted" in said, "Abort" in said) == (130, True, False)
        assert not chats(server)
        code, said = on_a_terminal(line, "generate", config, types="y\n")
        assert len(chats(server)) == 9
    assert code == 0
    for column in ("stage", "in flight", "rate", "cost", "answers: cool", "3 of 3 prompts"):
        assert column in said


def test_a_run_ends_at_its_tokens_and_goes_on_when_there_are_more(cli: CommandLine, stack: Stack) -> None:
    # One more row may cost as much as the judge when it has to be asked twice.
    budget, spare = 6 * TOKENS, TOKENS + sum(JUDGEMENT)
    more = generate_section(f"budget = {{ tokens = {budget} }}")
    config = write_config(cli.folder, "tokens", prompts=PROMPTS, every=PRICED, more=more)
    with ScriptedServer(counting()) as server:
        line = with_models(cli, server)
        first = line.json("generate", str(config))
        assert (first["failed"], first["made"] + first["left"]) == (0, 12)
        assert budget - spare < paid_tokens(server) == first["tokens"] == first["made"] * TOKENS <= budget
        assert len(stored(stack, "tokens").candidate_sets) == first["made"]

        done = line.run("generate", str(config))
        assert done.returncode == 0, done.stderr
        assert f"0 new candidate sets, {first['made']} there already" in done.stdout
        assert f"Stopped at the budget: {first['left']} prompts not asked" in done.stdout
        assert "to go on." in done.stdout
        assert paid_tokens(server) == first["tokens"]

        config.write_text(config.read_text().replace(str(budget), str(2 * budget - TOKENS)))
        second = line.json("generate", str(config))
        assert (second["failed"], second["already"]) == (0, first["made"])
        assert second["made"] + second["left"] == first["left"]
        assert min(second["made"], second["left"]) > 0
        assert paid_tokens(server) == first["tokens"] + second["tokens"] <= 2 * budget - TOKENS
        asked = Counter((request.prompt, request.temperature) for request in chats(server))
    assert set(asked.values()) == {1}


def test_a_run_ends_at_its_money(cli: CommandLine, stack: Stack) -> None:
    more = generate_section(f"budget = {{ money = {6 * COST} }}")
    config = str(write_config(cli.folder, "money", prompts=PROMPTS, every=PRICED, more=more))
    with ScriptedServer(counting()) as server:
        report = with_models(cli, server).json("generate", config)
        assert paid_tokens(server) == report["made"] * TOKENS
    assert report["cost"] == pytest.approx(report["made"] * COST)
    assert 6 * COST - 2 * COST < report["cost"] <= 6 * COST
    assert (report["failed"], report["made"] + report["left"]) == (0, 12)
    assert len(stored(stack, "money").candidate_sets) == report["made"]


def test_failed_requests_count_in_the_budget_too(cli: CommandLine) -> None:
    answer, judgement = (75, 600), (480, 20)
    # Twelve rows of fifteen get no judgement at first, and there is not enough left for all that is missing.
    budget = 15 * 2 * sum(answer) + (3 + 2) * sum(judgement)
    prompts = [f"Question {number}?" for number in range(15)]
    every = f"max_attempts = 1\n{PRICED.replace('16', '600')}"
    more = generate_section(f"budget = {{ tokens = {budget} }}")
    config = str(write_config(cli.folder, "judgeless", prompts=prompts, every=every, more=more))
    fault = Fault(kind="status", model="judge", match=r"Question \d*[1-46-9]\?", attempts=1)
    with ScriptedServer(counting(answer, judgement), faults=[fault]) as server:
        for _ in range(2):
            with_models(cli, server).run("generate", config)
        assert paid_tokens(server, answer, judgement) <= budget


def test_requests_that_a_changed_setting_leaves_the_same_count_once(cli: CommandLine) -> None:
    answer, judgement = (75, 600), (480, 20)
    row = 2 * sum(answer) + sum(judgement)
    # All rows, all again but for one answer each, and what one more may cost: its judge may be asked twice.
    budget = 12 * row + 12 * (row - sum(answer)) + row + sum(judgement)
    every = PRICED.replace("16", "600")
    more = generate_section(f"budget = {{ tokens = {budget} }}")
    config = write_config(cli.folder, "changed", prompts=PROMPTS, every=every, more=more)
    with ScriptedServer(counting(answer, judgement)) as server:
        line = with_models(cli, server)
        assert line.json("generate", str(config))["made"] == 12
        config.write_text(config.read_text().replace("temperature = 1.0", "temperature = 0.9"))
        report = line.json("generate", str(config), "--yes")
    assert (report["made"], report["left"], report["cached"]) == (12, 0, 12)
