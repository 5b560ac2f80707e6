"""`assignment = "split"`: the link of a reviewer shows that reviewer's records, and no others."""

from __future__ import annotations

import json
import re

import pytest

from curation.local import Stack
from tests.configs import write_config
from tests.conftest import CommandLine

pytest.importorskip("playwright")

from playwright.sync_api import expect

from tests.browser.review_page import CHROMIUM, CardPage, Reviewer, open_browser
from tests.flows.test_loop import argilla

pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: apt-get install chromium"),
]

NAME = "split-in-two"


def test_everybody_meets_the_records_of_their_shares_until_each_has_enough_answers(
    cli: CommandLine, stack: Stack
) -> None:
    with argilla(stack) as http:
        http.post("/workspaces", json={"name": NAME}).raise_for_status()
    review = (
        f'\n[review]\nworkspace = "{NAME}"\nassignment = "split"\noverlap = 1\npriority = "random"\n'
        'gold = "gold.jsonl"\ngold_share = 0.25\n'
    )
    prompts = [f"Why is {number} a number?" for number in range(9)]
    gold = [{"prompt": f"Is {number} a number?", "answers": ["Yes.", "No."], "expected": "a"} for number in range(3)]
    (cli.folder / "gold.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in gold), encoding="utf-8")
    config = str(write_config(cli.folder, NAME, prompts=prompts, more=review))
    accounts = cli.json("reviewers", "add", config, "split-nadia", "split-tomas")["accounts"]
    passwords = {account["username"]: account["password"] for account in accounts}
    cli.json("generate", config)
    pushed = cli.run("push", config).stdout
    assert "12 records in" in pushed
    assert "Each record is for 1 reviewer: `curation reviewers list` has everybody's link." in pushed
    reviewers = {reviewer["username"]: reviewer for reviewer in cli.json("reviewers", "list", config)["reviewers"]}
    left = {username: reviewer["left"] for username, reviewer in reviewers.items()}
    assert sum(left.values()) == 12
    assert min(left.values()) > 0
    met: list[str] = []
    for username, password in passwords.items():
        with open_browser() as browser:
            page = CardPage(browser, reviewers[username]["url"].partition("?")[0])
            page.log_in(Reviewer(username, password))
            browser.goto(reviewers[username]["url"])
            for number in range(1, left[username] + 1):
                expect(browser.locator("body")).to_contain_text(re.compile(rf"\b{number}\s+of {left[username]}\b"))
                expect(page.prompt).to_contain_text("a number?")
                met.append(page.prompt.inner_text())
                if number < left[username]:
                    browser.goto(re.sub(r"\bpage=\d+", f"page={number + 1}", reviewers[username]["url"]))
    assert len(met) == len(set(met)) == 12
    assert sum("Is " in prompt for prompt in met) == 3, "gold is split like all records"
