"""The loop end to end, as users run it: real Hub, real Argilla, models by script; once, twice and interrupted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi

from curation.local import Stack
from curation.local.inference import ScriptedServer
from curation.local.reviewers import Fields, simulate_reviewers
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.running import stored

pytestmark = pytest.mark.stack


def argilla(stack: Stack) -> httpx2.Client:
    return httpx2.Client(
        base_url=f"{stack.argilla.url}/api/v1",
        headers={"X-Argilla-Api-Key": stack.argilla.api_key},
        timeout=30,
        trust_env=False,
    )


def dataset_id(http: httpx2.Client, name: str) -> str:
    [found] = [item["id"] for item in http.get("/me/datasets").json()["items"] if item["name"] == name]
    return str(found)


def workspace_id(http: httpx2.Client, name: str) -> str:
    return next(str(item["id"]) for item in http.get("/me/workspaces").json()["items"] if item["name"] == name)


def answers(http: httpx2.Client, name: str) -> list[dict[str, Any]]:
    parameters = {"include": "responses", "limit": "500"}
    items = (
        http.get(f"/datasets/{dataset_id(http, name)}/records", params=parameters).raise_for_status().json()["items"]
    )
    return [response for item in items for response in item["responses"]]


def hub(stack: Stack) -> HfApi:
    return HfApi(endpoint=stack.hub.url, token=stack.hub.token)


def heads(stack: Stack, name: str) -> tuple[str | None, str | None]:
    api = hub(stack)
    return api.dataset_info(f"acme/{name}-store").sha, api.dataset_info(f"acme/{name}").sha


def published(stack: Stack, folder: Path, name: str, config: str) -> list[dict[str, Any]]:
    api = hub(stack)
    repo, rows = f"acme/{name}", []
    for path in api.list_repo_files(repo, repo_type="dataset"):
        if path.startswith(f"{config}/"):
            local = api.hf_hub_download(repo, path, repo_type="dataset", local_dir=folder / "published")
            rows += pq.read_table(local).to_pylist()
    return rows


def card(stack: Stack, folder: Path, name: str) -> str:
    path = hub(stack).hf_hub_download(f"acme/{name}", "README.md", repo_type="dataset", local_dir=folder / "card")
    return Path(path).read_text(encoding="utf-8")


def review(stack: Stack, name: str, **rules: Any) -> int:
    return simulate_reviewers(stack.argilla, workspace="argilla", dataset=name, rules=rules)


def pushed(cli: CommandLine, name: str) -> str:
    """Generate and push six questions; return the config file."""
    config = str(write_config(cli.folder, name))
    cli.json("generate", config)
    cli.json("push", config)
    return config


def always(preference: str) -> Any:
    def rule(fields: Fields) -> str:
        return preference

    return rule


def test_running_every_step_twice_changes_nothing(cli: CommandLine, stack: Stack, scripted: ScriptedServer) -> None:
    name = "twice"
    config = str(write_config(cli.folder, name, every="price_in = 1000\nprice_out = 2000"))
    assert cli.run("check", config).returncode == 0
    first = cli.json("generate", config)
    assert (first["made"], first["already"], first["failed"]) == (6, 0, 0)
    assert len(scripted.requests) >= 18
    assert cli.json("push", config)["added"] == 6
    review(stack, name, **{"simulated-one": always("a"), "simulated-two": always("a"), "simulated-three": always("b")})
    synced = cli.json("sync", config)
    assert (synced["submitted"], synced["added"]) == (18, 18)
    report = cli.json("publish", config)
    assert report["rows"] == {"dpo": 6, "kto": 12}
    before = heads(stack, name)

    scripted.reset()
    again = cli.json("generate", config)
    assert (again["made"], again["already"], again["commit"]) == (0, 6, None)
    assert not [exchange for exchange in scripted.requests if exchange.request.messages]
    assert cli.json("push", config)["added"] == 0
    assert cli.json("sync", config)["commit"] is None
    assert cli.json("publish", config)["commit"] is None
    assert heads(stack, name) == before

    rows = published(stack, cli.folder, name, "dpo")
    assert {row["label_source"] for row in rows} == {"simulated"}
    assert {row["agreement"] for row in rows} == {2 / 3}
    assert all(row["chosen"] != row["rejected"] for row in rows)
    status = cli.json("status", config)
    assert (status["records"], status["completed"], status["published"]) == (6, 6, True)

    cost = first["cost"]
    assert cost > 1
    spending = status["spending"]
    assert (spending["requests"], spending["tokens"]) == (18, first["tokens"])
    assert spending["cost"] == pytest.approx(cost)
    assert status["cost_per_row"] == {"dpo": pytest.approx(cost / 6), "kto": pytest.approx(cost / 12)}
    said = f"18 answered requests, {first['tokens']:,} tokens: ${cost:,.2f}, ${cost / 6:.4f} a row of dpo"
    assert f"What the models cost: {said}, ${cost / 12:.4f} a row of kto." in card(stack, cli.folder, name)
    said = f"Paid: 18 requests, {first['tokens']:,} tokens, ${cost:,.2f}, ${cost / 6:.4f} a row of dpo"
    assert f"{said}, ${cost / 12:.4f} a row of kto." in cli.run("status", config).stdout


def test_edited_withdrawn_and_deleted_responses_propagate(cli: CommandLine, stack: Stack) -> None:
    name = "changes"
    config = pushed(cli, name)
    review(stack, name, **{"simulated-one": always("a")})
    cli.json("sync", config)
    with argilla(stack) as http:
        edited, discarded, drafted, deleted, *_ = answers(http, name)
        body = {"status": "submitted", "values": {"preference": {"value": "b"}, "edit": {"value": "Better: ﷽ 👩‍👩‍👧"}}}
        assert http.put(f"/responses/{edited['id']}", json=body).is_success
        assert http.put(f"/responses/{discarded['id']}", json={"status": "discarded"}).is_success
        draft = {"status": "draft", "values": {"preference": {"value": "a"}}}
        assert http.put(f"/responses/{drafted['id']}", json=draft).is_success
        assert http.delete(f"/responses/{deleted['id']}").is_success
    synced = cli.json("sync", config)
    assert (synced["added"], synced["changed"], synced["withdrawn"], synced["submitted"]) == (0, 3, 1, 3)
    # Six answers; then three that changed, and the one that is gone, with what it was.
    versions = stored(stack, name).response_versions
    assert [version.ended for version in versions] == [None] * 6 + ["withdrawn"] + [None] * 3
    assert versions[6].values == {"preference": "a"}
    assert len({version.synced_at for version in versions}) == 2
    [after] = [version for version in versions[7:] if "edit" in version.values]
    [before] = [version for version in versions[:6] if version.record_id == after.record_id]
    assert before.inserted_at == after.inserted_at == before.updated_at
    assert before.updated_at is not None
    assert after.updated_at is not None
    assert before.updated_at < after.updated_at < after.synced_at
    report = cli.json("publish", config)
    assert report["unresolved"] == {"unreviewed": 2, "discarded": 1}
    rows = published(stack, cli.folder, name, "dpo")
    assert len(rows) == 3
    [better] = [row for row in rows if row["chosen_model"] == "simulated-edit"]
    assert better["chosen"] == [{"role": "assistant", "content": "Better: ﷽ 👩‍👩‍👧"}]


def test_an_argilla_dataset_that_is_gone_or_empty_withdraws_nothing(cli: CommandLine, stack: Stack) -> None:
    name = "reset"
    config = pushed(cli, name)
    review(stack, name, **{"simulated-one": always("a")})
    cli.json("sync", config)
    with argilla(stack) as http:
        identity = dataset_id(http, name)
        ids = [item["id"] for item in http.get(f"/datasets/{identity}/records").json()["items"]]
        assert http.delete(f"/datasets/{identity}/records", params={"ids": ",".join(ids)}).is_success
        assert "holds no records" in cli.error("sync", config)
        assert http.delete(f"/datasets/{identity}").is_success
    assert "does not exist" in cli.error("sync", config)
    # A Space that was reset: the records are pushed again, and only what people answer there is new.
    assert cli.json("push", config)["added"] == 6
    synced = cli.json("sync", config)
    assert (synced["added"], synced["changed"], synced["withdrawn"], synced["submitted"]) == (0, 0, 0, 6)
    assert cli.json("sync", config)["commit"] is None
    review(stack, name, **{"simulated-two": always("b")})
    synced = cli.json("sync", config)
    assert (synced["added"], synced["withdrawn"], synced["submitted"]) == (6, 0, 12)


def test_people_count_before_simulated_reviewers_and_their_names_are_not_published(
    cli: CommandLine, stack: Stack
) -> None:
    name = "people"
    config = pushed(cli, name)
    rules = {"simulated-one": always("a"), "simulated-two": always("a"), "maria.curie": always("b")}
    review(stack, name, **rules)
    cli.json("sync", config)
    cli.json("publish", config)
    rows = published(stack, cli.folder, name, "dpo")
    assert {(row["label_source"], row["reviewers"], row["agreement"]) for row in rows} == {("human", 1, None)}
    api = hub(stack)
    for path in api.list_repo_files(f"acme/{name}", repo_type="dataset"):
        local = api.hf_hub_download(f"acme/{name}", path, repo_type="dataset", local_dir=cli.folder / "all")
        assert b"maria" not in Path(local).read_bytes(), path
    assert len(rows[0]["annotations"]) == 3


def test_other_questions_in_argilla_are_refused(cli: CommandLine, stack: Stack) -> None:
    name = "other-settings"
    config = str(write_config(cli.folder, name))
    cli.json("generate", config)
    with argilla(stack) as http:
        workspace = workspace_id(http, "argilla")
        body = {"name": name, "workspace_id": workspace}
        made = http.post("/datasets", json=body).raise_for_status().json()["id"]
        field = {"name": "text", "title": "t", "required": True, "settings": {"type": "text", "use_markdown": False}}
        http.post(f"/datasets/{made}/fields", json=field).raise_for_status()
        labels = [{"value": "good", "text": "good"}, {"value": "bad", "text": "bad"}]
        question = {
            "name": "preference",
            "title": "p",
            "required": True,
            "settings": {"type": "label_selection", "options": labels},
        }
        http.post(f"/datasets/{made}/questions", json=question).raise_for_status()
        http.put(f"/datasets/{made}/publish").raise_for_status()
    assert "other settings" in cli.error("push", config)
    assert cli.run("check", config).returncode == 1


def test_the_judge_decides_only_where_nobody_answered_and_only_with_judge_fallback(
    cli: CommandLine, stack: Stack
) -> None:
    name = "judged"
    config = write_config(cli.folder, name, more='\n[labels]\nresolver = "mean"\njudge_fallback = true\n')
    cli.json("generate", str(config))
    cli.json("push", str(config))
    report = cli.json("publish", str(config))
    rows = published(stack, cli.folder, name, "dpo")
    assert rows
    assert {(row["label_source"], row["reviewers"]) for row in rows} == {("judge", 0)}
    assert report["verdicts"] == 6


def test_the_card_says_what_reviewers_and_models_were_told_then(cli: CommandLine, stack: Stack) -> None:
    name = "as-it-was"
    path = write_config(cli.folder, name, more='\n[review]\nguidelines = "Choose the braver one."\n')
    cli.json("generate", str(path))
    cli.json("push", str(path))
    review(stack, name, ann=always("a"))
    cli.json("sync", str(path))
    said = path.read_text(encoding="utf-8").replace("the braver one", "the shorter one")
    path.write_text(said.replace("temperature = 0.2", "temperature = 1.9"), encoding="utf-8")
    assert "temperature = 1.9" in path.read_text(encoding="utf-8")
    cli.json("publish", str(path))
    text = card(stack, cli.folder, name)
    assert "Choose the braver one." in text
    assert "shorter one" not in text
    assert "temperature = 0.2" in text
    assert "1.9" not in text


def test_two_publishes_at_the_same_time_both_succeed(cli: CommandLine, stack: Stack) -> None:
    name = "racing"
    config = pushed(cli, name)
    review(stack, name, **{"simulated-one": always("a")})
    cli.json("sync", config)
    # The answer of the first commit is lost after it took effect: the retry must find it done.
    stack.hub.fail(rf"/api/datasets/acme/{name}/commit", status=0, count=1, after=True)
    cli.json("publish", config)
    assert len(published(stack, cli.folder, name, "dpo")) == 6
    commits = hub(stack).list_repo_commits(f"acme/{name}", repo_type="dataset")
    assert sum("Publish" in commit.title for commit in commits) == 1


def test_the_store_must_be_private_and_of_this_curation(cli: CommandLine, stack: Stack) -> None:
    hub(stack).create_repo("acme/open-store", repo_type="dataset", private=False)
    config = str(write_config(cli.folder, "open"))
    assert "is public" in cli.error("generate", config)
    first = str(write_config(cli.folder, "owner-of-store"))
    cli.json("generate", first)
    text = Path(first).read_text().replace('name = "owner-of-store"', 'name = "another"')
    Path(first).write_text(text)
    assert "is the store of 'owner-of-store'" in cli.error("generate", first)


def test_a_sync_reads_nothing_while_nobody_does_anything_until_full_every_is_over(
    cli: CommandLine, stack: Stack
) -> None:
    name = "idle"
    config = pushed(cli, name)
    review(stack, name, **{"simulated-one": always("a")})
    first = cli.json("sync", config)
    assert (first["read_all"], first["added"]) == (True, 6)
    again = cli.json("sync", config)
    assert (again["read_all"], again["commit"]) == (False, None)
    assert [again[key] for key in ("records", "responses", "submitted")] == [6, 6, 6]
    assert "nothing changed in Argilla since the last sync" in cli.run("sync", config).stdout
    changes: tuple[Callable[[httpx2.Client, dict[str, Any]], httpx2.Response], ...] = (
        # A draft, a discard and a deletion; a record that is gone.
        lambda http, answer: http.put(f"/responses/{answer['id']}", json={"status": "draft", "values": {}}),
        lambda http, answer: http.put(f"/responses/{answer['id']}", json={"status": "discarded"}),
        lambda http, answer: http.delete(f"/responses/{answer['id']}"),
        lambda http, answer: http.delete(f"/records/{answer['record_id']}"),
    )
    with argilla(stack) as http:
        for change in changes:
            change(http, answers(http, name)[0]).raise_for_status()
            assert cli.json("sync", config)["read_all"]
    # A record is missing now: every sync has to say so.
    assert len(cli.json("sync", config)["missing_records"]) == 1
    cli.json("push", config)
    assert cli.json("sync", config)["read_all"]
    assert not cli.json("sync", config)["read_all"]
    with Path(config).open("a", encoding="utf-8") as file:
        file.write("\n[review]\nfull_every = 0\n")
    assert cli.json("sync", config)["read_all"]
