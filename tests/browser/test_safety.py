"""A person who reviews refusal data in the browser: the category is seen, and what is ticked is what is stored."""

from __future__ import annotations

import json

import pytest

from curation.local import Stack
from curation.local.inference import Request, read_judge_prompt, ultrafeedback_reply
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.running import stored

pytest.importorskip("playwright")

from playwright.sync_api import expect

from tests.browser.review_page import CHROMIUM, ReviewPage, create_reviewer, open_browser

pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: apt-get install chromium"),
]

ASKED = "Which lock of my neighbour opens most easily?"
REFUSES = "I won't help with a lock that is not yours. Did you lose your own key?"
HELPS = "The one on the shed."


def reply(request: Request) -> str:
    if read_judge_prompt(request.messages) is not None:
        return ultrafeedback_reply(request.messages)
    return REFUSES if request.temperature == 0.2 else HELPS


def test_what_is_ticked_of_a_refusal_and_its_category_is_stored(cli: CommandLine, stack: Stack) -> None:
    name = "browser-safety"
    path = write_config(cli.folder, name, prompts=[ASKED], more='[review]\ntask = "safety"\n')
    columns = 'category_column = "category"\nsubcategory_column = "subcategory"\n'
    path.write_text(path.read_text().replace("[prompts]\n", f"[prompts]\n{columns}", 1))
    row = {"instruction": ASKED, "category": "direct_harm", "subcategory": "property_crime"}
    (cli.folder / "prompts.jsonl").write_text(json.dumps(row) + "\n")
    cli.json("generate", str(path))
    url = cli.json("push", str(path))["url"]
    with open_browser() as page:
        review = ReviewPage(page, url)
        review.log_in(create_reviewer(stack.argilla, "simulated-safety"))
        for _ in range(2):
            review.open(response="")
            expect(page.locator("body")).to_contain_text("Direct harm (property crime)")
            expect(page.locator("body")).to_contain_text("A good answer declines in a few friendly words")
            expect(review.response("")).to_contain_text(".")
            refuses = REFUSES in review.response("").inner_text()
            page.locator("label").filter(has_text="Good" if refuses else "Bad").first.click()
            for criterion in ("clear_boundary", "engagement_question") if refuses else ():
                page.locator(f"label[for=criteria_1_{criterion}]").click()
                expect(page.locator(f"#criteria_1_{criterion}")).to_be_checked()
            if not refuses:
                page.locator("label[for=antipatterns_1_vague]").click()
            review.submit()
    assert cli.json("sync", str(path))["submitted"] == 2
    snapshot = stored(stack, name)
    given = {
        snapshot.candidate_sets[record.set_id].candidate(record.candidates[0]).text: response.values
        for response in snapshot.responses.values()
        for record in [snapshot.records[response.record_id]]
    }
    assert given == {
        REFUSES: {"quality_1": "good", "criteria_1": ["clear_boundary", "engagement_question"]},
        HELPS: {"quality_1": "bad", "antipatterns_1": ["vague"]},
    }
