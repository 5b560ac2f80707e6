"""The page of a card as one text: it fetches nothing, and runs its own script alone."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

from curation.review.card import template
from curation.review.card.assembled import joined


def in_argilla(page: str) -> str:
    """What JavaScript's `replace` makes of a replacement: "$$" is a dollar."""
    return page.replace("$$", "$")


def test_the_policy_lets_the_browser_run_this_script_and_nothing_else() -> None:
    page = in_argilla(template())
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy.split("; ") == [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        f"script-src 'sha256-{digest}'",
        "form-action 'none'",
        "base-uri 'none'",
    ]
    assert page.startswith("<meta http-equiv")


def test_nothing_is_fetched_from_anywhere() -> None:
    assert not re.findall(r"https?:|src=|@import|url\(|<link|fetch\(|import\(", template())


def test_every_file_of_the_folder_that_is_no_program_is_in_the_page() -> None:
    page = in_argilla(template())
    parts = [file for file in files("curation.review.card").iterdir() if file.name.endswith((".html", ".css", ".js"))]
    assert len(parts) == 4
    for part in parts:
        assert part.read_text(encoding="utf-8") in page, part.name


def test_a_script_reaches_the_page_as_it_is_written() -> None:
    script = 'const all = `$& $$ $` + "$\'"'
    assert f"<script>{script}</script>" in in_argilla(joined(html="", css="", script=script))
