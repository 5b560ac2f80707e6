"""An Argilla that lost its data is rebuilt from the store, as users run it: a reset Space, and one that lost a part."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from curation.local import Stack
from curation.local.reviewers import simulate_reviewers
from curation.types import Response
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.running import stored
from tests.flows.test_answers_stay import admin, counts, items, users
from tests.flows.test_loop import always, answers, argilla, dataset_id, workspace_id

pytestmark = pytest.mark.stack

Given = dict[tuple[str, str], tuple[str, str]]
"""The status and the values of each response, by record and reviewer."""


def in_argilla(http: httpx2.Client, name: str) -> Given:
    usernames = {user_id: username for username, user_id in users(http).items()}
    return {
        (record["external_id"], usernames[answer["user_id"]]): (
            answer["status"],
            json.dumps({key: entry["value"] for key, entry in (answer["values"] or {}).items()}, sort_keys=True),
        )
        for record in items(http, name)
        for answer in record["responses"]
    }


def in_store(stack: Stack, name: str) -> Given:
    def given(response: Response) -> tuple[str, str]:
        return response.status, json.dumps(response.values, sort_keys=True)

    return {key: given(response) for key, response in stored(stack, name).responses.items()}


def reviewed(cli: CommandLine, stack: Stack, name: str, *reviewers: str, more: str = "") -> str:
    """Push six questions into a workspace of their own, and let everybody answer "a"; return the config file."""
    config = str(write_config(cli.folder, name, more=f'\n[review]\nworkspace = "{name}"\n{more}'))
    with argilla(stack) as http:
        http.post("/workspaces", json={"name": name}).raise_for_status()
    cli.json("generate", config)
    cli.json("push", config)
    rules = dict.fromkeys(reviewers, always("a"))
    simulate_reviewers(stack.argilla, workspace=name, dataset=name, rules=rules)
    return config


def change(http: httpx2.Client, answer: dict[str, Any], **body: Any) -> None:
    http.put(f"/responses/{answer['id']}", json=body).raise_for_status()


def sign_in(stack: Stack, username: str, password: str) -> httpx2.Client:
    """Return a client of the API that signed in as the page does."""
    form = {"username": username, "password": password}
    token = httpx2.post(f"{stack.argilla.url}/api/v1/token", data=form, trust_env=False).raise_for_status().json()
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    return httpx2.Client(base_url=f"{stack.argilla.url}/api/v1", headers=headers, timeout=30, trust_env=False)


def shown(page: httpx2.Client, name: str, status: str) -> list[dict[str, Any]]:
    """Return the responses on the page of a reviewer's answers with this status."""
    of_status = {"type": "terms", "scope": {"entity": "response", "property": "status"}, "values": [status]}
    body = {"filters": {"type": "and", "and": [of_status]}}
    path = f"/me/datasets/{dataset_id(page, name)}/records/search"
    answer = page.post(path, params={"include": "responses", "limit": 50}, json=body).raise_for_status().json()
    return [response for item in answer["items"] for response in item["record"]["responses"]]


