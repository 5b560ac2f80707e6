"""What people decided is neither lost nor taken back by what happens around it: on the real stack, as users run it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import httpx2
import pytest

from curation.local import Stack
from tests.between import Between, once
from tests.conftest import CommandLine
from tests.flows.running import stored
from tests.flows.test_loop import always, answers, argilla, dataset_id, hub, pushed, review, workspace_id

pytestmark = pytest.mark.stack


def items(http: httpx2.Client, name: str) -> list[dict[str, Any]]:
    """Return the records of an Argilla dataset, with their responses."""
    parameters = {"include": "responses", "limit": "500"}
    return list(http.get(f"/datasets/{dataset_id(http, name)}/records", params=parameters).json()["items"])


def delete_records(http: httpx2.Client, name: str, count: int | None = None) -> None:
    ids = [item["id"] for item in items(http, name)][:count]
    path = f"/datasets/{dataset_id(http, name)}/records"
    http.delete(path, params={"ids": ",".join(ids)}).raise_for_status()


def users(http: httpx2.Client) -> dict[str, str]:
    """Return the ids of all accounts by username."""
    return {user["username"]: user["id"] for user in http.get("/users").json()["items"]}


def edit_all(http: httpx2.Client, name: str, preference: str) -> None:
    body = {"status": "submitted", "values": {"preference": {"value": preference}}}
    for response in answers(http, name):
        http.put(f"/responses/{response['id']}", json=body).raise_for_status()


def preferences(stack: Stack, name: str) -> dict[str, list[str]]:
    """Return the stored preferences of each reviewer, of submitted responses, in order."""
    found: dict[str, list[str]] = {}
    for response in stored(stack, name).responses.values():
        if response.status == "submitted":
            found.setdefault(response.reviewer, []).append(str(response.values["preference"]))
    return {reviewer: sorted(values) for reviewer, values in found.items()}


def counts(report: dict[str, Any]) -> tuple[int, int, int]:
    return report["added"], report["changed"], report["withdrawn"]


@pytest.mark.parametrize("deleted", [1, None], ids=["one", "all"])
def test_deleting_and_pushing_records_again_withdraws_no_response(
    cli: CommandLine, stack: Stack, deleted: int | None
) -> None:
    name = f"pushed-anew-{deleted or 'all'}"
    config = pushed(cli, name)
    review(stack, name, ann=always("a"), bob=always("b"))
    cli.json("sync", config)
    before = preferences(stack, name)
    assert before == {"ann": ["a"] * 6, "bob": ["b"] * 6}
    with argilla(stack) as http:
        kept = {item["external_id"] for item in items(http, name)[deleted or 6 :]}
        delete_records(http, name, deleted)
    if deleted is None:
        assert "Run `curation restore`" in cli.error("sync", config)
    else:
        report = cli.json("sync", config)
        assert counts(report) == (0, 0, 0)
        assert set(report["missing_records"]) == stored(stack, name).records.keys() - kept
    assert cli.json("push", config)["added"] == (deleted or 6)
    report = cli.json("sync", config)
    assert counts(report) == (0, 0, 0)
    assert (report["submitted"], report["missing_records"]) == (12, [])
    assert preferences(stack, name) == before
    # What is given on the new copies counts from then on; what is taken back on the others is gone.
    review(stack, name, ann=always("both_good"))
    report = cli.json("sync", config)
    assert counts(report) == (0, deleted or 6, 0)
    assert preferences(stack, name)["ann"] == sorted(["a"] * (6 - (deleted or 6)) + ["both_good"] * (deleted or 6))


def test_a_slower_sync_does_not_overwrite_responses_of_a_faster_one(cli: CommandLine, stack: Stack) -> None:
    name = "slower"
    config = pushed(cli, name)
    review(stack, name, ann=always("a"))
    cli.json("sync", config)
    faster: list[dict[str, Any]] = []

    def meanwhile() -> None:
        with argilla(stack) as http:
            edit_all(http, name, "b")
        review(stack, name, bob=always("b"))
        faster.append(cli.json("sync", config))

    # The accounts are what a sync reads last: it has all answers then, and nothing is committed yet.
    with Between(stack.argilla.url, once(lambda request: "GET /api/v1/users" in request, meanwhile)) as proxy:
        # Something for the slower one to commit.
        review(stack, name, eve=always("a"))
        slower = cli.json("sync", config, ARGILLA_API_URL=proxy.url)
    assert counts(faster[0]) == (12, 6, 0)
    assert counts(slower) == (0, 0, 0)
    assert preferences(stack, name) == {"ann": ["b"] * 6, "bob": ["b"] * 6, "eve": ["b"] * 6}


def test_a_sync_that_is_overtaken_every_time_is_a_temporary_problem(cli: CommandLine, stack: Stack) -> None:
    name = "overtaken"
    config = pushed(cli, name)
    review(stack, name, ann=always("a"))
    pulls: list[str] = []

    def overtake(request: str) -> None:
        if "include=responses" in request:
            pulls.append(request)
            content = str(len(pulls)).encode()
            hub(stack).upload_file(
                path_or_fileobj=content, path_in_repo="note.txt", repo_id=f"acme/{name}-store", repo_type="dataset"
            )

    with Between(stack.argilla.url, overtake) as proxy:
        cli.error("sync", config, exit_code=3, ARGILLA_API_URL=proxy.url)
    assert 2 <= len(pulls) <= 6
    assert stored(stack, name).responses == {}
    assert counts(cli.json("sync", config)) == (6, 0, 0)


def test_the_answers_of_people_who_leave_are_kept_until_forget_names_them(cli: CommandLine, stack: Stack) -> None:
    name = "leavers"
    config = pushed(cli, name)
    review(stack, name, **{"leaver-one": always("a"), "leaver-two": always("b"), "stayer": always("a")})
    cli.json("sync", config)
    with argilla(stack) as http:
        accounts = users(http)
        http.delete(f"/users/{accounts['leaver-one']}").raise_for_status()
        workspace = workspace_id(http, "argilla")
        http.delete(f"/workspaces/{workspace}/users/{accounts['leaver-two']}").raise_for_status()
    report = cli.json("sync", config)
    assert counts(report) == (0, 0, 0)
    assert (report["submitted"], report["gone"]) == (18, {"leaver-one": 6, "leaver-two": 6})
    assert "leaver-one (6 responses), leaver-two (6 responses)" in cli.run("sync", config).stdout
    assert "no answers of 'leaver-tow'" in cli.error("sync", config, "--forget", "leaver-tow")

    report = cli.json("sync", config, "--forget", "leaver-one", "--forget", "leaver-two")
    assert (report["forgotten"], report["submitted"], report["withdrawn"]) == (12, 6, 0)
    # Argilla still has those of the one whose account is there.
    report = cli.json("sync", config)
    assert (report["ignored"], report["submitted"], report["commit"], report["gone"]) == (6, 6, None, {})
    assert preferences(stack, name) == {"stayer": ["a"] * 6}


def admin(http: httpx2.Client, username: str, workspace: str = "argilla") -> str:
    """Create an admin of the workspace; return the key."""
    body = {"username": username, "first_name": "A", "role": "admin", "password": secrets.token_urlsafe(16)}
    made = http.post("/users", json=body).raise_for_status().json()
    http.post(f"/workspaces/{workspace_id(http, workspace)}/users", json={"user_id": made["id"]}).raise_for_status()
    return str(made["api_key"])


def test_a_reviewer_whose_name_the_key_may_not_see_is_refused_or_remembered(cli: CommandLine, stack: Stack) -> None:
    name = "nameless"
    config = pushed(cli, name)
    review(stack, name, **{"simulated-leaver": always("a"), "person": always("b")})
    with argilla(stack) as http:
        key = admin(http, "nameless-admin")
        workspace = workspace_id(http, "argilla")
        http.delete(f"/workspaces/{workspace}/users/{users(http)['simulated-leaver']}").raise_for_status()
    assert "without a name nobody knows" in cli.error("sync", config, ARGILLA_API_KEY=key)
    assert stored(stack, name).responses == {}
    cli.json("sync", config)
    with argilla(stack) as http:
        edit_all(http, name, "both_bad")
    report = cli.json("sync", config, ARGILLA_API_KEY=key)
    assert counts(report) == (0, 12, 0)
    assert preferences(stack, name) == {"simulated-leaver": ["both_bad"] * 6, "person": ["both_bad"] * 6}


def test_a_renamed_reviewer_is_one_before_and_after_the_dataset_is_created_anew(cli: CommandLine, stack: Stack) -> None:
    name = "renamed"
    config = pushed(cli, name)
    review(stack, name, **{"miss.smith": always("a"), "other": always("a")})
    cli.json("sync", config)
    with argilla(stack) as http:
        body = {"username": "mrs.jones"}
        http.patch(f"/users/{users(http)['miss.smith']}", json=body).raise_for_status()
    report = cli.json("sync", config)
    assert counts(report) == (0, 0, 0)
    assert report["renamed"] == {"miss.smith": "mrs.jones"}
    with argilla(stack) as http:
        http.delete(f"/datasets/{dataset_id(http, name)}").raise_for_status()
        cli.json("push", config)
        http.patch(f"/users/{users(http)['mrs.jones']}", json={"username": "m.jones"}).raise_for_status()
    review(stack, name, **{"m.jones": always("b")})
    report = cli.json("sync", config)
    assert counts(report) == (0, 6, 0)
    assert preferences(stack, name) == {"m.jones": ["b"] * 6, "other": ["a"] * 6}


def test_after_a_reset_an_answer_stays_until_its_author_submits_again(cli: CommandLine, stack: Stack) -> None:
    name = "submits-anew"
    config = pushed(cli, name)
    review(stack, name, ann=always("a"))
    cli.json("sync", config)
    with argilla(stack) as http:
        http.delete(f"/datasets/{dataset_id(http, name)}").raise_for_status()
        cli.json("push", config)
        review(stack, name, ann=always("b"))
        draft, discarded, *_ = answers(http, name)
        body = {"status": "draft", "values": {"preference": {"value": "b"}}}
        http.put(f"/responses/{draft['id']}", json=body).raise_for_status()
        http.put(f"/responses/{discarded['id']}", json={"status": "discarded"}).raise_for_status()
    report = cli.json("sync", config)
    assert (report["submitted"], report["changed"]) == (6, 4)
    assert preferences(stack, name) == {"ann": ["a", "a", "b", "b", "b", "b"]}
    assert cli.json("sync", config)["commit"] is None


def test_labels_that_were_swapped_in_argilla_stop_check_push_and_sync(cli: CommandLine, stack: Stack) -> None:
    name = "swapped"
    config = pushed(cli, name)
    review(stack, name, ann=always("a"))
    cli.json("sync", config)
    with argilla(stack) as http:
        listed = http.get(f"/datasets/{dataset_id(http, name)}/questions").json()["items"]
        [question] = [item for item in listed if item["name"] == "preference"]
        options = question["settings"]["options"]
        texts = {"a": "B is better", "b": "A is better"}
        swapped = [{**option, "text": texts.get(option["value"], option["text"])} for option in options]

        def show(options: list[dict[str, Any]]) -> None:
            body = {"settings": {"type": "label_selection", "options": options}}
            http.patch(f"/questions/{question['id']}", json=body).raise_for_status()

        show(swapped)
        edit_all(http, name, "b")
        sentence = "the text of value 'a' of question 'preference' is 'B is better', expected 'A is better'"
        for verb in ("push", "sync"):
            assert sentence in " ".join(cli.error(verb, config).split())
        assert sentence in " ".join(cli.run("check", config).stdout.split())
        assert cli.run("check", config).returncode == 1
        assert preferences(stack, name) == {"ann": ["a"] * 6}
        show(options)
    assert counts(cli.json("sync", config)) == (0, 6, 0)


def test_push_changes_the_guidelines_only_with_update_settings(cli: CommandLine, stack: Stack) -> None:
    name = "new-guidelines"
    config = pushed(cli, name)
    review(stack, name, ann=always("a"))
    with Path(config).open("a", encoding="utf-8") as file:
        file.write('\n[review]\nguidelines = "Choose the kinder one."\nmin_submitted = 2\n')
    for verb in ("push", "sync"):
        assert "`--update-settings`" in cli.error(verb, config)
    assert cli.run("check", config).returncode == 1
    assert cli.json("push", config, "--update-settings")["added"] == 0
    with argilla(stack) as http:
        shown = http.get(f"/datasets/{dataset_id(http, name)}").json()
    assert (shown["guidelines"], shown["distribution"]["min_submitted"]) == ("Choose the kinder one.", 2)
    assert counts(cli.json("sync", config)) == (6, 0, 0)
    told = stored(stack, name).manifest.review
    assert told is not None
    assert told.guidelines == "Choose the kinder one."
