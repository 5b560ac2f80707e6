"""Fixtures of the tests in a browser: a page, and models that answer as the module of the test says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from curation.local.inference import ScriptedServer
from tests.scripts import scripted_reply

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def scripted(request: pytest.FixtureRequest) -> Iterator[ScriptedServer]:
    """Models that answer what the function `reply` of the test's module returns; without one, as everywhere else."""
    with ScriptedServer(getattr(request.module, "reply", scripted_reply)) as server:
        yield server


@pytest.fixture
def page() -> Iterator[Page]:
    """A page in a browser of its own."""
    from tests.browser.review_page import open_browser

    with open_browser() as only_page:
        yield only_page
