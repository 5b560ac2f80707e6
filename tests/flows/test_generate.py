"""generate as users see it: failures are data, keys and models that are wrong, previews, engines, several judges."""

from __future__ import annotations

import pytest
from huggingface_hub import HfApi

from curation.local import Stack
from curation.local.inference import Fault, Request, ScriptedServer, read_judge_prompt, ultrafeedback_reply
from tests.configs import two_models, write_config
from tests.conftest import CommandLine
from tests.flows.running import chats, sets_by_question, stored, with_models
from tests.scripts import scripted_reply

pytestmark = pytest.mark.stack

SEVERAL_JUDGES = """\
[[judges]]
model_id = "biased"
order = "swap"

[[judges]]
model_id = "fair"
aspects = ["helpfulness", "honesty"]
"""


@pytest.mark.parametrize(
    ("status", "reason", "attempts", "exit_code"), [(503, "http_503", 2, 3), (400, "http_400", 1, 1)]
)
def test_failures_are_stored_with_their_reasons_and_only_they_are_asked_again(
    cli: CommandLine, stack: Stack, status: int, reason: str, attempts: int, exit_code: int
) -> None:
    name = f"failed-{status}"
    config = str(two_models(write_config(cli.folder, name, every="max_attempts = 2")))
    fault = Fault(kind="status", status=status, model="large", match=r"Question [14]:", attempts=attempts)
    with ScriptedServer(scripted_reply, faults=[fault]) as server:
        line = with_models(cli, server)
        done = line.run("generate", config)
        assert done.returncode == exit_code, done.stderr
        assert "4 new candidate sets, 0 there already, 2 failed" in done.stdout
        [row] = [row.split() for row in done.stdout.splitlines() if reason in row]
        assert row == ["generate", "warm", reason, "2", str(2 * attempts)]

        failed = [one for one in sets_by_question(stored(stack, name)).values() if not one.came_through(2)]
        assert sorted(one.prompt.messages[-1].content[:10] for one in failed) == ["Question 1", "Question 4"]
        for one in failed:
            assert [candidate.generator for candidate in one.candidates] == ["cool"]
            [failure] = one.failures
            assert (failure.stage, failure.generator) == ("generate", "warm")
            assert (failure.reason, failure.attempts) == (reason, attempts)

        before = len(chats(server))
        report = line.json("generate", config)
        assert (report["made"], report["already"], report["failed"], report["failures"]) == (2, 4, 0, [])
        assert sorted(request.model for request in chats(server)[before:]) == ["judge", "judge", "large", "large"]
        assert (report["requests"], report["cached"]) == (4, 2)
        status_now = line.json("status", config)
    assert (status_now["candidate_sets"], status_now["failed"]) == (6, 0)
    assert status_now["spending"]["requests"] == 18


def test_a_set_whose_judge_failed_gets_its_ratings_next_time(cli: CommandLine, stack: Stack) -> None:
    config = str(write_config(cli.folder, "judge-failed", every="max_attempts = 2"))
    fault = Fault(kind="status", model="judge", match="Question 3:", attempts=2)
    with ScriptedServer(scripted_reply, faults=[fault]) as server:
        line = with_models(cli, server)
        report = line.json("generate", config, exit_code=3)
        assert (report["made"], report["failed"]) == (5, 1)
        assert report["failures"] == [
            {
                "stage": "judge",
                "generator": "judge",
                "reason": "http_503",
                "count": 1,
                "attempts": 2,
                "detail": "Injected fault: status 503.",
            }
        ]
        [unrated] = [one for one in sets_by_question(stored(stack, "judge-failed")).values() if one.failures]
        assert [candidate.rating for candidate in unrated.candidates] == [None, None]

        before = len(chats(server))
        report = line.json("generate", config)
        assert (report["made"], report["already"], report["failed"]) == (1, 5, 0)
        assert [request.model for request in chats(server)[before:]] == ["judge"]
        rated = stored(stack, "judge-failed").candidate_sets[unrated.id]
        assert None not in [candidate.rating for candidate in rated.candidates]
        assert line.json("generate", config)["already"] == 6
        status = line.json("status", config)
    assert (status["prompts"], status["candidate_sets"], status["failed"]) == (6, 6, 0)
    assert cli.json("push", config)["records"] == 6


