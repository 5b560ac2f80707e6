"""What is sent to Argilla in place of a text, and that it can be taken back. The browser tests measure what is seen."""

from __future__ import annotations

import random

import pytest

from curation.review.shown import display_text, original_text

J = "\u2060"
INVISIBLE = "\u2060\u2061\u2062\u2063\u2064\ufeff"
FRAGMENTS = (
    *"$`~*_[]()|<!#>-{}^%&\\\n\r\t a:",
    *("$$", "``", "```", "~~~", "\n\n", "    ", "- ", "1. ", "> ", "](", "]: ", "![", "---", "===", "\\\\", "\\$"),
    *("<b>", "</style>", "<!--", "-->", "<wbr>", "<div dir=ltr>", "http://a.b/", "www.a.b", "&lt;", "\\rule{9em}{9em}"),
    *(
        "\\(x\\)",
        "\\[ y \\]",
        "$x$",
        "$ x$",
        "$$z$$",
        "\\(",
        "\\)",
        "\\[",
        "\\]",
        "\\begin{align}a\\end{align}",
        "\\text{",
    ),
    *(
        "```\n<b>\n```\n",
        "`<b>`",
        "\u2060",
        "\u2061",
        "\u2062",
        "\u2063",
        "\u2064",
        "\ufeff",
        "\u05d0\u05d1\u05d2",
        "e\u0301",
    ),
    *("\u0301" * 9, "\\\\[9em]", "\\left(", "\\hat"),
)


def plain(text: str) -> str:
    """Return `text` without what has no width."""
    return "".join(character for character in text if character not in INVISIBLE)


@pytest.mark.slow
@pytest.mark.parametrize("length", [3, 12, 40])
def test_every_text_comes_back_as_it_was(length: int) -> None:
    dice = random.Random(length)
    for _ in range(2000):
        text = "".join(dice.choice(FRAGMENTS) for _ in range(dice.randint(1, length)))
        assert original_text(display_text(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a < b",
            "x <= y",
            "1 <2",
            "**bold** `code` [link](http://a)",
            "wow! [x]",
            "\U0001f642 \ufdfa",
            "# Title\n\n- a\n- b",
        ),
        *(
            "A term $x^2$ and $$\\frac{a}{b}$$.",
            "$x$",
            "- $x_1$\n- $x_2$",
            "| $a$ | b |\n|---|---|",
            "\\_ and \\* and \\\\",
        ),
        *("Use `<div>` or `![x](y)` and `$x$` and `\\(x\\)`.", "`a`, `b` and ``c ` <i>``"),
        "```html\n<style>$\\rule{9em}{9em}$ ![x](y) [a]: b\n```\n",
        "1. First:\n\n   ```sh\n   echo $HOME <x>\n   ```\n2. Second:\n   ```sh\n   ls\n   ```",
        "Text:\n\n    <p>indented</p>\n    $x$ \\(y\\)\n\nText.",
        "~~~\n<b>\n~~~",
    ],
)
def test_markdown_formulas_and_code_are_left_alone(text: str) -> None:
    assert display_text(text) == text


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("<style>body{display:none}</style>", "<\u2060style>body{display:none}<\u2060/style>"),
        ("a <!-- b --> <?php ?> </p>", "a <\u2060!-- b --> <\u2060?php ?> <\u2060/p>"),
        ("http://a/\\<b>", "http://a/\\<\u2060b>"),
        ("![x](http://a/b.png)", "!\u2060\\[x](http://a/b.png)"),
        ("&lt; &#60; &nbsp; a & b", "\u2060\\&lt; \u2060\\&#60; \u2060\\&nbsp; a & b"),
        ("[1]: http://a\n> [b\nc]: d", "\u2060[1]: http://a\n> \u2060[b\nc]: d"),
        ("It costs $5 or $6.", "It costs \u2060\\$5 or \u2060\\$6."),
        ("from $two words$ on", "from \u2060\\$two words\u2060\\$ on"),
    ],
)
def test_tags_images_entities_definitions_and_prices_are_text(text: str, seen: str) -> None:
    assert display_text(text) == seen


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\\(x^2\\)", "$x^2$"),
        ("a (\\(x\\))-axis", "a (<wbr>$x$)-axis"),
        ("\u4e2d\u6587\\(x\\)\u4e2d\u6587", "\u4e2d\u6587<wbr>$x$\u4e2d\u6587"),
        ("\\( x \\)", "$ x $"),
        ("\\( -1 \\)", "$\\relax -1 $"),
        ("($x$)", "(<wbr>$x$)"),
        ("$a<b$", "$a<b$"),
        ("\\[\nx = 1 \\\\\ny\n\\]", "$$\tx = 1 \\\\\ty\t$$"),
        ("so\n$$\nx\n$$\non", "so\n$$\tx\t$$\non"),
        ("\\begin{align}\na &= b\n\\end{align}", "$$\\begin{align}\ta &= b\t\\end{align}$$"),
        (
            "\\[ \\begin{cases} 1 & x>0 \\end{cases} \\tag{1.2} \\]",
            "$$ \\begin{cases} 1 & x>0 \\end{cases} \\tag{1.2} $$",
        ),
    ],
)
def test_formulas_get_the_dollars_that_argilla_looks_for(text: str, seen: str) -> None:
    assert plain(display_text(text)) == seen


