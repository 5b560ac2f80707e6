"""Markdown as HTML: what is rendered, what is shown as it was written, and that every tag is ours."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import pytest

from curation.review.card.markup import html_of
from tests.browser.answers import HOSTILE
from tests.review.card.hostile import HOSTILE_PAGES

TAGS = {
    *("p", "br", "strong", "em", "del", "code", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "a"),
    *("ul", "ol", "li", "blockquote", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"href", "target", "rel", "align", "start"}


class Reader(HTMLParser):
    """Reads a page as a browser does: its tags outside formulas, their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", [*HOSTILE.values(), *HOSTILE_PAGES.values()], ids=[*HOSTILE, *HOSTILE_PAGES])
def test_every_tag_and_attribute_is_ours_whatever_a_text_holds(text: str) -> None:
    page = re.sub("<math.*?</math>", "", html_of(text), flags=re.DOTALL)
    read = Reader(page)
    assert read.tags <= TAGS
    assert {name for name, _ in read.attributes} <= ATTRIBUTES
    addresses = [value or "" for name, value in read.attributes if name == "href"]
    assert [address for address in addresses if not address.startswith(("http://", "https://", "mailto:"))] == []


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("**a** _b_ ~~c~~", "<p><strong>a</strong> <em>b</em> <del>c</del></p>\n"),
        ("a\nb", "<p>a<br />\nb</p>\n"),
        ("```py\n<b> && $x$\n```", "<pre><code>&lt;b&gt; &amp;&amp; $x$\n</code></pre>\n"),
        ("a <b>c</b> &lt; &amp;", "<p>a &lt;b&gt;c&lt;/b&gt; &amp;lt; &amp;amp;</p>\n"),
        ("![x](https://t.example/y.png)", "<p>![x](https://t.example/y.png)</p>\n"),
        ("[1]: https://a.example", "<p>[1]: https://a.example</p>\n"),
        (
            "[a](https://b.example/?c=1&d=<e>)",
            '<p><a href="https://b.example/?c=1&amp;d=%3Ce%3E" target="_blank" rel="noopener noreferrer">a</a></p>\n',
        ),
        ("[a](javascript:alert(1)) [b](data:text/html,x)", "<p><a>a</a> <a>b</a></p>\n"),
        ("[a](JaVaScRiPt:alert(1)) [b](//c.example)", "<p><a>a</a> <a>b</a></p>\n"),
        ("It costs $5 and not $10.", "<p>It costs $5 and not $10.</p>\n"),
        (r"\(x\)", "<p><math><mi>x</mi></math></p>\n"),
        (r"\[x\]", '<p><math display="block"><mi>x</mi></math></p>\n'),
        (r"$\rule{9em}{9em}$ and `\(x\)`", "<p>$\\rule{9em}{9em}$ and <code>\\(x\\)</code></p>\n"),
        (r"$\frac{1}$", "<p>$\\frac{1}$</p>\n"),
        ("", ""),
    ],
)
def test_markdown_and_formulas_are_rendered_and_all_else_is_shown_as_it_was_written(text: str, page: str) -> None:
    assert html_of(text) == page


def test_a_table_is_a_table() -> None:
    read = Reader(html_of("|a|b|\n|-|-:|\n|1|`2`|"))
    assert {"table", "th", "td", "code"} <= read.tags
    assert ("align", "right") in read.attributes


def test_no_word_of_a_text_is_lost() -> None:
    words = [f"word{number}" for number in range(9)]
    text = (
        "# {}\n\n[{}]: http://a.b/\n\n<!-- {} -->\n\n<script>{}</script>\n\n![{}](x)\n\n"
        "- {}\n\n> {}\n\n    {}\n\n|{}|\n|-|\n"
    ).format(*words)
    shown = html.unescape(html_of(text))
    assert [word for word in words if word not in shown] == []