def test_a_reset_argilla_is_rebuilt_with_every_answer_and_its_reviewers_go_on(cli: CommandLine, stack: Stack) -> None:
    name = "reset-space"
    config = reviewed(cli, stack, name, "reset-ann", "reset-bob", "simulated-reset")
    with argilla(stack) as http:
        ann = users(http)["reset-ann"]
        draft, discarded, empty, *_ = [answer for answer in answers(http, name) if answer["user_id"] == ann]
        change(http, draft, status="draft", values={"comment": {"value": "Not sure yet."}})
        change(http, discarded, status="discarded", values={"flags": {"value": ["unsafe", "broken_prompt"]}})
        change(http, empty, status="discarded")
        http.patch(f"/users/{users(http)['reset-bob']}", json={"username": "reset-robert"}).raise_for_status()
        key = admin(http, "reset-admin", name)
    assert counts(cli.json("sync", config)) == (18, 0, 0)
    assert cli.json("publish", config)["rows"]["dpo"] > 0
    before = in_store(stack, name)
    assert sorted(status for status, _ in before.values()) == ["discarded"] * 2 + ["draft"] + ["submitted"] * 15

    with argilla(stack) as http:
        http.delete(f"/datasets/{dataset_id(http, name)}").raise_for_status()
        http.delete(f"/workspaces/{workspace_id(http, name)}").raise_for_status()
        for username in ("reset-ann", "simulated-reset"):
            http.delete(f"/users/{users(http)[username]}").raise_for_status()
    assert "`curation restore`" in cli.error("sync", config)
    refused = cli.error("restore", config, ARGILLA_API_KEY=key)
    assert "needs an owner's key" in refused
    assert "'reset-admin', who has the role 'admin'" in refused

    report = cli.json("restore", config)
    assert (report["workspace_created"], report["dataset_created"]) == (True, True)
    assert (report["records"], report["records_added"], report["responses"]) == (6, 6, 18)
    assert report["responses_added"] == {"submitted": 15, "draft": 1, "discarded": 2}
    assert [account["username"] for account in report["accounts"]] == ["reset-ann", "simulated-reset"]
    assert (report["outsiders"], report["others"]) == ([], {})
    with argilla(stack) as http:
        assert in_argilla(http, name) == before
    assert in_store(stack, name) == before
    assert not [version for version in stored(stack, name).response_versions if version.ended]

    # Nothing is new for the next commands.
    sync = cli.json("sync", config)
    assert (counts(sync), sync["commit"], sync["gone"]) == ((0, 0, 0), None, {})
    assert cli.json("publish", config)["commit"] is None
    again = cli.json("restore", config)
    assert (again["records_added"], again["responses_added"], again["accounts"], again["commit"]) == (0, {}, [], None)
    assert (again["workspace_created"], again["dataset_created"]) == (False, False)

    # A restored reviewer finds her answers under her name, and what she edits or deletes counts as hers.
    with sign_in(stack, "reset-ann", report["accounts"][0]["password"]) as page:
        hers = [answer for status in ("submitted", "draft", "discarded") for answer in shown(page, name, status)]
        assert sorted(answer["status"] for answer in hers) == ["discarded"] * 2 + ["draft"] + ["submitted"] * 3
        edited, deleted, _ = [answer for answer in hers if answer["status"] == "submitted"]
        change(page, edited, status="submitted", values={"preference": {"value": "b"}})
        page.delete(f"/responses/{deleted['id']}").raise_for_status()
    assert counts(cli.json("sync", config)) == (0, 1, 1)


def set_back(stack: Stack, answer_id: str, preference: str) -> None:
    """Give a response the state that an older copy of the server's database has."""
    values = json.dumps({"preference": {"value": preference}})
    [database] = Path(stack.argilla.folder).glob("*.db")
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        statement = 'UPDATE responses SET "values" = ?, updated_at = ? WHERE id = ?'
        changed = connection.execute(statement, (values, "2020-01-01 00:00:00.000000", answer_id.replace("-", "")))
        assert changed.rowcount == 1