def test_half_of_the_prompts_are_enough_with_min_success(cli: CommandLine) -> None:
    config = write_config(cli.folder, "half", more="\n[generate]\nmin_success = 0.5\n")
    fault = Fault(kind="status", status=400, match="Question [135]:", model="large")
    with ScriptedServer(scripted_reply, faults=[fault]) as server:
        line = with_models(cli, server)
        report = line.json("generate", str(two_models(config)))
        assert (report["made"], report["failed"]) == (3, 3)
        config.write_text(config.read_text().replace("min_success = 0.5", "min_success = 0.51"))
        # Only what failed is asked, and all of that fails again.
        report = line.json("generate", str(config), exit_code=1)
    assert (report["made"], report["already"], report["failed"]) == (0, 3, 3)


def test_a_wrong_key_ends_the_run_before_a_prompt_is_sent(cli: CommandLine) -> None:
    config = str(write_config(cli.folder, "wrong-key", every='api_key_env = "MODEL_KEY"'))
    with ScriptedServer(scripted_reply, api_key="the-right-key") as server:
        line = with_models(cli, server)
        said = line.error("generate", config, MODEL_KEY="a-wrong-key")
        assert "refused the key" in said
        assert "Set MODEL_KEY" in said
        assert "a-wrong-key" not in said
        assert not chats(server)
        assert line.json("generate", config, MODEL_KEY="the-right-key")["made"] == 6


def test_a_key_that_is_refused_in_the_middle_ends_the_run_after_a_few_and_loses_nothing(
    cli: CommandLine, stack: Stack
) -> None:
    prompts = [*(f"Early question {number}?" for number in range(3)), *(f"Late one {number}?" for number in range(60))]
    config = str(write_config(cli.folder, "expired", prompts=prompts, every='api_key_env = "MODEL_KEY"'))
    with ScriptedServer(scripted_reply, faults=[Fault(kind="status", status=401, match="Late")]) as server:
        assert "Set MODEL_KEY" in with_models(cli, server).error("generate", config, MODEL_KEY="expires")
        late = [request for request in chats(server) if "Late" in request.prompt]
    # Two generators, each with 16 requests at once; the fifth refusal ends it.
    assert 5 <= len(late) <= 2 * (16 + 4)
    finished = [one for one in stored(stack, "expired").candidate_sets.values() if one.came_through(2)]
    assert len(finished) == 3
    with ScriptedServer(scripted_reply) as server:
        report = with_models(cli, server).json("generate", config, MODEL_KEY="a-new-one")
        assert not [request for request in chats(server) if "Early" in request.prompt]
    assert (report["made"], report["already"]) == (60, 3)


def test_a_model_that_is_not_there_ends_the_run_after_a_few_and_loses_nothing(cli: CommandLine, stack: Stack) -> None:
    prompts = [f"Question {number}?" for number in range(60)]
    config = two_models(write_config(cli.folder, "no-model", prompts=prompts))
    with ScriptedServer(scripted_reply, faults=[Fault(kind="status", status=404, model="large")]) as server:
        line = with_models(cli, server)
        said = line.error("generate", str(config))
        assert "has no model 'large'" in said
        assert "Correct model_id" in said
        asked = chats(server)
        assert sum(request.model == "large" for request in asked) <= 16 + 4
        kept = list(stored(stack, "no-model").candidate_sets.values())
        assert kept
        assert {failure.reason for one in kept for failure in one.failures} == {"not_found"}

        config.write_text(config.read_text().replace('"large"', '"medium"'))
        assert line.json("generate", str(config))["made"] == 60
        small = [request for request in chats(server) if request.model == "small"]
    assert len(small) == 60


def test_a_preview_stores_nothing_and_is_not_paid_for_again(
    cli: CommandLine, stack: Stack, scripted: ScriptedServer
) -> None:
    config = str(write_config(cli.folder, "preview"))
    done = cli.run("generate", config, "--preview", "3")
    assert done.returncode == 0, done.stderr
    for number in range(3):
        assert f"user: Question {number}: what is" in done.stdout
        assert f"small at 0.2 says: Question {number}: what is" in done.stdout
        assert f"small at 1.0 says: Question {number}: what is" in done.stdout
    assert "Question 3" not in done.stdout
    assert sum(line.count(" of 5 ") for line in done.stdout.splitlines()) == 6
    assert done.stdout.count("Text 1 is ") == done.stdout.count("Text 2 is ") == 3
    assert len(chats(scripted)) == 9
    assert "At this rate all 6 prompts need 18 requests and " in done.stdout
    hub = HfApi(endpoint=stack.hub.url, token=stack.hub.token)
    assert not hub.repo_exists("acme/preview-store", repo_type="dataset")

    report = cli.json("generate", config, "--preview", "3")
    assert len(chats(scripted)) == 9
    # The preview before paid for them; all six need twice as much as the three.
    assert (report["tokens"], report["whole"]["requests"]) == (0, 18)
    questions = [one["prompt"]["messages"][-1]["content"][:10] for one in report["sets"]]
    assert questions == ["Question 0", "Question 1", "Question 2"]
    assert all(
        candidate["rating"] and candidate["rationale"] for one in report["sets"] for candidate in one["candidates"]
    )

    report = cli.json("generate", config)
    assert (report["made"], report["requests"], report["cached"]) == (6, 9, 9)
    assert len(chats(scripted)) == 18


