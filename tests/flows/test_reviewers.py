"""Reviewers are let in, counted and taken out, as whoever runs a review does it: on the real stack."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from curation.config import Services, load_config
from curation.local import Stack
from curation.local.reviewers import simulate_reviewers
from curation.review_state import pulled_review
from curation.services import open_review
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.running import stored
from tests.flows.test_answers_stay import admin, users
from tests.flows.test_loop import always, argilla, dataset_id, workspace_id
from tests.flows.test_restore import sign_in

pytestmark = pytest.mark.stack

JORG = "Jörg Groß"


def with_workspace(cli: CommandLine, stack: Stack, name: str) -> str:
    """Create a workspace of this name; return a config that reviews in it."""
    with argilla(stack) as http:
        http.post("/workspaces", json={"name": name}).raise_for_status()
    return str(write_config(cli.folder, name, more=f'\n[review]\nworkspace = "{name}"\n'))


def accounts(stack: Stack) -> set[str]:
    with argilla(stack) as http:
        return set(users(http))


def counted_state(stack: Stack, config: str, name: str) -> tuple[int, dict[str, dict[str, int]]]:
    """Return what is not synced, and the answers by reviewer, as `status` counts them in a large dataset."""
    loaded, services = load_config(Path(config)), Services.from_environment(stack.settings())
    with closing(open_review(loaded, services)) as review:
        state = pulled_review(review, loaded, stored(stack, name), count_above=0)
    assert state.in_argilla is not None
    return state.in_argilla.waiting, state.in_argilla.progress


def test_reviewers_are_let_in_counted_and_taken_out_and_no_answer_is_lost(cli: CommandLine, stack: Stack) -> None:
    name = "reviewers-come-and-go"
    config = with_workspace(cli, stack, name)
    (cli.folder / "names.csv").write_text("id;username\n1; nadia \n2;crew tomas\n", encoding="utf-8")

    # Before anything is made, all faults of all names are said.
    with argilla(stack) as http:
        before, owner = set(users(http)), http.get("/me").json()["username"]
    refused = cli.error("reviewers", "add", config, "crew-ok", "simulated-x", owner.upper(), "a\u00a0b")
    for fault in ("'simulated-x' begins with", f"{owner.upper()!r} and the account {owner!r} differ", "(U+00A0)"):
        assert fault in refused
    assert accounts(stack) == before
    assert "give at least one NAME" in cli.error("reviewers", "add", config, exit_code=2)

    report = cli.json("reviewers", "add", config, JORG, owner, "--from", "names.csv")
    passwords = {account["username"]: account["password"] for account in report["accounts"]}
    assert list(passwords) == [JORG, "nadia", "crew tomas"]
    assert (report["added"], report["present"], report["answered_before"]) == ([], [owner], {})
    again = cli.run("reviewers", "add", config, JORG, "--from", "names.csv")
    assert again.stdout == f"In the workspace {name} already: {JORG}, nadia, crew tomas.\n"

    cli.json("generate", config)
    cli.json("push", config)
    rules = {JORG: always("a"), "nadia": always("b")}
    simulate_reviewers(stack.argilla, workspace=name, dataset=name, rules=rules)
    with sign_in(stack, JORG, passwords[JORG]) as page:
        assert page.get("/me").json()["username"] == JORG

    # What is not synced yet counts too.
    report = cli.json("reviewers", "list", config)
    assert (report["records"], report["open"]) == (6, 0)
    assert report["reviewers"] == [
        {
            "username": who,
            "member": True,
            "today": 6,
            "submitted": 6,
            "drafts": 0,
            "discarded": 0,
            "left": 0,
            "url": None,
        }
        for who in (JORG, "nadia")
    ] + [
        {"username": "crew tomas", "member": True, "today": 0, "submitted": 0, "drafts": 0, "discarded": 0}
        | {"left": 0, "url": None}
    ]
    lines = cli.run("reviewers", "list", config).stdout
    assert f"{JORG}: 6 answers today, 6 in all, 0 left." in lines
    assert "Together: 12 answers today (in UTC), 12 in all; 0 of 6 records need more answers." in lines

    # So many records that answers are counted, not read, give the same numbers.
    assert counted_state(stack, config, name) == (12, {JORG: {"submitted": 6}, "nadia": {"submitted": 6}})
    cli.json("sync", config)
    assert counted_state(stack, config, name) == (0, {JORG: {"submitted": 6}, "nadia": {"submitted": 6}})
    refused = cli.error("reviewers", "remove", config, "nadia", "nobody-here")
    assert "no account 'nobody-here'" in refused
    assert "nadia" in {reviewer["username"] for reviewer in cli.json("reviewers", "list", config)["reviewers"]}
    with argilla(stack) as http:
        http.post(f"/workspaces/{workspace_id(http, 'argilla')}/users", json={"user_id": users(http)["nadia"]})
    removed = cli.json("reviewers", "remove", config, "nadia", "crew tomas")["removed"]
    assert removed == [
        {"username": "nadia", "was_member": True, "answers": 6, "other_workspaces": ["argilla"], "owner": False},
        {"username": "crew tomas", "was_member": True, "answers": 0, "other_workspaces": [], "owner": False},
    ]
    assert "crew tomas was not in the workspace." in cli.run("reviewers", "remove", config, "crew tomas").stdout
    assert {"nadia", "crew tomas"} <= accounts(stack)
    report = cli.json("sync", config)
    assert (report["submitted"], report["withdrawn"], report["gone"]) == (12, 0, {"nadia": 6})
    [listed] = [item for item in cli.json("reviewers", "list", config)["reviewers"] if item["username"] == "nadia"]
    assert (listed["member"], listed["submitted"], listed["left"]) == (False, 6, None)

    # Let in again, nadia has the account that she had.
    report = cli.json("reviewers", "add", config, "nadia")
    assert (report["accounts"], report["added"]) == ([], ["nadia"])


def test_a_second_account_of_a_known_name_is_said_before_and_when_it_answers(cli: CommandLine, stack: Stack) -> None:
    name = "two-of-one-name"
    config = with_workspace(cli, stack, name)
    cli.json("generate", config)
    cli.json("push", config)
    simulate_reviewers(stack.argilla, workspace=name, dataset=name, rules={"sam": always("a")})
    cli.json("sync", config)
    with argilla(stack) as http:
        # As on another server, where nobody has the account of the first.
        http.delete(f"/users/{users(http)['sam']}").raise_for_status()
    report = cli.json("reviewers", "add", config, "sam")
    assert report["answered_before"] == {"sam": 6}
    simulate_reviewers(stack.argilla, workspace=name, dataset=name, rules={"sam": always("b")})
    report = cli.json("sync", config)
    assert (report["second_accounts"], report["changed"], report["submitted"]) == ({"sam": 6}, 6, 6)
    assert {response.values["preference"] for response in stored(stack, name).responses.values()} == {"b"}
    assert "New accounts" not in cli.run("sync", config).stdout


def test_a_workspace_that_the_key_may_not_write_is_a_clear_sentence(cli: CommandLine, stack: Stack) -> None:
    name = "not-ones-own"
    config = with_workspace(cli, stack, name)
    cli.json("generate", config)
    cli.json("reviewers", "add", config, "ones-annotator")
    with argilla(stack) as http:
        keys = {user["username"]: user["api_key"] for user in http.get("/users").json()["items"]}
        elsewhere = admin(http, "ones-admin")
    may_not = "does not let the account of ARGILLA_API_KEY do this in the workspace 'not-ones-own'"
    assert may_not in cli.error("push", config, ARGILLA_API_KEY=keys["ones-annotator"])
    assert "has no workspace 'not-ones-own'; there are: 'argilla'" in cli.error(
        "push", config, ARGILLA_API_KEY=elsewhere
    )
    cli.json("push", config)
    assert may_not in cli.error("sync", config, ARGILLA_API_KEY=keys["ones-annotator"])
    refused = cli.error("reviewers", "add", config, "anybody", ARGILLA_API_KEY=elsewhere)
    assert "`curation reviewers add` needs an owner's key" in refused
    with argilla(stack) as http:
        assert dataset_id(http, name)
        assert "anybody" not in users(http)
