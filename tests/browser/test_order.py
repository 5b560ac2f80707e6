"""The address that `push` prints where records have a priority: the page shows them in the order of the push."""

from __future__ import annotations

import pytest

from curation.local import Stack
from curation.local.inference import Request, read_judge_prompt, ultrafeedback_reply
from tests.configs import JUDGE, write_config
from tests.conftest import CommandLine

pytest.importorskip("playwright")

from playwright.sync_api import expect

from tests.browser.review_page import CHROMIUM, ReviewPage, create_reviewer, open_browser

pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: apt-get install chromium"),
]

PROMPTS = 12


def reply(request: Request) -> str:
    """Rate the answers of "warm" higher by the number in the question: of the last question the judge is least sure."""
    shown = read_judge_prompt(request.messages)
    if shown is None:
        return f"{request.model} at {request.temperature} says: {request.prompt}"
    sure = "Question 11" not in request.prompt
    return ultrafeedback_reply(request.messages, [5 if sure and "at 1.0" in text else 1 for text in shown.texts])


def test_every_reviewer_meets_first_what_the_judge_is_least_sure_of(cli: CommandLine, stack: Stack) -> None:
    review = '[review]\npriority = "uncertain"\nlayout = "fields"\n\n'
    prompts = [f"Question {number}?" for number in range(PROMPTS)]
    config = str(write_config(cli.folder, "in-order", prompts=prompts, judge=f"{JUDGE}\n{review}"))
    cli.json("generate", config)
    url = str(cli.json("push", config)["url"])
    for name in ("otto.hahn", "lise.meitner"):
        with open_browser() as browser:
            page = ReviewPage(browser, url.partition("?")[0])
            page.log_in(create_reviewer(stack.argilla, name))
            browser.goto(url)
            expect(page.prompt).to_contain_text("Question 11?")
