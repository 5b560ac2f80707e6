"""What reviewers see of hostile, mathematical and right-to-left answers: measured in Chromium."""

from __future__ import annotations

import io
import re
import statistics
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

from curation.local import Stack
from curation.local.inference import Request
from tests.browser.answers import AS_WRITTEN, CODE, FORMULAS, HOSTILE, MATHEMATICS, RIGHT_TO_LEFT, SEEN
from tests.configs import write_config
from tests.conftest import CommandLine

pytest.importorskip("playwright")

from playwright.sync_api import Locator, Page, expect

from tests.browser.review_page import CHROMIUM, CardPage, ReviewPage, create_reviewer

pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: apt-get install chromium"),
]

ANSWERS = {**HOSTILE, "mathematics": MATHEMATICS, "as written": AS_WRITTEN, "right to left": RIGHT_TO_LEFT}
CASE = re.compile(r"Case: ([\w ]+)")
QUIET = "A quiet answer that must stay to be read."
END = "These words must stay to be read."
IMAGE = "https://tracker.example/guidelines.png"
GUIDELINES = f"Choose. ![x]({IMAGE}) <img src='{IMAGE}'> Then submit."

# Whether each word of the texts that contain `words` is on top of all else at its own place.
COVERED = """(field, words) => {
  const texts = document.createTreeWalker(field, NodeFilter.SHOW_TEXT)
  const covered = []
  while (texts.nextNode()) {
    const text = texts.currentNode
    if (!text.data.includes(words)) continue
    text.parentElement.scrollIntoView({block: "center", behavior: "instant"})
    for (const word of text.data.matchAll(/\\S+/g)) {
      const range = document.createRange()
      range.setStart(text, word.index)
      range.setEnd(text, word.index + word[0].length)
      const box = range.getBoundingClientRect()
      const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)
      if (!box.width || !text.parentElement.contains(top)) covered.push(word[0])
    }
    return covered
  }
  return ["nothing found"]
}"""
BOX = "field => { const box = field.getBoundingClientRect(); return [box.x, box.width, box.height] }"
# Four thousand characters, in the narrowest column that quotes may leave.
MOST_PIXELS = 8000
# Where the first and the last character of an element's text stand, from the left.
ENDS = """element => {
  const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT)
  const characters = []
  while (texts.nextNode()) for (let at = 0; at < texts.currentNode.data.length; at++)
    if (/[!-~]/.test(texts.currentNode.data[at])) characters.push([texts.currentNode, at])
  return [characters[0], characters[characters.length - 1]].map(([text, at]) => {
    const range = document.createRange()
    range.setStart(text, at)
    range.setEnd(text, at + 1)
    return range.getBoundingClientRect().x
  })
}"""


def reply(request: Request) -> str:
    case = CASE.search(request.prompt)
    assert case is not None
    return f"{ANSWERS[case[1]]}\n\n{END}" if request.temperature == 0.2 else QUIET


def review_of(
    cli: CommandLine, stack: Stack, page: Page, name: str, cases: list[str], *, layout: str = "fields"
) -> ReviewPage:
    more = f'\n[review]\nlayout = "{layout}"\nguidelines = """{GUIDELINES}"""\n'
    config = write_config(cli.folder, name, prompts=[f"Case: {case}" for case in cases], judge="", more=more)
    assert cli.json("generate", str(config))["made"] == len(cases)
    url = cli.json("push", str(config))["url"]
    review = ReviewPage(page, url) if layout == "fields" else CardPage(page, url)
    review.log_in(create_reviewer(stack.argilla, f"{name}.reader"))
    return review


def fields(review: ReviewPage) -> tuple[str, Locator, Locator]:
    """The case that is shown, the field with its answer, and the one with the quiet answer."""
    case = CASE.search(review.prompt.inner_text())
    assert case is not None
    responses = [review.response(letter) for letter in "AB"]
    quiet = next(field for field in responses if QUIET in field.inner_text())
    return case[1].strip(), next(field for field in responses if field is not quiet), quiet


def covered(field: Locator, words: str) -> list[str]:
    """The words that something covers for ten seconds: while a page opens, it may cover them for a moment itself."""
    covers: list[str] = field.evaluate(COVERED, words)
    for _ in range(100):
        if not covers:
            break
        field.page.wait_for_timeout(100)
        covers = field.evaluate(COVERED, words)
    return covers