def test_a_run_without_anything_to_ask_needs_no_endpoint(cli: CommandLine, scripted: ScriptedServer) -> None:
    config = str(write_config(cli.folder, "all-there"))
    assert cli.json("generate", config)["made"] == 6
    scripted.stop()
    assert cli.json("generate", config)["already"] == 6


@pytest.mark.engine
def test_both_engines_give_the_same_sets(cli: CommandLine, stack: Stack, scripted: ScriptedServer) -> None:
    turns = [("system", "Be brief."), ("user", "Hi!"), ("assistant", "Hello."), ("user", "And who are you?")]
    conversation = [{"role": role, "content": content} for role, content in turns]
    prompts = [conversation, *(f"Question {number}?" for number in range(3))]
    reports = {}
    for engine in ("streaming", "distilabel"):
        config = write_config(cli.folder, engine, prompts=prompts, more=f'\n[generate]\nengine = "{engine}"\n')
        reports[engine] = cli.json("generate", str(config), CURATION_CACHE=str(cli.folder / f"cache of {engine}"))
        assert len(chats(scripted)) == 12
        scripted.reset()
    facts = ("made", "failed", "failures", "judges", "requests", "cached", "tokens")
    assert [reports["distilabel"][fact] for fact in facts] == [reports["streaming"][fact] for fact in facts]
    assert reports["streaming"]["made"] == 4
    streamed, batched = (sets_by_question(stored(stack, engine)) for engine in ("streaming", "distilabel"))
    assert batched == streamed


def test_several_judges_rate_evolved_answers_too_and_people_see_best_and_worst(cli: CommandLine, stack: Stack) -> None:
    def reply(request: Request) -> str:
        if request.model == "biased" and read_judge_prompt(request.messages) is not None:
            return ultrafeedback_reply(request.messages, [5, 3, 1])
        return scripted_reply(request)

    prompts = [f"Question {number}?" for number in range(3)]
    evolve = '\n[[evolve]]\nmodel_id = "small"\nmethods = ["details"]\n'
    config = str(write_config(cli.folder, "panel", prompts=prompts, judge=SEVERAL_JUDGES, more=evolve))
    with ScriptedServer(reply) as server:
        report = with_models(cli, server).json("generate", config)
        # Two answers, one made better, two orders for the one judge, two aspects for the other.
        assert len(chats(server)) == 3 * (2 + 1 + 2 + 2)
    assert (report["made"], report["failures"], report["disagreements"]) == (3, [], 3)
    biased, fair = report["judges"]
    assert (biased["judge"], biased["swap_consistency"], biased["ties"]) == ("biased", 0.0, 1.0)
    assert (fair["judge"], fair["swap_consistency"], fair["judgements"]) == ("fair", None, 6)
    # In both orders together the one judge rates all answers equally, so there is nothing to compare.
    [pair] = report["judge_pairs"]
    assert (pair["judges"], pair["equal"]["value"], pair["undecided"]) == (["biased", "fair"], None, 1.0)

    assert cli.json("push", config)["added"] == 3
    snapshot = stored(stack, "panel")
    for record in snapshot.records.values():
        candidates = snapshot.candidate_sets[record.set_id].candidates
        assert [candidate.generator for candidate in candidates] == ["cool", "warm", "evolved"]
        assert len(record.candidates) == 2
        ratings = {candidate.id: candidate.rating or 0.0 for candidate in candidates}
        assert all(ratings.values())
        assert len(set(ratings.values())) > 1
        shown = {ratings[candidate] for candidate in record.candidates}
        assert shown == {min(ratings.values()), max(ratings.values())}
