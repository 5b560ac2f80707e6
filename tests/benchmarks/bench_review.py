"""What a reviewer waits for, measured in Chromium on the local stack.

`python -m tests.benchmarks.bench_review` pushes 40 pairs of answers of some 300 words, and two answers of 4,000 words.
It prints, beside their limits and last as one line of JSON:

- next_record_ms: from the key that submits an answer until the next card is drawn, the median of 20;
- next_record_worst_ms: the slowest of them, which has no limit;
- differences_ms: from the click on "Mark what differs" until the words of two answers of 4,000 words are marked, when a
  tenth of the words differ, the median of 5;
- other_differences_ms: the same for two answers of 4,000 words that have nothing but their vocabulary in common.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from playwright.sync_api import Page, expect

from curation import ids
from curation.local import Stack
from curation.review import PairwiseTask
from curation.review.argilla import ArgillaReview
from curation.types import Candidate, CandidateSet, Message, Prompt
from tests.benchmarks.workload import say
from tests.browser.review_page import CardPage, create_reviewer, open_browser

RECORDS, ANSWERED, DRAWN = 40, 20, 5
WORDS, LONG = 300, 4_000
LIMITS_MS = {"next_record_ms": 300, "differences_ms": 200, "other_differences_ms": 200}
TASK = PairwiseTask()

# Clicks, and says after how many milliseconds the browser has drawn what changed.
CLICK = """async button => {
  const start = performance.now()
  button.click()
  await new Promise(drawn => requestAnimationFrame(() => setTimeout(drawn)))
  return performance.now() - start
}"""
# Presses Enter in Argilla's page, and says when another record's card is drawn.
SUBMIT = """async () => {
  const card = () => document.querySelector(".custom_field_component iframe")?.contentDocument
  const turns = () => card()?.querySelector(".candidate .text") && card().querySelector(".turns")?.textContent
  const before = turns()
  const start = performance.now()
  document.activeElement.dispatchEvent(
    new KeyboardEvent("keydown", {key: "Enter", code: "Enter", bubbles: true, cancelable: true}))
  while (!turns() || turns() === before) await new Promise(drawn => requestAnimationFrame(drawn))
  return performance.now() - start
}"""


def text(count: int, seed: int) -> str:
    """Return paragraphs of so many words, drawn from 800 as often as words are in a language."""
    chance = random.Random(seed)
    vocabulary = [f"word{number}" for number in range(800)]
    words = chance.choices(vocabulary, weights=[1 / rank for rank in range(1, 801)], k=count)
    return "\n\n".join(" ".join(words[start : start + 80]) for start in range(0, count, 80))


def changed(words: str, share: float) -> str:
    """Return a text in which a share of the words is another word."""
    chance = random.Random(7)
    return " ".join(f"other{chance.randrange(99)}" if chance.random() < share else word for word in words.split(" "))


def made(number: int, texts: Sequence[str]) -> CandidateSet:
    """Return a candidate set with these answers."""
    prompt = Prompt(id=f"prompt-{number}", messages=(Message(role="user", content=f"Question {number}"),), source="x")
    candidates = tuple(
        Candidate(id=ids.content_hash("c", number, place), text=each, generator="g", model="m")
        for place, each in enumerate(texts)
    )
    return CandidateSet(id=f"set-{number}", prompt=prompt, candidates=candidates, settings="x")


def pushed(stack: Stack, name: str, sets: Sequence[CandidateSet]) -> str:
    """Push the records of these sets; return where to review them."""
    key = stack.argilla.api_key
    with closing(ArgillaReview(api_url=stack.argilla.url, api_key=key, workspace="argilla", dataset=name)) as review:
        url = review.url(review.create(TASK.settings()))
        for each in sets:
            records = TASK.records(each)
            assert isinstance(records, tuple), records
            review.push([TASK.spec(each, record) for record in records])
    return url


def next_records(page: Page, review: CardPage) -> list[float]:
    """Answer records by keys; return the milliseconds until each next one is drawn."""
    waited = []
    review.open()
    for _ in range(ANSWERED):
        expect(page.locator("#preference_a")).to_be_focused()
        page.keyboard.press("1")
        expect(page.locator("button.button--submit")).to_be_enabled()
        waited.append(float(page.evaluate(SUBMIT)))
    return waited


def differences(review: CardPage) -> float:
    """Return the median of milliseconds until the words are marked."""
    review.open()
    button = review.card.locator(".differences:visible")
    waited = []
    for _ in range(DRAWN):
        waited.append(float(button.evaluate(CLICK)))
        assert button.get_attribute("aria-pressed") == "true"
        button.evaluate(CLICK)
    return statistics.median(waited)


def main() -> None:
    """Measure, and print."""
    began = time.monotonic()
    long = text(LONG, 1)
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder) / "stack", tied=True) as stack:
        reviewer = create_reviewer(stack.argilla, "nadia")
        pairs = [made(number, (text(WORDS, number), text(WORDS, -number - 1))) for number in range(RECORDS)]
        urls = [
            pushed(stack, "bench-review", pairs),
            pushed(stack, "bench-near", [made(-1, (long, changed(long, 0.1)))]),
            pushed(stack, "bench-far", [made(-2, (long, text(LONG, 2)))]),
        ]
        with open_browser() as page:
            reviews = [CardPage(page, url) for url in urls]
            reviews[0].log_in(reviewer)
            waited = next_records(page, reviews[0])
            measured = {
                "next_record_ms": statistics.median(waited),
                "next_record_worst_ms": max(waited),
                "differences_ms": differences(reviews[1]),
                "other_differences_ms": differences(reviews[2]),
            }
    for name, value in measured.items():
        limit = LIMITS_MS.get(name)
        say(f"{name:22} {value:7.0f}" + ("" if limit is None else f"   limit {limit}"))
    say(f"in {time.monotonic() - began:.0f} s")
    print(json.dumps({name: round(value, 1) for name, value in measured.items()}))


if __name__ == "__main__":
    main()