@pytest.mark.parametrize("text", ["\\[1\\]", "a \\[see there\\]", "\\(two words\\)", "\\(never closed", "\\\\(x\\\\)"])
def test_escaped_brackets_are_no_formulas(text: str) -> None:
    assert display_text(text) == text


def test_a_refused_formula_is_shown_character_by_character() -> None:
    assert plain(display_text("$$\\rule{9em}{9em}$$ \\(\\color{red}x_1\\)")) == (
        "\\$\\$\\\\rule\\{9em\\}\\{9em\\}\\$\\$ \\\\(\\\\color\\{red\\}x\\_1\\\\)"
    )


@pytest.mark.parametrize(
    "text",
    [
        "~~a `b~~ <i>`",
        "*a ``b* <i>``",
        "[a](`b) <i>`",
        "http://a/`b <i>`",
        "a ~`<i>`",
        "`a\n` <i> `b`",
        "|a|`b|\n|-|-|\n|`c|d` <i>`|",
        "- ```\n  <i>\n  ```",
        "- a\n   ```\n# b\n   ```\n<i>",
        "a\n~~~<i>",
        "a\n    ~~~\n    <i>\n    ~~~",
        "- a\n\n      <i>",
    ],
)
def test_where_argilla_may_not_see_code_no_tag_begins(text: str) -> None:
    assert "<i>" not in display_text(text)


def test_a_fence_that_dashes_would_end_gets_a_blank_line() -> None:
    text = "A file:\n```yaml\n---\na: <b>\n---\n```"
    assert plain(display_text(text)) == "A file:\n\n```yaml\n---\na: <b>\n---\n```"


def test_code_and_formulas_in_right_to_left_texts_have_their_own_direction() -> None:
    hebrew = "\u05d0\u05d1\u05d2\u05d3 " * 9
    seen = display_text(f"{hebrew} `f(x);` \\(a\\)\n\n```\nf(x);\n```\n{hebrew}")
    assert seen.count("<bdi dir=ltr ") == seen.count("</bdi>") == 2
    assert seen.count("<div dir=ltr ") == seen.count("</div>") == 1
    assert "dir=" not in display_text("code: `f(x);` \\(a\\) \u05d0\u05d1\u05d2\u05d3")


def test_marks_do_not_pile_up_and_lists_do_not_nest_without_end() -> None:
    assert display_text("e\u0301\u0302\u0303") == "e\u0301\u0302\u0303"
    assert display_text("Z" + "\u0301" * 100).count("\u25cc") == 19
    assert display_text("> " * 7 + "x") == "> " * 5 + f">{J} > x"
    assert display_text("- " * 40) == "- " * 40