def test_no_answer_hides_covers_or_moves_the_other(cli: CommandLine, stack: Stack, page: Page) -> None:
    asked: list[str] = []
    failures: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: failures.append(str(error)))
    review = review_of(cli, stack, page, "shown-hostile", list(HOSTILE))
    dark: dict[str, int] = {}
    for number in range(1, len(HOSTILE) + 1):
        review.open(number)
        case, hostile, quiet = fields(review)
        assert covered(quiet, QUIET) == [], case
        assert covered(hostile, END) == [], case
        left, width, height = hostile.evaluate(BOX)
        assert (left, width) == tuple(quiet.evaluate(BOX)[:2]), case
        assert height < MOST_PIXELS, case
        quiet.locator(".markdown-render").scroll_into_view_if_needed()
        dark[case] = dark_pixels(quiet.locator(".markdown-render").screenshot())
    # Letters differ by a few pixels where their line begins at a fraction of one.
    usual = statistics.median(dark.values())
    assert {case: number for case, number in dark.items() if abs(number - usual) > usual / 20} == {}
    assert failures == []
    assert not [url for url in asked if "tracker" in url]


def test_mathematics_code_and_markup_reach_reviewers_as_they_were_written(
    cli: CommandLine, stack: Stack, page: Page
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    review = review_of(cli, stack, page, "shown-well", ["mathematics", "as written", "right to left"])
    for number in range(1, 4):
        review.open(number)
        case, answer, _ = fields(review)
        if case == "mathematics":
            expect(answer.locator(".katex")).to_have_count(FORMULAS)
            expect(answer.locator(".katex-error")).to_have_count(0)
            expect(answer.locator(".katex-display")).to_have_count(5)
            expect(answer.locator("ol > li .katex-display")).to_have_count(2)
            text = answer.inner_text().replace("\u2060", "")
            assert "It costs $5 and not $10." in text
            assert "\\(" not in text
            assert "$" not in text.replace("$5", "").replace("$10", "")
        elif case == "as written":
            seen = [line.replace("\u2060", "") for line in answer.inner_text().splitlines()]
            assert [line for line in SEEN if line not in seen] == []
            code = [text.strip("\n") for text in answer.locator("code").all_inner_texts()]
            assert code == list(CODE)
        else:
            expect(answer.locator(".markdown-render")).to_have_css("direction", "rtl")
            expect(answer.locator("code")).to_have_count(3)
            for element in [*answer.locator("code").all(), answer.locator("math mrow").first]:
                expect(element).to_have_css("direction", "ltr")
                first, last = element.evaluate(ENDS)
                assert first < last, element.inner_text()
    page.get_by_text("Guidelines", exact=False).first.click()
    expect(page.get_by_text("Then submit.")).to_be_visible()
    assert not [url for url in asked if "tracker" in url]


@pytest.mark.parametrize("layout", ["fields", "card"])
def test_a_copied_answer_is_published_as_the_model_wrote_it(
    cli: CommandLine, stack: Stack, page: Page, layout: str
) -> None:
    review = review_of(cli, stack, page, f"shown-copied-{layout}", ["mathematics"], layout=layout)
    review.open()
    _, answer, _ = fields(review)
    letter = "A" if "Response A" in answer.inner_text() else "B"
    review.choose(f"{letter} is better")
    review.copy(letter)
    review.better_answer.click()
    page.keyboard.press("Control+V")
    page.keyboard.type(" Mine.")
    review.submit()
    config = str(cli.folder / f"shown-copied-{layout}.toml")
    cli.json("sync", config)
    cli.json("export", config, "--folder", str(cli.folder / "rows"))
    [chosen] = [str(row["chosen"][0]["content"]) for row in rows(cli.folder / "rows")]
    assert chosen == f"{MATHEMATICS}\n\n{END}".strip() + " Mine."


def dark_pixels(png: bytes) -> int:
    return sum(Image.open(io.BytesIO(png)).convert("L").histogram()[:128])


def rows(folder: Path) -> list[dict[str, Any]]:
    return [row for path in folder.glob("dpo/*.parquet") for row in pq.read_table(path).to_pylist()]
