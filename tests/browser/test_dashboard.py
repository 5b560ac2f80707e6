"""The page of `curation serve` in Chromium: its plots and words, light and dark, and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from curation.local.hub import Account, HubServer
from curation.serving.outcome import Outcome
from curation.serving.settings import SignIn
from tests.browser.review_page import ARGUMENTS, CHROMIUM
from tests.serving.reviewed import config_of, dashboard_in, reviewed_store
from tests.serving.serving import TOKEN, Running, program, serving

pytestmark = pytest.mark.browser

SECTIONS = ("progress", "days", "agreement", "judge", "models", "reviewers", "steps", "refreshes", "rows")
EVIL = '<script>document.title = "taken"</script><img src=x onerror=\'document.title = "taken"\'>'
SIZES = {"desktop": (1280, 900), "phone": (360, 740)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server whose only refresh saw a store that people review; some of its texts are hostile."""
    folder = tmp_path_factory.mktemp("dashboard")
    dashboard = dashboard_in(folder, reviewed_store(datetime.now(UTC)), config_of())
    first, *others = dashboard.sample
    dashboard = dashboard.model_copy(
        update={
            "sample": (first.model_copy(update={"prompt": EVIL, "answers": (("chosen", EVIL),)}), *others),
            "win_rates": {EVIL: dashboard.win_rates["large"], **dashboard.win_rates},
        }
    )
    outcome = Outcome(lines=("300 responses (300 submitted) to 200 records.", EVIL), dashboard=dashboard)
    with serving(folder, command=program(outcome, folder)) as server:
        yield server


def open_page(
    browser: Browser, running: Running, *, size: str = "desktop", scheme: Literal["light", "dark"] = "light"
) -> tuple[Page, list[str], list[str]]:
    """Sign in with the token as a person does; return the page, its errors and the addresses that it asked for."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    errors: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(running.url)
    expect(page.get_by_text("This page is private.")).to_be_visible()
    # The sign-in is refused with 401, which Chromium notes as an error.
    errors.clear()
    page.get_by_label("The token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#progress")).to_be_visible()
    return page, errors, asked


def colour(page: Page, selector: str, name: str) -> tuple[int, ...]:
    """Return a computed colour as (red, green, blue)."""
    text = page.locator(selector).first.evaluate(f"element => getComputedStyle(element)['{name}']")
    return tuple(int(float(part)) for part in text[text.index("(") + 1 : -1].split(",")[:3])


def test_the_page_shows_everything_in_plots_and_words(browser: Browser, running: Running) -> None:
    page, errors, asked = open_page(browser, running)
    for section in SECTIONS:
        expect(page.locator(f"#{section}")).to_be_visible()
    expect(page.locator("#progress")).to_contain_text("150 of 200 records have enough answers.")
    expect(page.locator("#progress")).to_contain_text("50 records left; at")
    # A column for each day, and a point with a title for each stretch of time.
    assert page.locator("#days rect.kept").count() >= 12
    assert page.locator("#agreement circle").count() == 7
    assert "equal" not in page.locator("#agreement circle title").first.inner_html()
    # The dot of each model is where its rate is on the axis, from 2 % for 0 to 98 % for 1.
    for row in page.locator("#models .row").all():
        rate = float(row.locator("div > span").nth(1).inner_text().removesuffix(" %"))
        place = float(str(row.locator("circle").get_attribute("cx")).removesuffix("%"))
        assert place == pytest.approx(2 + 0.96 * rate, abs=0.1)
    assert page.locator("#reviewers .row").count() == 3
    for name in ("nadia", "bob", "eva"):
        assert page.get_by_text(name, exact=True).count() == 0
    assert page.locator("#rows li").count() == 10
    # Texts of models are texts: no tag of theirs is part of the page, and nothing was fetched from elsewhere.
    assert page.locator("script, img").count() == 0
    assert "taken" not in page.title()
    assert page.get_by_text(EVIL, exact=False).count() >= 3
    assert errors == []
    assert all(address.startswith(running.url) for address in asked)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_can_be_read_light_and_dark_and_on_a_phone(
    browser: Browser, running: Running, size: str, scheme: Literal["light", "dark"], tmp_path: Path
) -> None:
    page, errors, _ = open_page(browser, running, size=size, scheme=scheme)
    for text, ground in (("h1", "body"), ("section p", "section"), (".note", "body"), ("#rows dd", "#rows")):
        ink, paper = colour(page, text, "color"), colour(page, ground, "backgroundColor")
        assert contrast(ink, paper) >= 4.5, (text, ink, paper)
    is_dark = sum(colour(page, "body", "backgroundColor")) < 200
    assert is_dark == (scheme == "dark")
    # Nothing is wider than the screen, and no text is smaller than 12 pixels, also in plots.
    width, _ = SIZES[size]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sizes = page.evaluate(
        "[...document.querySelectorAll('p, small, span, text, dt, dd, h1, h2')]"
        ".map(element => parseFloat(getComputedStyle(element).fontSize))"
    )
    assert min(sizes) >= 12
    assert errors == []
    page.screenshot(path=tmp_path / f"{size}-{scheme}.png", full_page=True)


def test_an_admin_signs_in_with_the_hub_in_a_tab_and_sees_names(
    browser: Browser, running: Running, tmp_path: Path
) -> None:
    with HubServer(tmp_path / "hub", users={"hf_x": Account("Boss"), "hf_y": Account("eve")}) as hub:
        application = SignIn(hub.url, "client", "secret", users=frozenset({"boss"}), admins=frozenset({"boss"}))
        with serving(tmp_path, command=running.command, sign_in=application) as server:
            page = browser.new_context().new_page()
            page.goto(server.url)
            with page.expect_popup() as opened:
                page.get_by_role("link", name="Sign in with Hugging Face").click()
            tab = opened.value
            tab.get_by_role("link", name="eve").click()
            expect(tab.get_by_text("your account may not look at this page")).to_be_visible()
            tab.goto(f"{server.url}/login")
            tab.get_by_role("link", name="Boss").click()
            expect(tab.locator("#reviewers")).to_contain_text("nadia")
            # The first tab is signed in too, and out again for all.
            page.reload()
            expect(page.locator("#reviewers")).to_contain_text("nadia")
            page.get_by_role("button", name="Sign out").click()
            expect(page.get_by_text("This page is private.")).to_be_visible()
            tab.reload()
            expect(tab.get_by_text("This page is private.")).to_be_visible()


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Return the contrast of two colours (WCAG 2.2, 1.4.3: at least 4.5 for text)."""

    def luminance(colour: tuple[int, ...]) -> float:
        parts = [part / 255 for part in colour]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
