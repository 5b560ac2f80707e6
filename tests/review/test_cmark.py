"""Markdown is rendered as cmarkgfm does, and does not stay in memory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cmarkgfm import markdown_to_html_with_extensions
from cmarkgfm.cmark import Options

from curation.review.card.cmark import html_of_markdown

TEXT = (
    "# Names\n\n| a | b |\n|---|---|\n| 1 | ~~2~~ |\n\n"
    + "A *name* is a [word](https://acme.com).\n\n- one\n- two\n" * 40
)
OPTIONS, EXTENSIONS = Options.CMARK_OPT_HARDBREAKS, ("table", "strikethrough")


@pytest.mark.parametrize("text", ["", "a", TEXT, "Grüße 🌲 <b>", "[" * 5_000])
def test_the_html_is_that_of_cmarkgfm(text: str) -> None:
    expected = markdown_to_html_with_extensions(text, options=OPTIONS, extensions=list(EXTENSIONS))
    assert html_of_markdown(text, options=OPTIONS, extensions=EXTENSIONS) == expected


def resident_megabytes() -> float:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is read in /proc")
def test_texts_do_not_stay_in_memory() -> None:
    html_of_markdown(TEXT, options=OPTIONS, extensions=EXTENSIONS)
    before = resident_megabytes()
    # Each of these texts, of 2 KB, leaves 120 KB behind with cmarkgfm alone: 240 MB.
    for _ in range(2_000):
        html_of_markdown(TEXT, options=OPTIONS, extensions=EXTENSIONS)
    assert resident_megabytes() - before < 30
