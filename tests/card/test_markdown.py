"""What stands in the card's Markdown: texts from outside show as they are, whatever they hold."""

from __future__ import annotations

from typing import Any

import pytest
from markdown_it import MarkdownIt

from curation.card.markdown import measured, quoted, settings, tex, text
from curation.review_statistics import Measure

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

HOSTILE = [
    "a|b",
    "back\\slash|",
    "end\\",
    "<b>bold</b>",
    "</details>",
    "<!-- never closed",
    "&lt;tag&gt; & &#124;",
    "*a* **b** _c_ __d__ ~~e~~",
    "my_model_v2",
    "`code` ``",
    "```",
    "[link](http://example.org) ![image](x.png)",
    "# heading #",
    "- item",
    "1. item",
    "+ item",
    "---",
    "C# and F#",
    "{{ 7 * 7 }} {% raw %}",
    "$$math$$",
    "👩\u200d👧 مرحبا",
    "-5",
    "0.1.0",
]


def shown(tokens: Any) -> str:
    """Return the text that a reader sees in inline tokens; an image or a tag fails."""
    allowed = {"text", "text_special"}
    assert {token.type for token in tokens} <= allowed, [token.type for token in tokens]
    return "".join(token.content for token in tokens)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_text_from_outside_shows_as_it_is_in_a_paragraph_a_heading_a_list_and_a_cell(name: str) -> None:
    source = f"x {text(name)}\n\n# {text(name)}\n\n- {text(name)}\n\n| a | b |\n|---|---|\n| {text(name)} | y |\n"
    tokens = MARKDOWN.parse(source)
    inlines = [shown(token.children) for token in tokens if token.type == "inline"]
    assert inlines == [f"x {name}", name, name, "a", "b", name, "y"]
    assert [token.tag for token in tokens if token.type in {"heading_open", "td_open", "list_item_open"}] == [
        "h1",
        "li",
        "td",
        "td",
    ]


@pytest.mark.parametrize(
    ("name", "line"),
    [("two\nlines", "two lines"), ("tab\tand\r\nreturn", "tab and return"), ("a\0\x07\u202eb\ud800", "ab")],
)
def test_a_text_from_outside_is_one_line_that_can_be_shown(name: str, line: str) -> None:
    assert text(name) == line


GUIDELINES = """\
# First
Choose the *better* one.

- # second
> # third

Fourth
======

Fifth
-----

</details>

<script>alert(1)</script>

<!-- hidden

~~~
never closed </details>
"""


def test_guidelines_stay_a_quotation_without_headings_or_html() -> None:
    tokens = MARKDOWN.parse(f"<details>\n\n{quoted(GUIDELINES)}\n\n</details>\n\n## After\n")
    assert [token.type for token in tokens if token.level == 0] == [
        "html_block",
        "blockquote_open",
        "blockquote_close",
        "html_block",
        "heading_open",
        "heading_close",
    ]
    assert [token.type for token in tokens].count("heading_open") == 1
    assert [token.content for token in tokens if token.type == "html_block"] == ["<details>\n", "</details>\n"]
    inlines = [child for token in tokens for child in token.children or ()]
    assert "html_inline" not in {child.type for child in inlines}
    assert "em_open" in {child.type for child in inlines}


def test_guidelines_keep_their_tables_lists_and_comparisons() -> None:
    html = MARKDOWN.render(quoted("- a < b\n- c > d\n\n| x | y |\n|---|---|\n| 1 | 2 |\n"))
    assert html.count("<li>") == 2
    assert "a &lt; b" in html
    assert html.count("<td>") == 2


def test_emoji_in_guidelines_stay_whole() -> None:
    assert quoted("👩\u200d👧") == "> 👩\u200d👧"


def test_a_bibtex_field_keeps_its_braces_balanced() -> None:
    assert tex("a_b {c} 50% & \\end \n}") == r"a\_b \{c\} 50\% \& end \}"


@pytest.mark.parametrize(
    ("measure", "share", "words"),
    [
        (Measure(value=0.7434, low=0.5, high=0.911, count=12), False, "0.74 (95 % interval 0.50 to 0.91)"),
        (Measure(value=0.7434, low=0.5, high=0.911, count=12), True, "74.3 % (95 % interval 50 % to 91.1 %)"),
        (Measure(value=-0.001), False, "0.00"),
        (Measure(value=1.0, count=3), True, "100 %"),
        (Measure(value=None, reason="one reviewer | only"), False, "not defined (one reviewer \\| only)"),
        (Measure(value=None), True, "not defined (no reason was given)"),
    ],
)
def test_a_measure_shows_its_interval_or_its_reason(measure: Measure, share: bool, words: str) -> None:
    assert measured(measure, share=share) == words


def test_settings_are_written_as_json() -> None:
    assert (
        settings({"temperature": 0.7, "stop": ["\n"], "seed": None}) == 'temperature = 0.7, stop = ["\\n"], seed = null'
    )
