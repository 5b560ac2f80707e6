"""A person in the browser: what they see, and that what they decide is what is published."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi

from curation.local import Stack
from curation.local.inference import Request, ScriptedServer, read_judge_prompt, ultrafeedback_reply
from curation.review.shown import shown
from tests.configs import write_config
from tests.conftest import CommandLine

pytest.importorskip("playwright")

from playwright.sync_api import Dialog, Page, Response, expect

from tests.browser.review_page import CHROMIUM, Reviewer, ReviewPage, create_reviewer, open_browser

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
    if read_judge_prompt(request.messages) is not None:
        return ultrafeedback_reply(request.messages)
    if "hostile" in request.prompt:
        return f"{HOSTILE}\nTemperature {request.temperature}."
    return QUARTZ if request.temperature == 0.2 else BASALT


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """In place of the shared one: replies that name no model, so that a name on the page is a leak."""
    with ScriptedServer(reply) as server:
        yield server


@pytest.fixture(scope="module")
def reviewer(stack: Stack) -> Reviewer:
    return create_reviewer(stack.argilla, USERNAME)


@pytest.fixture
def page() -> Iterator[Page]:
    with open_browser() as only_page:
        yield only_page


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


def pushed(cli: CommandLine, stack: Stack, name: str, prompt: str) -> Curation:
    path = write_config(cli.folder, name, prompts=[prompt])
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

    def remember(answer: Response) -> None:
        if "/records" in answer.url and answer.ok:
            seen.append(answer.text())

    page.on("response", remember)
    review = ReviewPage(page, curation.url)
    review.log_in(reviewer)
    review.open()

    expect(review.prompt).to_contain_text(prompt)
    shown = [review.response(letter).inner_text() for letter in "AB"]
    assert sorted("chlorophyll" in text for text in shown) == [False, True]
    expect(page.locator(".markdown-render strong", has_text="chlorophyll")).to_be_visible()
    expect(page.locator(".markdown-render ol li")).to_have_count(2)
    panel = review.show_metadata().inner_text()
    assert any(prompt in text for text in seen)
    for name in (MODEL, *GENERATORS):
        assert name not in panel
        assert name not in page.content()
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
    review = ReviewPage(page, curation.url)
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
    curation = pushed(cli, stack, "browser-hostile", f"A hostile prompt. {HOSTILE}")
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
    expect(rendered.filter(has_text=shown("<style>body { display: none }</style>"))).to_have_count(3)
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
