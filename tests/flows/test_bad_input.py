"""Bad input and bad services: a sentence that names the fault and the mend, the right exit code, and nothing lost."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from curation.generation.cache import RequestCache
from curation.local import Stack
from curation.local.inference import Fault, Reply, Request, ScriptedServer, read_judge_prompt
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.running import chats, with_models
from tests.scripts import scripted_reply

pytestmark = pytest.mark.stack

LONG = "word " * 40_000
ODD = "مرحبا بالعالم 👩‍👩‍👧‍👦 \u202eabc\u202c e\u0301"


def dead_address() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_every_kind_of_prompt_is_asked_or_dropped_with_a_reason(cli: CommandLine, scripted: ScriptedServer) -> None:
    prompts: list[object] = [
        "",
        "   \n",
        "A good question?",
        " A good question? ",
        [{"role": "system", "content": "You are kind."}],
        [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}],
        "NUL \0 here",
        "lone \ud83d surrogate",
        LONG,
        [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": ""}, {"role": "user", "content": "And?"}],
        [{"role": "user", "content": "Hi"}] * 501,
        ODD,
        7,
        None,
    ]
    report = cli.json("generate", str(write_config(cli.folder, "prompts", prompts=prompts)))
    assert report["dropped"] == {
        "empty": 3,
        "duplicate": 1,
        "only_a_system_message": 1,
        "does_not_end_with_the_user": 1,
        "nul_or_surrogate_characters": 2,
        "not_a_string_or_messages": 1,
        # What Argilla could show to nobody is not paid for.
        "prompt_too_long_to_show": 1,
        "empty_turn": 1,
        "too_many_turns_to_show": 1,
    }
    assert report["prompts"] == 14 == sum(report["dropped"].values()) + report["made"] + report["failed"]
    assert report["made"] == 2
    asked = {exchange.request.messages[-1]["content"] for exchange in scripted.requests if exchange.request.messages}
    assert ODD in asked
    assert LONG not in asked


def test_if_every_prompt_is_dropped_the_report_has_the_reasons_and_remedies(cli: CommandLine) -> None:
    answered = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    config = write_config(cli.folder, "all-dropped", prompts=["", answered, answered])
    done = cli.run("generate", str(config))
    assert done.returncode == 1, done.stderr
    assert "0 new candidate sets, 0 there already, 0 failed, 3 dropped" in done.stdout
    assert re.search(r"Dropped prompts: .*does_not_end_with_the_user", done.stdout)
    assert "Nothing was asked, because every prompt was dropped." in done.stdout
    said = " ".join(done.stdout.split())
    assert "set leave_out_answers = true under [prompts]." in said
    config.write_text(config.read_text().replace("[prompts]", "[prompts]\nleave_out_answers = true"))
    assert cli.json("generate", str(config))["made"] == 1


def test_odd_text_reaches_reviewers_as_it_is(cli: CommandLine) -> None:
    config = str(write_config(cli.folder, "odd-text", prompts=[ODD]))
    cli.json("generate", config)
    report = cli.json("push", config)
    assert (report["added"], report["skipped"], report["refused"]) == (1, {}, {})


def test_an_error_about_a_wrong_column_names_the_existing_columns(cli: CommandLine) -> None:
    config = write_config(cli.folder, "column")
    config.write_text(
        config.read_text().replace('path = "prompts.jsonl"', 'path = "prompts.jsonl"\ncolumn = "question"')
    )
    sentence = cli.error("generate", str(config))
    assert "no column 'question'; it has 'instruction'" in sentence


def test_a_private_dataset_without_a_token_is_an_access_error(cli: CommandLine, stack: Stack) -> None:
    HfApi(endpoint=stack.hub.url, token=stack.hub.token).create_repo(
        "acme/secret-prompts", repo_type="dataset", private=True
    )
    config = write_config(cli.folder, "private")
    text = config.read_text().replace(
        'type = "file"\npath = "prompts.jsonl"', 'type = "hub"\nrepo_id = "acme/secret-prompts"'
    )
    config.write_text(text)
    sentence = cli.error("generate", str(config), HF_TOKEN="")
    assert "HF_TOKEN is not set" in sentence
    wrong = cli.error("generate", str(config), HF_TOKEN="hf_wrong")
    assert "HF_TOKEN" in wrong
    assert "hf_wrong" not in wrong


def test_prompts_from_the_hub_are_read_at_a_recorded_commit(cli: CommandLine, stack: Stack) -> None:
    api = HfApi(endpoint=stack.hub.url, token=stack.hub.token)
    api.create_repo("acme/some-prompts", repo_type="dataset", private=True)
    rows = "".join(json.dumps({"instruction": f"Question {number}?"}) + "\n" for number in range(5))
    api.upload_file(
        path_or_fileobj=rows.encode(), path_in_repo="data.jsonl", repo_id="acme/some-prompts", repo_type="dataset"
    )
    config = write_config(cli.folder, "from-hub")
    source = 'type = "hub"\nrepo_id = "acme/some-prompts"\nlimit = 3'
    config.write_text(config.read_text().replace('type = "file"\npath = "prompts.jsonl"', source))
    report = cli.json("generate", str(config))
    assert report["made"] == 3
    assert report["source"] == f"acme/some-prompts@{api.dataset_info('acme/some-prompts').sha}"
    config.write_text(config.read_text().replace("limit = 3", 'limit = 3\nsplit = "nonsense"'))
    assert "split 'nonsense'" in cli.error("generate", str(config))
    config.write_text(config.read_text().replace('split = "nonsense"', 'revision = "no-such-branch"'))
    assert "no such revision" in cli.error("generate", str(config))


def test_an_argilla_that_does_not_answer_is_a_temporary_problem(cli: CommandLine) -> None:
    config = str(write_config(cli.folder, "dead-argilla"))
    cli.json("generate", config)
    dead = {"ARGILLA_API_URL": dead_address(), "CURATION_PATIENCE": "5"}
    why = "did not answer within 5 s (CURATION_PATIENCE): the connection broke (ConnectError)"
    assert why in cli.error("push", config, exit_code=3, **dead)
    cli.json("push", config)
    assert why in cli.error("sync", config, exit_code=3, **dead)
    assert cli.run("check", config, **dead).returncode == 3
    assert "refused the key" in cli.error("push", config, ARGILLA_API_KEY="wrong-key-of-some-length")
    assert "ARGILLA_API_KEY not set" in cli.error("push", config, ARGILLA_API_KEY="")


def test_an_address_that_is_not_that_of_an_argilla_server_is_an_error(cli: CommandLine, stack: Stack) -> None:
    config = str(write_config(cli.folder, "not-argilla"))
    cli.json("generate", config)
    sentence = cli.error("push", config, ARGILLA_API_URL=stack.hub.url)
    assert "Argilla" in sentence


def test_an_error_about_a_missing_workspace_names_the_existing_ones(cli: CommandLine) -> None:
    config = str(write_config(cli.folder, "workspace", more='\n[review]\nworkspace = "nowhere"\n'))
    cli.json("generate", config)
    assert "no workspace 'nowhere'; there are: 'argilla'" in cli.error("push", config)


def test_a_dead_endpoint_stops_the_run_before_anything_is_paid_for(cli: CommandLine, scripted: ScriptedServer) -> None:
    config = write_config(cli.folder, "dead-endpoint")
    text = config.read_text().replace('name = "warm"', f'name = "warm"\nbase_url = "{dead_address()}/v1"')
    config.write_text(text)
    assert "warm" in cli.error("generate", str(config), exit_code=3)
    assert not [exchange for exchange in scripted.requests if exchange.request.messages]
    assert cli.run("check", str(config)).returncode == 3


def test_an_endpoint_that_answers_html_fails_every_prompt_with_that_reason(cli: CommandLine) -> None:
    with ScriptedServer(scripted_reply, faults=[Fault(kind="html", model="small")]) as server:
        config = str(write_config(cli.folder, "html", prompts=["One?", "Two?"], every="max_attempts = 2"))
        report = with_models(cli, server).json("generate", config, exit_code=3)
    assert (report["made"], report["failed"]) == (0, 2)
    page = {"stage": "generate", "reason": "reply_is_html", "count": 2, "attempts": 4, "detail": "502 Bad Gateway"}
    assert sorted(report["failures"], key=lambda failure: failure["generator"]) == [
        {**page, "generator": name} for name in ("cool", "warm")
    ]


def test_one_bad_answer_and_one_bad_rating_cost_only_themselves(cli: CommandLine) -> None:
    def reply(request: Request) -> str | Reply:
        if read_judge_prompt(request.messages) is not None:
            return (
                "#### Output for Text 1\nRating: high\nRationale: a\n\n#### Output for Text 2\nRating: 4\nRationale: b"
            )
        if "bad" in request.prompt and request.temperature == 1.0:
            return "a NUL \0 in it"
        return f"{request.temperature} {request.prompt}"

    prompts = [f"Question {number}?" for number in range(5)] + ["The bad one?"]
    with ScriptedServer(reply) as server:
        config = str(write_config(cli.folder, "bad-one", prompts=prompts, every="max_attempts = 2"))
        report = with_models(cli, server).json("generate", config, exit_code=1)
    assert (report["made"], report["failed"]) == (5, 1)
    ratings = [failure for failure in report["failures"] if failure["stage"] == "rating"]
    assert {failure["reason"] for failure in ratings} == {"rating_is_not_a_number"}
    # Each was asked for once more, and said the same again.
    assert (sum(one["count"] for one in ratings), sum(one["attempts"] for one in ratings)) == (5, 10)
    [failure] = [failure for failure in report["failures"] if failure["stage"] != "rating"]
    assert failure == {
        "stage": "generate",
        "generator": "warm",
        "reason": "nul_or_surrogate_characters",
        "count": 1,
        "attempts": 2,
        "detail": None,
    }


def test_check_reports_a_token_that_may_only_read(cli: CommandLine, stack: Stack) -> None:
    config = write_config(cli.folder, "elsewhere")
    config.write_text(config.read_text().replace("acme/elsewhere", "somebody/elsewhere"))
    done = cli.run("check", str(config))
    assert done.returncode == 1
    assert "may not write to somebody" in done.stdout
    assert "HF_TOKEN" in cli.error("generate", str(config))


def test_a_verb_that_comes_too_early_names_the_verb_to_run_first(cli: CommandLine) -> None:
    config = str(write_config(cli.folder, "early"))
    assert "acme/early-store" in cli.error("push", config)
    assert "acme/early-store" in cli.error("publish", config)
    cli.json("generate", config)
    assert "`curation push` first" in cli.error("sync", config)
    assert "No row to publish" in cli.error("publish", config)


def test_usage_and_config_errors_have_their_exit_codes(cli: CommandLine, tmp_path: Path) -> None:
    assert cli.run("generate").returncode == 2
    assert "There is no config file" in cli.error("generate", str(tmp_path / "none.toml"))
    config = write_config(cli.folder, "typo", more='\n[review]\ndatasett = "x"\n')
    sentence = cli.error("check", str(config))
    assert "review.datasett is not a setting (see docs/configuration.md); did you mean dataset?" in sentence


def test_an_interrupted_generate_keeps_what_was_paid_for(cli: CommandLine, scripted: ScriptedServer) -> None:
    faults = [Fault(kind="hang", match="Question 5", seconds=60)]
    with ScriptedServer(scripted_reply, faults=faults) as server:
        config = str(write_config(cli.folder, "interrupted"))
        settings = {
            **cli.settings,
            "CURATION_INFERENCE_URL": server.url,
            "HF_HOME": str(cli.folder / "hf"),
            "CURATION_CACHE": str(cli.folder / "cache"),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "curation", "generate", config],
            env={**os.environ, **settings},
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 300
        # Fifteen replies are sent; let the last of them be read.
        with RequestCache(cli.folder / "cache" / "requests.sqlite") as cache:
            while cache.info().replies < 15 and time.monotonic() < deadline:
                time.sleep(0.1)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert re.search("Interrupted", said)
    report = cli.json("generate", config)
    assert (report["already"], report["made"]) == (5, 1)
    assert len(chats(scripted)) == 3
