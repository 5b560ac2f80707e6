"""Recognises the lines of a judge's reply: headings of texts ("#### Output for Text 2"), ratings and rationales.

A judge may answer with a line of a megabyte. So only the first characters of a line are compared, and the patterns are
written so that they cannot backtrack much.
"""

# ruff: noqa: RUF001 - marks of many languages are the data of this file

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Literal

from curation.generation import words
from curation.generation.remembering import remembered
from curation.generation.values import HIGHEST, is_only_a_rating, plain

LONGEST_HEADING = 200
LONGEST_VALUE = 1000

_LINE_END = re.compile(r"\r\n|\r|\n")
_LEAD = re.compile(r"[\W_]*")
_MARKS = re.compile(r"[\s>]*(#{1,6})")
_QUOTATION = frozenset("\"'`“”„‘’«»「『")
_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})")

_LABELS = rf"(?:{words.RATINGS}|{words.RATIONALES})"
_JOINED = rf"(?:(?:{words.ABOUT_JOINED})\s*)"
_NUMERAL = rf"(?:\d{{1,4}}|(?:{'|'.join(words.NUMBERS)})(?!\w))"
_TEXT = (
    rf"(?P<noun>{words.TEXTS})[ \-]*(?:(?:number|nummer|numéro|número|no|nr|n°|nº|num)\b\.?\s*)?[#№]?\s?[(\[<]?\s?"
    rf"(?P<number>{_NUMERAL})\s?[)\]>】」』]?(?!\d|[.,]\d)(?=\W|{_JOINED}|{_LABELS}|$)"
)
_ORDINAL = rf"第\s?(?P<ordinal>\d{{1,4}}|[一二三四五])\s?(?:个|個|つの|番目の)?\s?(?P<counted>{words.TEXTS})"
# The name of a text anywhere in a line: at the beginning of a word, or between letters of scripts without blanks.
_NAMED = re.compile(rf"(?:(?<![^\W\d_])|(?<=[\u3040-\u9fff\uac00-\ud7af]))(?:{_TEXT}|{_ORDINAL})")
_WORD = rf"(?:{words.ABOUT}|{words.TEXTS}|{_LABELS}|{words.RATINGS_MAYBE})(?:'s)?(?!\w)"
_HEADING = re.compile(
    rf"(?:\d{{1,2}}[.)]\s)?(?P<before>(?:{_WORD}[\s:\-]*|{_JOINED}){{0,6}}?)[(\[<]?(?:{_TEXT}|{_ORDINAL})(?:'s)?"
    rf"(?P<after>(?:[\s\-]*(?:{_WORD}|{_JOINED})){{0,4}})\s*(?P<rest>.*)$"
)
_BARE = re.compile(r"(?:(?:no|nr)\b\.?\s*)?(\d{1,4})[\s.):\]]*$")
_BOLD = re.compile(r"[ \t]*(?:[-*+>][ \t]+)*\*\*[^*\n]{1,200}\*\*:?[ \t]*")
_GOES_ON = re.compile(r"\s*[^\W\d_A-Z][^:]*$")
_IS_LABEL = re.compile(rf"(?P<rating>{words.RATINGS})|(?P<rationale>{words.RATIONALES})")
_FIELD = re.compile(
    rf"(?:\d{{1,2}}[.)]\s+)?(?:(?:{words.ABOUT})\s+|{_JOINED}){{0,4}}"
    rf"(?:(?P<rating>{words.RATINGS})|(?P<maybe>{words.RATINGS_MAYBE})|(?P<rationale>{words.RATIONALES})|"
    rf"(?P<type>{words.TYPES}))(?![^\W\d_])(?:\s+(?:{words.ABOUT}|{words.RATINGS})(?!\w)){{0,3}}"
    r"(?:\s*[(\[](?P<scale>[^()\[\]]{0,60})[)\]]|\s*(?P<outof>(?:out of|/|von|sur)\s*\d+|\d\s*[-–]\s*\d+(?=\s*:)))?"
    r"\s*(?P<sign>[:=|]|[-–—](?!\d)|(?:is|ist|est)\b)?\s*(?P<value>.*)$"
)
_INLINE_RATIONALE = re.compile(rf"(?<![^\W\d_])(?:{words.RATIONALES})\s*[*_]*\s*[:：]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a reply: as it is (`raw`), and as plain text without the marks before it (`text`).

    `level` is the number of "#", `depth` how deep the line is quoted or in code. `quoted` lines begin with a quotation
    mark, `aside` lines with a round bracket, and `closes` lines are the end of a tag.
    """

    raw: str
    text: str
    level: int
    depth: int
    quoted: bool
    closes: bool
    aside: bool = False


class Rank(IntEnum):
    """How sure a heading is: it is marked as one, it is alone on its line, or it is the beginning of a sentence."""

    MARKED = 0
    ALONE = 1
    SENTENCE = 2


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a text: the text's number (None if it names several), and the rest of the line.

    `noun` is what the heading calls the text, such as "text". All headings of a reply must use the same noun, because
    "Option 2" may also occur inside a text.
    """

    number: int | None
    rank: Rank
    noun: str = ""
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """A line such as "Rating: 4". `value` is the rating as it was written, or the beginning of a rationale."""

    kind: Literal["rating", "rationale", "type"]
    value: str
    rationale: str | None = None


def lines_of(reply: str, highest: int = HIGHEST) -> Iterator[tuple[Line, Heading | None]]:
    """Yield each line of a reply with the heading that it is, except lines that begin or end a block of code.

    Ratings in it are from 1 to `highest`.
    """
    fence = ""
    has_fences = "```" in reply or "~~~" in reply
    for raw in _LINE_END.split(reply):
        fence_match = _FENCE.match(raw) if has_fences else None
        if fence_match is not None:
            fence = "" if fence and fence_match[1].startswith(fence) else fence or fence_match[1]
            continue
        yield _line(raw, in_code=bool(fence), highest=highest)


@remembered
def _line(raw: str, *, in_code: bool, highest: int) -> tuple[Line, Heading | None]:
    lead = _LEAD.match(raw)
    marks = lead[0] if lead else ""
    hashes = _MARKS.match(marks)
    line = Line(
        raw=raw,
        text=plain(raw[len(marks) : len(marks) + LONGEST_VALUE + 1]),
        level=len(hashes[1]) if hashes else 0,
        depth=marks.count(">") + in_code,
        quoted=not _QUOTATION.isdisjoint(marks),
        closes="</" in marks,
        aside="(" in marks,
    )
    return line, heading_of(line, highest)


def heading_of(line: Line, highest: int = HIGHEST) -> Heading | None:
    """Return the heading that a line is, None if it is not a heading."""
    if line.quoted or line.closes or not line.text or line.aside:
        return None
    text, raw, level = line.text, line.raw, line.level
    bare = _BARE.match(text) if level else None
    if bare is not None:
        return Heading(int(bare[1]), Rank.MARKED)
    match = _HEADING.match(text)
    if level:
        named = {_number(name): name for name in _NAMED.finditer(text[:LONGEST_HEADING])}
        if len(named) > 1:
            return Heading(None, Rank.MARKED)
        if named and match is None:
            [(number, name)] = named.items()
            return Heading(number, Rank.MARKED, _noun(name))
    if match is None:
        return None
    is_marked = level > 0 or _BOLD.fullmatch(raw) is not None
    heading = _headed(match, Rank.MARKED if is_marked else Rank.ALONE, highest)
    # The line may continue the sentence of the line before: "... the quality / of Text 2".
    goes_on = match["before"] and not is_marked and _GOES_ON.match(raw)
    return replace(heading, rank=Rank.SENTENCE) if heading is not None and goes_on else heading


def _headed(match: re.Match[str], rank: Rank, highest: int) -> Heading | None:
    number, noun, rest = _number(match), _noun(match), match["rest"].strip()
    content = rest.strip(" :=-–—|()[]")
    if not content.strip(".>#"):
        return Heading(number, rank, noun)
    follows = rest[0] in ":=-–—|(["
    labels = {label.lastgroup for label in _IS_LABEL.finditer(f"{match['before']} {match['after']}")}
    if follows and (labels == {"rating"} or is_only_a_rating(content, highest)):
        return Heading(number, rank, noun, f"rating: {rest.lstrip(' :=-–—|') if labels else content}")
    if follows and labels == {"rationale"}:
        return Heading(number, rank, noun, f"rationale: {content}")
    if (follows or rest[0] in ",.") and field_of(content, "", sure=False, highest=highest) is not None:
        return Heading(number, rank, noun, content)
    if rank is Rank.MARKED:
        return Heading(number, rank, noun)
    return Heading(number, Rank.SENTENCE, noun) if follows or rest[0] == "." else None


@remembered
def field_of(text: str, raw: str, *, sure: bool, highest: int = HIGHEST) -> Field | None:
    """Return the rating or rationale in a line, None if it has none.

    `text` is the line as plain text, `raw` as it was written. `sure` is whether the line is marked as a heading,
    and `highest` the best rating.
    """
    match = _FIELD.match(text)
    if match is None:
        return None
    value, sign = match["value"], match["sign"]
    if not (sign or sure or not value or is_only_a_rating(value, highest)):
        return None
    if match["rationale"]:
        return Field("rationale", _after_label(raw, text)) if sign or sure else None
    if match["type"]:
        return Field("type", "") if sign else None
    inline = _INLINE_RATIONALE.search(value)
    if inline is not None:
        value = value[: inline.start()].rstrip(" ,;|.-–—")
    if match["maybe"] and not is_only_a_rating(value, highest):
        return None
    # A value that is too long is not read.
    value = "?" if len(raw.rstrip()) > LONGEST_VALUE and inline is None else value
    scale = match["scale"] or match["outof"]
    return Field("rating", f"{value} ({scale})" if scale else value, _after_label(raw, "") if inline else None)


def _after_label(raw: str, text: str) -> str:
    """Return what follows "Rationale:" in a line as it was written."""
    label = _INLINE_RATIONALE.search(raw)
    if label is not None:
        return raw[label.end() :].lstrip(" \t*_")
    before, colon, after = raw.replace("：", ":").partition(":")
    return after.lstrip(" \t*_") if colon and len(before) < LONGEST_HEADING and text else ""


def _noun(match: re.Match[str]) -> str:
    """Return the noun for a text, cut to four letters so that its grammatical endings do not matter."""
    return (match["noun"] or match["counted"])[:4]


def _number(match: re.Match[str]) -> int:
    numeral = match["number"] or match["ordinal"]
    return int(numeral) if numeral.isdecimal() else words.NUMBERS[numeral]
