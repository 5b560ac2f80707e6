"""A person in the browser: what they see, and that what they decide is what is published."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi

from curation.local import Stack
from curation.local.inference import Request, read_judge_prompt, ultrafeedback_reply
from curation.review import reading_task
from curation.review.shown import display_text
from curation.types import Response, Scores
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.running import stored

pytest.importorskip("playwright")

from playwright.sync_api import Dialog, Page, expect
from playwright.sync_api import Response as HttpResponse

from tests.browser.review_page import CHROMIUM, CardPage, Reviewer, ReviewPage, create_reviewer

pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: apt-get install chromium"),
]

# Names that can come onto the page or into a file only if somebody put them there.
USERNAME = "marguerite.perey"
MODEL = "vendor-xyz-900b"
GENERATORS = ("generator-quartz", "generator-basalt")

QUARTZ = "Plants are green because of **chlorophyll**.\n\n1. It absorbs red light.\n2. It reflects *green* light."
BASALT = "Because they are *plants*."
HOSTILE = """\
Harmless words first.

<style>body { display: none }</style>

![tracker](https://tracker.example/pixel.png)

<script>window.ran = "script"; alert("script")</script>
<img src="x" onerror="window.ran = 'image'; alert('image')">
<svg onload="window.ran = 'svg'"><script>window.ran = "script in svg"</script></svg>
<iframe srcdoc="<script>parent.ran = 'frame'</script>"></iframe>
<details open ontoggle="window.ran = 'details'"><summary>More</summary>text</details>
<a href="javascript:window.ran='html link'">html link</a>

[markdown link](javascript:window.ran='markdown-link') and [another](JaVaScRiPt:window.ran='mixed-case')
![image](x"onerror="window.ran='markdown-image')

```html" onmouseover="window.ran='code'
<script>window.ran = "code"</script>
```
"""


def reply(request: Request) -> str:
    """Return an answer that names no model, so that a name on the page is a leak."""
    if read_judge_prompt(request.messages) is not None:
        return ultrafeedback_reply(request.messages)
    if "hostile" in request.prompt:
        return f"{HOSTILE}\nTemperature {request.temperature}."
    return QUARTZ if request.temperature == 0.2 else BASALT


@pytest.fixture(scope="module")
def reviewer(stack: Stack) -> Reviewer:
    return create_reviewer(stack.argilla, USERNAME)


@dataclass(frozen=True)
class Curation:
    """One curation of one prompt, pushed and ready for review."""

    cli: CommandLine
    stack: Stack
    name: str
    config: str
    url: str

    def publish(self) -> dict[str, Any]:
        """Sync and publish; return the report of publish."""
        assert self.cli.json("sync", self.config)["commit"]
        return self.cli.json("publish", self.config)

    def files(self) -> dict[str, bytes]:
        """Every published file by its path."""
        api = HfApi(endpoint=self.stack.hub.url, token=self.stack.hub.token)
        repo, folder = f"acme/{self.name}", self.cli.folder / "published"
        shutil.rmtree(folder, ignore_errors=True)
        paths = api.list_repo_files(repo, repo_type="dataset")
        return {
            path: Path(api.hf_hub_download(repo, path, repo_type="dataset", local_dir=folder)).read_bytes()
            for path in paths
        }

    def rows(self, config: str) -> list[dict[str, Any]]:
        """The published rows of a config, all splits."""
        shards = sorted(path for path in self.files() if path.startswith(f"{config}/"))
        return [row for path in shards for row in pq.read_table(self.cli.folder / "published" / path).to_pylist()]


def pushed(cli: CommandLine, stack: Stack, name: str, prompt: str, more: str = "") -> Curation:
    path = write_config(cli.folder, name, prompts=[prompt], more=more)
    text = path.read_text().replace('"small"', f'"{MODEL}"')
    for short, long in zip(('"cool"', '"warm"'), GENERATORS, strict=True):
        text = text.replace(short, f'"{long}"')
    path.write_text(text)
    assert cli.json("generate", str(path))["made"] == 1
    url = cli.json("push", str(path))["url"]
    return Curation(cli, stack, name, str(path), url)


def test_what_a_person_submits_in_the_browser_is_what_is_published(
    cli: CommandLine, stack: Stack, reviewer: Reviewer, page: Page
) -> None:
    prompt = "Why are plants green?"
    curation = pushed(cli, stack, "browser-submits", prompt)
    seen: list[str] = []

    def remember(answer: HttpResponse) -> None:
        if "/records" in answer.url and answer.ok:
            seen.append(answer.text())

    page.on("response", remember)
    review = CardPage(page, curation.url)
    review.log_in(reviewer)
    review.open()

    expect(review.prompt).to_contain_text(prompt)
    shown = [review.response(letter).inner_text() for letter in "AB"]
    assert sorted("chlorophyll" in text for text in shown) == [False, True]
    expect(review.card.locator(".text strong", has_text="chlorophyll")).to_be_visible()
    expect(review.card.locator(".text ol li")).to_have_count(2)
    panel = review.show_metadata().inner_text()
    assert any(prompt in text for text in seen)
    for name in (MODEL, *GENERATORS):
        assert name not in panel
        assert name not in page.content()
        assert name not in review.card.locator("html").inner_html()
        assert not [text for text in seen if name in text]

    edit = "Because of **chlorophyll**:\n\n- it absorbs red & blue,\n- a < b holds.\n\n```py\nif x:\n    y\n```"
    review.open()
    review.choose("A is better")
    review.write(edit)
    review.submit()

    assert curation.publish()["rows"] == {"dpo": 1, "kto": 3}
    [row] = curation.rows("dpo")
    assert row["prompt"] == [{"role": "user", "content": prompt}]
    assert row["chosen"] == [{"role": "assistant", "content": edit}]
    refused = QUARTZ if "chlorophyll" in shown[1] else BASALT
    assert row["rejected"] == [{"role": "assistant", "content": refused}]
    assert (row["label_source"], row["reviewers"], row["agreement"]) == ("human", 1, None)
    files = curation.files()
    assert {Path(path).suffix for path in files} >= {".md", ".json", ".parquet"}
    everything = {**files, **{f"rows of {config}": str(curation.rows(config)).encode() for config in ("dpo", "kto")}}
    for path, content in everything.items():
        assert not [part for part in USERNAME.split(".") if part.encode() in content.lower()], path


def test_a_changed_mind_changes_what_is_published(
    cli: CommandLine, stack: Stack, reviewer: Reviewer, page: Page
) -> None:
    curation = pushed(cli, stack, "browser-changes", "Why are plants green, again?")
    review = CardPage(page, curation.url)
    review.log_in(reviewer)
    review.open()
    review.choose("A is better")
    # As the guidelines say: start from the one you chose. The copy must be Markdown, not what it looks like.
    copied = QUARTZ if "chlorophyll" in review.response("A").inner_text() else BASALT
    review.copy("A")
    review.better_answer.click()
    page.keyboard.press("Control+V")
    page.keyboard.type("Short and true.")
    review.submit()
    curation.publish()
    [row] = curation.rows("dpo")
    assert row["chosen"][0]["content"] == f"{copied}Short and true."

    review.open(status="submitted")
    expect(review.better_answer).to_contain_text("Short and true.")
    review.choose("Both are bad")
    review.write("")
    review.submit()
    report = curation.publish()
    assert (report["rows"], report["dropped"]["dpo"]) == ({"dpo": 0, "kto": 2}, {"tie": 1})
    assert curation.rows("dpo") == []
    assert [row["label"] for row in curation.rows("kto")] == [False, False]


def test_what_a_model_wrote_does_not_run_in_the_page(
    cli: CommandLine, stack: Stack, reviewer: Reviewer, page: Page
) -> None:
    curation = pushed(cli, stack, "browser-hostile", f"A hostile prompt. {HOSTILE}", '[review]\nlayout = "fields"\n')
    dialogs: list[str] = []

    def remember(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", remember)
    review = ReviewPage(page, curation.url)
    review.log_in(reviewer)
    review.open()
    rendered = page.locator(".markdown-render")
    expect(rendered).to_have_count(3)
    expect(rendered.filter(has_text="Harmless words first.")).to_have_count(3)
    assert rendered.locator("script, style, iframe, img, details, [onload], [onerror]").count() == 0
    expect(rendered.filter(has_text=display_text("<style>body { display: none }</style>"))).to_have_count(3)
    assert page.locator("button.button--submit").is_visible()
    for link in rendered.locator("a", has_text="link").all():
        link.click(force=True, no_wait_after=True)
    for code in rendered.locator("code").all():
        code.hover(force=True)
    page.wait_for_timeout(500)
    assert page.evaluate("window.ran === undefined")
    assert dialogs == []
    assert page.url.startswith(curation.url)
    assert len(page.context.pages) == 1


def answers(stack: Stack, name: str) -> dict[str, tuple[Response, Scores]]:
    """Return what was synced: the response and its scores by the text of the only candidate, or of all joined by |."""
    snapshot = stored(stack, name)
    found = {}
    for response in snapshot.responses.values():
        record = snapshot.records[response.record_id]
        candidates = [snapshot.candidate_sets[record.set_id].candidate(one) for one in record.candidates]
        scores = reading_task(record.task).annotation(response, record).scores
        found["|".join(candidate.text for candidate in candidates)] = response, scores
    return found


def test_one_key_decides_about_one_answer(cli: CommandLine, stack: Stack, reviewer: Reviewer, page: Page) -> None:
    name = "browser-binary"
    more = '[review]\ntask = "binary"\nedit = false\ncomment = false\nflags = []\n'
    curation = pushed(cli, stack, name, "Why are plants green, one by one?", more)
    review = ReviewPage(page, curation.url)
    review.log_in(reviewer)
    for _ in range(2):
        review.open(response="")
        text = review.response("").inner_text()
        assert ("chlorophyll" in text) is not ("Because they are" in text)
        panel = review.show_metadata().inner_text()
        assert not [model for model in (MODEL, *GENERATORS) if model in panel + page.content()]
        review.open(response="")
        review.press("1" if "chlorophyll" in text else "2")
    assert cli.json("sync", curation.config)["submitted"] == 2
    given = answers(stack, name)
    assert {text: scores for text, (_, scores) in given.items()} == {QUARTZ: (1.0,), BASALT: (0.0,)}
    assert {text: response.values for text, (response, _) in given.items()} == {
        QUARTZ: {"quality": "good"},
        BASALT: {"quality": "bad"},
    }


def test_answers_are_rated_by_a_key_each_and_enter(
    cli: CommandLine, stack: Stack, reviewer: Reviewer, page: Page
) -> None:
    name = "browser-rating"
    curation = pushed(cli, stack, name, "Why are plants green, from 1 to 5?", '[review]\ntask = "rating"\n')
    review = CardPage(page, curation.url)
    review.log_in(reviewer)
    review.open(response="1")
    expect(review.response("2")).to_be_visible()
    expect(review.response("3")).to_have_count(0)
    shown = [review.response(number).inner_text() for number in "12"]
    assert sorted("chlorophyll" in text for text in shown) == [False, True]
    panel = review.show_metadata().inner_text()
    assert not [model for model in (MODEL, *GENERATORS) if model in panel + page.content()]
    review.open(response="1")
    # After each number the next question is in focus.
    for number, text in enumerate(shown, 1):
        review.answer(f"rating_{number}", "4" if "chlorophyll" in text else "1")
    expect(page.locator("button.button--submit")).to_be_enabled()
    review.press("Enter")
    assert cli.json("sync", curation.config)["submitted"] == 1
    [(texts, (response, scores))] = answers(stack, name).items()
    by_text = dict(zip(texts.split("|"), scores, strict=True))
    assert by_text == {QUARTZ: 0.75, BASALT: 0.0}
    assert sorted(response.values.items()) == [
        (f"rating_{number}", 4 if "chlorophyll" in text else 1) for number, text in enumerate(shown, 1)
    ]


def test_an_order_is_given_by_a_key_each_and_what_nobody_ordered_is_not_submitted(
    cli: CommandLine, stack: Stack, reviewer: Reviewer, page: Page
) -> None:
    name = "browser-ranking"
    # Of three places the page fills two.
    more = '[review]\ntask = "ranking"\ncandidates = 3\n'
    curation = pushed(cli, stack, name, "Why are plants green, in which order?", more)
    review = CardPage(page, curation.url)
    review.log_in(reviewer)
    review.open(response="1")
    expect(review.response("2")).to_be_visible()
    expect(review.response("3")).to_have_count(0)
    shown = [review.response(number).inner_text() for number in "12"]
    assert sorted("chlorophyll" in text for text in shown) == [False, True]
    panel = review.show_metadata().inner_text()
    assert not [model for model in (MODEL, *GENERATORS) if model in panel + page.content()]

    review.open(response="1")
    places, waiting = page.locator(".draggable__slot"), page.locator(".draggable__questions-container")
    expect(places.nth(2)).to_contain_text("Response 3")
    expect(waiting).to_contain_text("Response 1")
    submit = page.locator("button.button--submit")
    expect(submit).to_be_disabled()
    page.keyboard.press("Enter")
    page.keyboard.press("2" if "chlorophyll" in shown[1] else "1")
    expect(waiting).not_to_contain_text("Response 1")
    expect(submit).to_be_disabled()
    assert cli.json("sync", curation.config)["submitted"] == 0
    page.keyboard.press("1" if "chlorophyll" in shown[1] else "2")
    expect(submit).to_be_enabled()
    review.press("Enter")
    assert cli.json("sync", curation.config)["submitted"] == 1
    [(texts, (response, scores))] = answers(stack, name).items()
    assert dict(zip(texts.split("|"), scores, strict=True)) == {QUARTZ: 1.0, BASALT: 0.0}
    assert response.values["ranking"] == [
        {"value": "response_1", "rank": 1 if "chlorophyll" in shown[0] else 2},
        {"value": "response_2", "rank": 1 if "chlorophyll" in shown[1] else 2},
        {"value": "response_3", "rank": 3},
    ]


ASPECTS = ("helpfulness", "honesty", "instruction-following", "truthfulness", "depth", "style", "safety", "brevity")
# The question in focus: its name, whether it is whole in the window and on top there, and in how many rows its buttons.
IN_FOCUS = """() => {
  const question = document.activeElement.closest('[aria-label^="Question: "]')
  const box = question.getBoundingClientRect()
  const labels = [...question.querySelectorAll("label")].map(label => label.getBoundingClientRect())
  const [first, last] = [labels[0], labels[labels.length - 1]]
  const onTop = [first, last].every(button => question.contains(
    document.elementFromPoint(button.x + button.width / 2, button.y + button.height / 2)))
  const whole = box.top >= 0 && box.bottom <= innerHeight + 1 && box.left >= 0 && box.right <= innerWidth
  return [question.getAttribute("aria-label"), whole && onTop, new Set(labels.map(label => label.y)).size]
}"""

# The browser scrolls to a button that gets the focus, but the page above it may grow later, when texts are rendered.
# So each question is scrolled to once more, as a person would: it must then be seen whole.
SCROLLED = """() => {
  document.activeElement.closest('[aria-label^="Question: "]').scrollIntoView({ block: "center" })
  return true
}"""


def test_as_many_aspects_as_a_page_may_ask_about_are_rated_by_a_key_each_on_small_and_large_screens(
    cli: CommandLine, stack: Stack, reviewer: Reviewer, page: Page
) -> None:
    name = "browser-aspects"
    more = f'[review]\ntask = "rating"\naspects = {list(ASPECTS)}\n'
    curation = pushed(cli, stack, name, "Why are plants green, in all respects?", more)
    review = CardPage(page, curation.url)
    review.log_in(reviewer)
    questions = [f"Question: {aspect}_{place}" for place in (1, 2) for aspect in ASPECTS]
    assert len(questions) == 16
    for width, height in ((1024, 768), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        review.open(response="1")
        expect(review.response("2")).to_be_visible()
        page.wait_for_function(f"({IN_FOCUS})()[0] === {questions[0]!r}")
        for number, question in enumerate(questions):
            page.wait_for_function(f"({IN_FOCUS})()[0] === {question!r}")
            page.wait_for_function(f"({SCROLLED})() && ({IN_FOCUS})()[1]")
            assert page.evaluate(IN_FOCUS) == [question, True, 1], (width, number)
            page.keyboard.press(str(number % 5 + 1))
    review.press("Enter")
    assert cli.json("sync", curation.config)["submitted"] == 1
    [(_, (response, scores))] = answers(stack, name).items()
    assert response.values == {question.removeprefix("Question: "): n % 5 + 1 for n, question in enumerate(questions)}
    # 1 2 3 4 5 1 2 3 and 4 5 1 2 3 4 5 1: means of 21 / 8 and 25 / 8.
    assert scores == ((21 / 8 - 1) / 4, (25 / 8 - 1) / 4)


def test_flags_are_reached_by_keys_and_a_discard_keeps_them(
    cli: CommandLine, stack: Stack, reviewer: Reviewer, page: Page
) -> None:
    name = "browser-flags"
    curation = pushed(cli, stack, name, "Why are plants green, flagged?", '[review]\ntask = "binary"\n')
    review = ReviewPage(page, curation.url)
    review.log_in(reviewer)
    review.open(response="")
    review.answer("quality", "1")
    # The number that is typed once too often flags nothing.
    review.answer("edit", "2")
    review.answer("edit", "ArrowDown")
    review.answer("comment", "ArrowDown")
    for flag, key in (("unsafe", "1"), ("wrong_language", "3")):
        review.answer("flags", key)
        expect(page.locator(f"#flags_{flag}")).to_be_checked()
    review.press("Enter")
    review.open(response="")
    page.locator("label").filter(has_text="Broken prompt").click()
    with page.expect_response(lambda answer: "/responses" in answer.url) as answered:
        page.get_by_role("button", name="Discard").click()
    assert answered.value.ok
    assert cli.json("sync", curation.config)["added"] == 2
    snapshot = stored(stack, name)
    given = {response.status: response.values for response in snapshot.responses.values()}
    assert given == {
        "submitted": {"quality": "good", "flags": ["unsafe", "wrong_language"]},
        "discarded": {"flags": ["broken_prompt"]},
    }


def test_a_grade_aspects_and_a_reason_are_given_by_keys(
    cli: CommandLine, stack: Stack, reviewer: Reviewer, page: Page
) -> None:
    name = "browser-graded"
    more = '[review]\nscale = 7\naspects = ["helpfulness", "honesty"]\nreason = true\n'
    curation = pushed(cli, stack, name, "Why are plants green, and by how much?", more)
    review = CardPage(page, curation.url)
    review.log_in(reviewer)
    review.open()
    for label in ("A is much better", "About the same", "B is slightly better", "Both are bad"):
        expect(page.locator("label.label-text").filter(has_text=label)).to_be_visible()
    submit = page.locator("button.button--submit")
    first_is_quartz = "chlorophyll" in review.response("A").inner_text()
    review.answer("preference", "2" if first_is_quartz else "6")
    review.answer("aspect_helpfulness", "1")
    review.answer("aspect_honesty", "2")
    reason = page.get_by_label("Question: reason").locator("[contenteditable]")
    expect(reason).to_be_focused()
    expect(submit).to_be_disabled()
    page.keyboard.type("It names the cause.")
    expect(submit).to_be_enabled()
    review.submit()
    assert cli.json("sync", curation.config)["submitted"] == 1
    [(texts, (response, scores))] = answers(stack, name).items()
    by_text = dict(zip(texts.split("|"), scores, strict=True))
    assert by_text == {QUARTZ: pytest.approx(5 / 6), BASALT: pytest.approx(1 / 6)}
    assert response.values == {
        "preference": "a_clearly" if first_is_quartz else "b_clearly",
        "aspect_helpfulness": "a",
        "aspect_honesty": "tie",
        "reason": "It names the cause.",
    }
