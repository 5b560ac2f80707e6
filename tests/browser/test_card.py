"""The card in the browser: nothing that a model wrote runs, all of it can be read, and keys answer."""

from __future__ import annotations

import random

import pytest

from curation.local import Stack
from curation.local.inference import Request
from tests.browser.answers import HOSTILE, MATHEMATICS, RIGHT_TO_LEFT
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.running import stored
from tests.review.card.hostile import HOSTILE_PAGES

pytest.importorskip("playwright")

from playwright.sync_api import Page, expect

from tests.browser.review_page import CHROMIUM, CardPage, create_reviewer

pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: apt-get install chromium"),
]

WORDS = "It was a bright cold day in April, and the clocks were striking thirteen. "
QUIET = "A quiet answer that must stay to be read."
END = "These words must stay to be read."
# A text with NUL is dropped before it is shown.
PAGES = "\n\n".join(HOSTILE_PAGES.values()).replace("\x00", "")
SHAPES = "\n\n".join(HOSTILE.values())
ANSWERS = {
    "pages": (f"{PAGES}\n\n{END}", QUIET),
    "shapes": (f"{SHAPES}\n\n{END}", QUIET),
    "mathematics": (MATHEMATICS, RIGHT_TO_LEFT),
    "near": (f"{WORDS * 60}The end.", f"{WORDS * 60}The very end."),
}


# The words that are marked.
MARKED = """() => [...(CSS.highlights.get("differs") ?? [])].map(
  ({startContainer, startOffset, endOffset}) => startContainer.data.slice(startOffset, endOffset))"""


# Of pairs of lists of words: how many words differ, and whether those that do not are the same in both lists.
DIFFERING = """(_, pairs) => pairs.map(pair => {
  const [first, second] = pair.map(words => words.map(word => ({word})))
  const differ = new Set(differing(first, second))
  const [left, right] = [first, second].map(words => words.filter(word => !differ.has(word)).map(({word}) => word))
  return [differ.size, left.join(" ") === right.join(" ")]
})"""


def longest_common(first: str, second: str) -> int:
    """The length of the longest common subsequence, by the recurrence that defines it."""
    row = [0] * (len(second) + 1)
    for left in first:
        above = 0
        for place, right in enumerate(second, 1):
            above, row[place] = row[place], above + 1 if left == right else max(row[place], row[place - 1])
    return row[-1]


def reply(request: Request) -> str:
    case = next(case for case in ANSWERS if f"case {case}" in request.prompt)
    return ANSWERS[case][0 if request.temperature == 0.2 else 1]


def review_of(cli: CommandLine, stack: Stack, page: Page, name: str, prompts: list[object]) -> CardPage:
    config = write_config(cli.folder, name, prompts=prompts, judge="")
    generated = cli.json("generate", str(config))
    assert generated["made"] == len(prompts), generated
    review = CardPage(page, cli.json("push", str(config))["url"])
    review.log_in(create_reviewer(stack.argilla, f"{name}.reader"))
    return review


def letters(review: CardPage, words: str) -> tuple[str, str]:
    """The letter of the response with these words, and that of the other."""
    expect(review.card.locator("article.candidate")).to_have_count(2)
    return ("A", "B") if words in review.text("A").inner_text() else ("B", "A")


def test_nothing_that_a_model_wrote_runs_or_hides_the_other_answer(cli: CommandLine, stack: Stack, page: Page) -> None:
    ran: list[str] = []
    asked: list[str] = []
    page.expose_function("report", lambda what: ran.append(what))
    page.on("popup", lambda popup: ran.append(popup.url))
    page.on("request", lambda request: asked.append(request.url))
    prompt = f"{PAGES.replace('x' * 50_000, 'x' * 5_000)}\n\ncase pages"
    review = review_of(cli, stack, page, "card-hostile", [prompt, "case shapes"])
    pages = 1
    for number in (1, 2):
        review.open(number)
        hostile, quiet = letters(review, END)
        expect(review.text(quiet)).to_have_text(QUIET)
        boxes = [review.response(letter).bounding_box() for letter in (hostile, quiet)]
        assert boxes[0] is not None
        assert boxes[1] is not None
        assert {**boxes[0], "x": 0} == {**boxes[1], "x": 0}
        expect(review.text(hostile).locator("script, style, img, iframe, svg, details")).to_have_count(0)
        last = review.text(hostile).get_by_text(END).last
        last.scroll_into_view_if_needed()
        expect(last).to_be_visible()
        # Whatever can be clicked or pointed at is, while the page reports all that runs.
        for link in review.text(hostile).locator("a:not([href^=http])").all():
            link.evaluate("link => link.click()")
        for element in review.text(hostile).locator("code").all():
            element.dispatch_event("mouseover")
        if "case pages" in review.prompt.inner_text():
            pages = number
    review.open(pages)
    copied(review, page, letters(review, END)[0])
    assert ran == []
    # The page would have reported it.
    page.evaluate("() => report('said')")
    assert ran == ["said"]
    assert not [url for url in asked if "tracker" in url]


