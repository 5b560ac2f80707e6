"""The link that `push` shows: gold records to calibrate by come first in the browser, and then the others."""

from __future__ import annotations

import json

import pytest

from curation.local import Stack
from tests.configs import write_config
from tests.conftest import CommandLine

pytest.importorskip("playwright")

from tests.browser.review_page import CHROMIUM, ReviewPage, create_reviewer, open_browser

pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: apt-get install chromium"),
]

RIGHT = "It is the sum."


def test_calibration_comes_first_for_whoever_opens_the_link(cli: CommandLine, stack: Stack) -> None:
    lines = [
        {"prompt": f"Gold {number}: what is it?", "answers": [f"{RIGHT} {number}", "No."], "expected": "a"}
        for number in range(5)
    ]
    (cli.folder / "gold.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    review = '[review]\ngold = "gold.jsonl"\ngold_share = 0.4\ncalibration = 3\nmin_submitted = 2\n'
    config = str(write_config(cli.folder, "calibrated", more=review))
    cli.json("generate", config)
    pushed = cli.json("push", config)
    assert (pushed["records"], pushed["gold"]["records"], pushed["gold"]["calibration"]) == (10, 4, 3)
    assert cli.json("status", config)["review_url"] == pushed["url"]
    orders = set()
    for username in ("simulated-first-eyes", "simulated-second-eyes"):
        with open_browser() as page:
            ReviewPage(page, pushed["url"]).log_in(create_reviewer(stack.argilla, username))
            with page.expect_response(lambda answer: "/records/search" in answer.url) as searched:
                page.goto(pushed["url"])
            records = [item["record"] for item in searched.value.json()["items"]]
            assert len(records) > 4
            assert [RIGHT in json.dumps(record["fields"]) for record in records[:3]] == [True, True, True]
            assert not all(RIGHT in json.dumps(record["fields"]) for record in records[3:])
            orders.add(tuple(record["id"] for record in records))
    assert len(orders) == 1
