"""The README's picture: `python -m tests.browser.screenshot` writes docs/images/argilla.png from a stack of its own."""

from __future__ import annotations

import io
import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect

from curation.local import Stack
from curation.local.inference import Request, ScriptedServer, read_judge_prompt, ultrafeedback_reply
from curation.local.reviewers import prefers_longer, simulate_reviewers
from tests.browser.review_page import Reviewer, ReviewPage, create_reviewer, open_browser
from tests.conftest import CommandLine

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "argilla.png"
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
        review = ReviewPage(page, url)
        review.log_in(reviewer)
        for number in range(1, ALL + 1):
            review.open(number)
            if PROMPT in review.prompt.inner_text():
                break
        expect(page.locator("ol")).to_be_visible()
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


def main() -> None:
    """Make the picture."""
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder) / "stack", tied=True) as stack:
        picture = reduce(photograph(*prepare(Path(folder), stack)))
    assert len(picture) < MOST_BYTES, len(picture)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_bytes(picture)
    sys.stderr.write(f"{PICTURE}: {len(picture) / 1000:.0f} kB\n")


if __name__ == "__main__":
    main()