def copied(review: CardPage, page: Page, letter: str) -> None:
    """Submit the hostile answer as a better one, with what breaks Argilla's script, and open the record again."""
    review.choose(f"{letter} is better")
    review.copy(letter)
    review.better_answer.click()
    page.keyboard.press("Control+V")
    page.get_by_label("Question: comment").locator("[contenteditable]").click()
    page.keyboard.insert_text("Why '$' and </script>?")
    review.submit()
    review.open(status="submitted")
    expect(review.text(letter)).to_contain_text(END)
    expect(review.prompt).to_contain_text("case pages")
    assert "const record" not in review.card.locator("body").inner_text()


def test_a_card_is_compared_and_answered_by_keys_on_small_and_large_screens(
    cli: CommandLine, stack: Stack, page: Page
) -> None:
    name = "card-keys"
    review = review_of(cli, stack, page, name, ["case mathematics", "case near"])
    for number in (1, 2):
        review.open(number)
        if "case near" in review.prompt.inner_text():
            is_compared(review, page)
        else:
            is_rendered(review)
    chance = random.Random(1)
    pairs = [["".join(chance.choices("abcdef", k=chance.randrange(100))) for _ in range(2)] for _ in range(100)]
    expected = [[len(first) + len(second) - 2 * longest_common(first, second), True] for first, second in pairs]
    assert review.card.locator("body").evaluate(
        DIFFERING, [[list(first), list(second)] for first, second in pairs]
    ) == (expected)
    # A click and a selection take the focus into the frame; the keys still answer.
    review.open()
    expect(page.locator("#preference_a")).to_be_focused()
    review.text("A").click()
    page.keyboard.press("1")
    expect(page.locator("#preference_a")).to_be_checked()
    # Argilla goes on to the next question; from the card one comes back to the first.
    review.text("A").click()
    page.keyboard.press("2")
    expect(page.locator("#preference_b")).to_be_checked()
    review.text("B").locator("p").first.dblclick()
    review.press("Enter")
    assert cli.json("sync", str(cli.folder / f"{name}.toml"))["submitted"] == 1
    [response] = stored(stack, name).responses.values()
    assert response.values == {"preference": "b"}


def is_rendered(review: CardPage) -> None:
    mathematics, hebrew = letters(review, "The energy")
    expect(review.text(mathematics).locator("math")).to_have_count(12)
    expect(review.text(mathematics).locator("math[display=block]")).to_have_count(5)
    expect(review.text(mathematics)).to_contain_text("It costs $5 and not $10.")
    expect(review.text(hebrew)).to_have_css("direction", "rtl")
    for code in review.text(hebrew).locator("code").all():
        expect(code).to_have_css("direction", "ltr")


def is_compared(review: CardPage, page: Page) -> None:
    body = review.card.locator("body")
    for theme, width, height in (("dark", 1024, 768), ("light", 1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate(f"document.documentElement.setAttribute('data-theme', '{theme}')")
        expect(review.card.locator("html")).to_have_attribute("data-theme", theme)
        left, right = (review.response(letter).bounding_box() for letter in "AB")
        assert left is not None
        assert right is not None
        assert (left["y"], left["height"]) == (right["y"], right["height"])
        assert right["x"] >= left["x"] + left["width"]
        assert left["height"] < height
        assert review.text("A").evaluate("text => text.scrollHeight > text.clientHeight")
        button = review.card.locator(".differences:visible")
        button.click()
        assert body.evaluate(MARKED) == ["very"]
        button.click()
        assert body.evaluate(MARKED) == []
