"""Argilla's page as a person uses it: headless Chromium, and the few things a reviewer does there."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from playwright.sync_api import FrameLocator, Locator, Page, expect, sync_playwright

from curation.local.argilla import ArgillaServer

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The page asks for Google's fonts, and an answer may ask for anything: nothing leaves this machine.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
WIDTH, HEIGHT = 1280, 800
PATIENCE_MS = 60_000

# The default of `expect` is five seconds, which a busy machine can take.
expect.set_options(timeout=PATIENCE_MS)


@dataclass(frozen=True)
class Reviewer:
    """A person who can log in."""

    username: str
    password: str


def create_reviewer(server: ArgillaServer, username: str) -> Reviewer:
    """Create an annotator of every workspace, with a password of their own."""
    reviewer = Reviewer(username, secrets.token_urlsafe(16))
    headers = {"X-Argilla-Api-Key": server.api_key}
    with httpx2.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=30, trust_env=False) as owner:
        name = username.partition(".")[0].title()
        body = {"username": username, "first_name": name, "role": "annotator", "password": reviewer.password}
        user = owner.post("/users", json=body).raise_for_status().json()
        for workspace in owner.get("/me/workspaces").raise_for_status().json()["items"]:
            members = f"/workspaces/{workspace['id']}/users"
            owner.post(members, json={"user_id": user["id"]}).raise_for_status()
    return reviewer


@contextmanager
def open_browser() -> Iterator[Page]:
    """Give the only page of a browser that has no history and forgets all."""
    with tempfile.TemporaryDirectory(prefix="chromium-") as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=CHROMIUM,
            headless=True,
            args=list(ARGUMENTS),
            viewport={"width": WIDTH, "height": HEIGHT},
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(PATIENCE_MS)
        try:
            yield context.pages[0]
        finally:
            context.close()


class ReviewPage:
    """The annotation page of one dataset, with someone logged in."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self._url = url

    def log_in(self, reviewer: Reviewer) -> None:
        """Fill in the login form; returns when Argilla shows its home page."""
        self.page.goto(f"{self._url.partition('/dataset/')[0]}/sign-in")
        self.page.locator("input[name=Username]").fill(reviewer.username)
        self.page.locator("input[name=Password]").fill(reviewer.password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(lambda url: "sign-in" not in url)

    def open(self, number: int = 1, *, status: str = "pending", response: str = "A") -> None:
        """Open a record with this status, and wait for a response on it; the first record is number 1."""
        self.page.goto(f"{self._url}?page={number}&status={status}")
        expect(self.response(response)).to_be_visible()

    @property
    def prompt(self) -> Locator:
        """The conversation that both responses answer."""
        return self.page.locator(".chat")

    def response(self, letter: str) -> Locator:
        """The response with this letter or number ("" if there is only one), with its title."""
        return self.page.locator(".text_field_component").filter(has_text=f"Response {letter}")

    def copy(self, letter: str) -> None:
        """Press the button beside a response that copies its text."""
        self.response(letter).hover()
        self.response(letter).get_by_title("Copy to clipboard").click()

    def answer(self, question: str, key: str) -> None:
        """Press a key once this question is in focus, as it is for who answers by keys alone."""
        name = json.dumps(f"Question: {question}")
        self.page.wait_for_function(
            f"document.activeElement.closest('[aria-label^=\"Question: \"]')?.getAttribute('aria-label') === {name}"
        )
        self.page.keyboard.press(key)

    def choose(self, label: str) -> None:
        """Choose an answer by what its button says."""
        self.page.locator("label.label-text").filter(has_text=label).click()

    @property
    def better_answer(self) -> Locator:
        """The text field for an edit."""
        return self.page.get_by_label("Question: edit").locator("[contenteditable]")

    def write(self, text: str) -> None:
        """Type into "A better answer", in place of what is there."""
        self.better_answer.click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.press("Delete")
        if text:
            self.page.keyboard.type(text)

    def submit(self) -> None:
        """Press Submit; returns when Argilla has the response."""
        with self.page.expect_response(lambda answer: "/responses" in answer.url) as answered:
            self.page.locator("button.button--submit").click()
        assert answered.value.ok, answered.value.text()

    def press(self, key: str) -> None:
        """Press a key that submits; returns when Argilla has the response."""
        with self.page.expect_response(lambda answer: "/responses" in answer.url) as answered:
            self.page.keyboard.press(key)
        assert answered.value.ok, answered.value.text()

    def show_metadata(self) -> Locator:
        """Open the panel with a record's metadata, and return it."""
        self.page.get_by_label("Expand Record Dropdown").click()
        self.page.get_by_text("View metadata").click()
        panel = self.page.locator(".record__wrapper").filter(has_text="Record info")
        expect(panel).to_be_visible()
        return panel


class CardPage(ReviewPage):
    """The annotation page of a dataset whose records are shown on cards."""

    @property
    def card(self) -> FrameLocator:
        """The frame with the card."""
        return self.page.frame_locator(".custom_field_component iframe")

    @property
    def prompt(self) -> Locator:
        """The conversation that the responses answer."""
        return self.card.locator(".turns")

    def response(self, letter: str) -> Locator:
        """The response with this letter or number, with its title and its buttons."""
        return self.card.locator("article.candidate").filter(has_text=f"Response {letter}")

    def text(self, letter: str) -> Locator:
        """The text of the response with this letter or number."""
        return self.response(letter).locator(".text")

    def copy(self, letter: str) -> None:
        """Press the button of a response that copies its text."""
        self.response(letter).locator(".copy").click()