def test_a_server_that_lost_a_part_gets_it_back_and_newer_answers_stay(cli: CommandLine, stack: Stack) -> None:
    name = "lost-a-part"
    config = reviewed(cli, stack, name, "part-ann", "part-bob", "part-eve")
    cli.json("sync", config)
    before = in_store(stack, name)
    with argilla(stack) as http:
        accounts = users(http)
        lost, newer, older, *_ = [item for item in answers(http, name) if item["user_id"] == accounts["part-ann"]]
        http.delete(f"/responses/{lost['id']}").raise_for_status()
        change(http, newer, status="submitted", values={"preference": {"value": "both_good"}})
        set_back(stack, older["id"], "b")
        http.delete(f"/users/{accounts['part-bob']}").raise_for_status()
        http.delete(f"/workspaces/{workspace_id(http, name)}/users/{accounts['part-eve']}").raise_for_status()
        record = next(item for item in items(http, name) if item["id"] == newer["record_id"])
        gone = next(
            item
            for item in items(http, name)
            if item["id"] not in {lost["record_id"], older["record_id"]} and item["id"] != newer["record_id"]
        )
        http.delete(f"/datasets/{dataset_id(http, name)}/records", params={"ids": gone["id"]}).raise_for_status()

    refused = " ".join(cli.error("sync", config).split())
    assert "Argilla lacks 1 of 18 responses that the last sync saw" in refused
    assert "and has an older state of 1: 11.1 %, more than the 5 % of max_shrink under [publish]." in refused
    assert "`curation restore`" in refused
    assert in_store(stack, name) == before

    done = cli.run("restore", config)
    assert done.returncode == 0, done.stderr
    shown = " ".join(done.stdout.split())
    # One answer of ann's, one that was older; all six of bob's; ann's and eve's to the record that was gone.
    assert "6 records of lost-a-part/lost-a-part: 1 put back; 18 responses of the store: 10 put back" in shown
    assert "New account part-bob, password " in shown
    assert "password" not in done.stderr
    assert "Not in the workspace, although their answers are: part-eve." in shown
    assert "edited or deleted after the last sync is lost" in shown
    after = {**before, (record["external_id"], "part-ann"): ("submitted", '{"preference": "both_good"}')}
    with argilla(stack) as http:
        assert in_argilla(http, name) == after
    assert in_store(stack, name) == after
    assert not [version for version in stored(stack, name).response_versions if version.ended]
    assert cli.json("sync", config)["commit"] is None

    # What reviewers take back themselves goes if that is confirmed.
    with argilla(stack) as http:
        for answer in answers(http, name)[:2]:
            http.delete(f"/responses/{answer['id']}").raise_for_status()
    assert "lacks 2 of 18 responses" in cli.error("sync", config)
    assert counts(cli.json("sync", config, "--allow-shrink")) == (0, 0, 2)

    # The same store with another task: its dataset is another one, and what the store holds besides is named.
    text = Path(config).read_text(encoding="utf-8")
    other = text.replace("[review]\n", '[review]\ntask = "binary"\ndataset = "lost-a-part-binary"\n')
    Path(config).write_text(other, encoding="utf-8")
    assert "no records of the task binary to put back. Run `curation push`" in cli.error("restore", config)
    cli.json("push", config)
    report = cli.json("restore", config)
    assert (report["records"], report["records_added"], report["responses"]) == (12, 0, 0)
    assert report["others"] == {"pairwise": {"records": 6, "responses": 16}}


def test_a_server_that_starts_from_an_older_copy_is_recognised_also_if_it_lost_one_answer(
    cli: CommandLine, stack: Stack
) -> None:
    name = "older-copy"
    config = reviewed(cli, stack, name, "copy-ann", "copy-bob")
    cli.json("sync", config)
    before = in_store(stack, name)
    with argilla(stack) as http:
        number = dataset_id(http, name).replace("-", "")
        lost = answers(http, name)[-1]
    [database] = Path(stack.argilla.folder).glob("*.db")
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        # The copy was made before the answer was given, and has the last activity of that time.
        connection.execute("DELETE FROM responses WHERE id = ?", (lost["id"].replace("-", ""),))
        moment = "2026-01-01 00:00:00.000000"
        connection.execute("UPDATE datasets SET last_activity_at = ? WHERE id = ?", (moment, number))
    refused = " ".join(cli.error("sync", config).split())
    assert (
        "Argilla was set back to an older copy of its data: it lacks 1 response, and its last activity was" in refused
    )
    assert "`curation restore`" in refused
    assert in_store(stack, name) == before
    assert sum(cli.json("restore", config)["responses_added"].values()) == 1
    assert counts(cli.json("sync", config)) == (0, 0, 0)
    assert in_store(stack, name) == before
    # What a reviewer takes back is withdrawn as before.
    with argilla(stack) as http:
        http.delete(f"/responses/{answers(http, name)[0]['id']}").raise_for_status()
    assert counts(cli.json("sync", config)) == (0, 0, 1)
