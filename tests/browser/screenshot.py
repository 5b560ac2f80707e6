"""The README's pictures: `python -m tests.browser.screenshot` writes docs/images/argilla.png from a stack of its own,
and dashboard.png and dashboard-phone.png from a server that shows a made-up review. With names it makes only these.
"""

from __future__ import annotations

import io
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import expect, sync_playwright

from curation.local import Stack
from curation.local.inference import Request, ScriptedServer, read_judge_prompt, ultrafeedback_reply
from curation.local.reviewers import prefers_longer, simulate_reviewers
from curation.serving.outcome import Outcome
from curation.wording import counts_by_name
from tests.browser.review_page import ARGUMENTS, CHROMIUM, CardPage, Reviewer, create_reviewer, open_browser
from tests.conftest import CommandLine
from tests.serving.reviewed import config_of, dashboard_in, reviewed_store
from tests.serving.serving import TOKEN, program, serving

IMAGES = Path(__file__).parents[2] / "docs" / "images"
COLOURS = 256
MOST_BYTES = 150_000

PROMPT = "I keep forgetting the names of people I have just met."
STEPS = """\
Try these, in this order:

1. **Say the name back** at once: "Nice to meet you, Amira."
2. **Tie it to something you see**, such as her red scarf.
3. **Use it once more** when you say goodbye.
"""
PROSE = """\
This is very common. Names are hard to remember because they *mean nothing by themselves*. \
You could try to concentrate more.
"""
EDIT = f"{STEPS}4. **Write it down** the same evening."
ELSE = "I would have to think about that."

CONFIG = """\
name = "helpful"

[prompts]
type = "file"
path = "{prompts}"
limit = {limit}

[[generators]]
model_id = "small"
temperature = 0.2
name = "cool"

[[generators]]
model_id = "small"
name = "warm"

[publish]
repo_id = "acme/helpful"

[store]
repo_id = "acme/helpful-store"
"""
ANSWERED, ALL = 7, 20


def reply(request: Request) -> str:
    """Answer one prompt well, in two ways, and all others somehow."""
    if read_judge_prompt(request.messages) is not None:
        return ultrafeedback_reply(request.messages)
    if PROMPT not in request.prompt:
        return f"{ELSE} {request.temperature}"
    return STEPS if request.temperature == 0.2 else PROSE


def prepare(folder: Path, stack: Stack) -> tuple[Reviewer, str]:
    """Push the demo's prompts, of which one reviewer has answered some; return the reviewer and where to review."""
    reviewer = create_reviewer(stack.argilla, "nadia")
    config = folder / "helpful.toml"
    with ScriptedServer(reply) as models, as_file(files("curation.local") / "demo_prompts.jsonl") as prompts:
        cli = CommandLine({**stack.settings(), "CURATION_INFERENCE_URL": models.url}, folder)
        for limit in (ANSWERED, ALL):
            config.write_text(CONFIG.format(prompts=prompts, limit=limit))
            cli.json("generate", str(config))
            url = cli.json("push", str(config))["url"]
            if limit == ANSWERED:
                rules = {reviewer.username: prefers_longer}
                simulate_reviewers(stack.argilla, workspace="argilla", dataset="helpful", rules=rules)
    return reviewer, str(url)


def photograph(reviewer: Reviewer, url: str) -> bytes:
    """Return a PNG of the page with the answer half given."""
    with open_browser() as page:
        review = CardPage(page, url)
        review.log_in(reviewer)
        for number in range(1, ALL + 1):
            review.open(number)
            if PROMPT in review.prompt.inner_text():
                break
        expect(review.card.locator("ol")).to_be_visible()
        better = "A" if review.response("A").locator("ol").count() else "B"
        review.choose(f"{better} is better")
        review.write(EDIT)
        page.mouse.move(0, 0)
        page.wait_for_timeout(500)
        return page.screenshot()


def reduce(png: bytes) -> bytes:
    """Return the same picture in few colours: a page is mostly flat."""
    few = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small = io.BytesIO()
    few.save(small, "PNG", optimize=True)
    return small.getvalue()


def argilla_pictures() -> Iterator[tuple[str, bytes]]:
    """Yield the picture of a record in Argilla."""
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder) / "stack", tied=True) as stack:
        yield "argilla.png", photograph(*prepare(Path(folder), stack))


def dashboard_pictures() -> Iterator[tuple[str, bytes]]:
    """Yield the pictures of the page of `curation serve`: on a desktop, and in the dark on a phone."""
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dashboard = dashboard_in(folder, reviewed_store(now), config_of())
        rows = counts_by_name(dashboard.rows)
        lines = ("sync: 300 responses (300 submitted) to 200 records: 2 new.", f"publish: Rows: {rows}.")
        command = program(Outcome(lines=lines, dashboard=dashboard), folder)
        # A secret is set, so that the page does not say that webhooks are missing.
        with serving(folder, command=command, webhook_secret=b64encode(b"secret").decode()) as running:
            for file, width, height, scheme in DASHBOARDS:
                yield file, photograph_dashboard(running.url, width, height, scheme)


def photograph_dashboard(url: str, width: int, height: int, scheme: Literal["light", "dark"]) -> bytes:
    """Return a PNG of the upper end of the page."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.goto(url)
        page.get_by_label("The token").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        while not page.locator("#progress").count():
            page.reload()
        return page.screenshot()


def main() -> None:
    """Make the pictures whose names were given, or all."""
    for makes, pictures in MADE_BY.items():
        if set(makes) & set(sys.argv[1:] or makes):
            for name, png in pictures():
                picture = reduce(png)
                assert len(picture) < MOST_BYTES, len(picture)
                (IMAGES / name).write_bytes(picture)
                sys.stderr.write(f"{IMAGES / name}: {len(picture) / 1000:.0f} kB\n")


DASHBOARDS: tuple[tuple[str, int, int, Literal["light", "dark"]], ...] = (
    ("dashboard.png", 1280, 980, "light"),
    ("dashboard-phone.png", 390, 980, "dark"),
)
MADE_BY: dict[tuple[str, ...], Callable[[], Iterator[tuple[str, bytes]]]] = {
    ("argilla.png",): argilla_pictures,
    tuple(name for name, *_ in DASHBOARDS): dashboard_pictures,
}


if __name__ == "__main__":
    main()
