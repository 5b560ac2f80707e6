"""Reads a judge's reply. A rating belongs to the text whose number is in its heading; if unsure, it is None.

distilabel's parser splits the reply at blank lines and does not read the numbers. So a preamble, or a rationale of two
paragraphs, gives ratings to the wrong texts. Here no rating is assigned by its position. For example

    #### Output for Text 2          (1: None, 2: 4, 3: None)
    Rating: 4
    Rationale: Correct, but long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from curation.generation.headings import Field, Heading, Line, Rank, field_of, heading_of, lines_of
from curation.generation.values import HIGHEST, LOWEST, is_only_a_rating, plain, read_rating
from curation.thinking import without_thinking

SAID = {
    "no_output_for_this_text": 'there is no "#### Output for Text" section with its number',
    "several_outputs_for_this_text": "there are several sections with its number",
    "no_rating": 'there is no line "Rating: ..."',
    "rating_is_not_a_number": "its rating is not one number",
    "rating_out_of_range": "its rating is not between 1 and {highest}",
}
"""What to tell the judge, by the reason why a rating cannot be read. {highest} stands for the best rating."""


_VALUE = re.compile(r"\w|[★⭐🌟]")
_BEGINS_WITH_VALUE = re.compile(r"[^(]*\w")


@dataclass(frozen=True, slots=True)
class Rating:
    """The rating and rationale of one text, or the reason why there is no rating."""

    rating: float | None
    rationale: str | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a reply, about the text with this number: what follows each "Rating:", and the last rationale."""

    number: int | None
    ratings: tuple[str, ...] = ()
    rationale: str | None = None
    rank: Rank = Rank.MARKED


def parse_ratings(reply: str, texts: int, highest: int = HIGHEST) -> tuple[Rating, ...]:
    """Return a Rating from 1 to `highest` for each of the texts 1 to `texts`, in this order.

    It works for all aspects of UltraFeedback and for the criteria of a rubric.

    The prompt asks for "#### Output for Text N", then "Rating:" and "Rationale:". (Some aspects ask for "Type:" and its
    rationale before that.) Also read are other headings with the number of a text ("**Text 2**", "Antwort 2:", "##
    2."), all common ways to write a rating on this scale, and JSON that names the texts. A text has no rating if its
    number cannot be read or if it has different ratings. The judge's thoughts are not read. A single text needs no
    heading.
    """
    answer = without_thinking(reply)
    sections = _json_sections(answer) or _headed_sections(answer, texts, highest)
    if _counts_otherwise({section.number for section in sections if section.ratings}, texts):
        sections = []
    return tuple(
        _read([section for section in sections if section.number == number], highest) for number in range(1, texts + 1)
    )


def complaint(ratings: Sequence[Rating], texts: int, highest: int = HIGHEST) -> str:
    """Return the message to a judge whose reply could not be read for every text."""
    faults = "; ".join(
        f"Text {number}: {SAID[rating.reason].format(highest=highest)}"
        for number, rating in enumerate(ratings, 1)
        if rating.reason
    )
    return (
        f"Your reply could not be read. {faults}. Answer again for all {texts} texts, in exactly the format that was "
        f'asked for, with one whole number from {LOWEST} to {highest} after each "Rating:".'
    )


def _counts_otherwise(numbers: set[int | None], texts: int) -> bool:
    """Whether a judge seems to count the texts from 0 or from 2, so that its numbers cannot be trusted."""
    return (0 in numbers and texts not in numbers) or (texts + 1 in numbers and 1 not in numbers)


def _read(sections: Sequence[Section], highest: int) -> Rating:
    if not sections:
        return Rating(None, None, "no_output_for_this_text")
    rated = [section for section in sections if section.ratings]
    if len(rated) > 1:
        return Rating(None, None, "several_outputs_for_this_text")
    rationale = next((section.rationale for section in reversed(sections) if section.rationale), None)
    if not rated:
        return Rating(None, rationale, "no_rating")
    # "Rating:" without a value is ignored if there are others with a value.
    values = [value for value in rated[0].ratings if _VALUE.search(value)] or rated[0].ratings[:1]
    ratings = {read_rating(value, highest) for value in values}
    if len(ratings) > 1:
        return Rating(None, None, "rating_is_not_a_number")
    [rating] = ratings
    if rating is None:
        return Rating(None, rationale, "rating_is_not_a_number")
    if not LOWEST <= rating <= highest:
        return Rating(None, rationale, "rating_out_of_range")
    return Rating(rating, rationale)


# --- headings ---------------------------------------------------------------------------------------------------------

_PLAIN_LEVEL = 99
"""The level of a heading without "#". Any heading with "#" ends its section."""


@dataclass(slots=True)
class _Reading:
    """The section that is being read."""

    number: int | None
    level: int = 0
    rank: Rank = Rank.MARKED
    ratings: list[str] = field(default_factory=list)
    rationale: list[str] = field(default_factory=list)
    in_rationale: bool = False
    waits: bool = False

    def section(self) -> Section:
        lines = list(self.rationale)
        while lines and not plain(lines[-1]).strip(" -*_=#|"):
            lines.pop()
        rationale = "\n".join(lines).strip(" \t\r\n*_") or None
        return Section(self.number, tuple(self.ratings), rationale, self.rank)


def _headed_sections(reply: str, texts: int, highest: int) -> list[Section]:
    sections = list(_sections(reply, highest))
    numbered = [section for section in sections if section.number is not None]
    if not numbered and texts == 1:
        rationale = next((section.rationale for section in reversed(sections) if section.rationale), None)
        return [Section(1, tuple(rating for section in sections for rating in section.ratings), rationale)]
    if any(section.rank is not Rank.SENTENCE for section in numbered):
        return numbered
    # Lines that only begin like headings count if there is exactly one for each text, with one rating each.
    is_complete = sorted(section.number or 0 for section in numbered) == list(range(1, texts + 1))
    return numbered if is_complete and all(len(section.ratings) == 1 for section in numbered) else []


def _sections(reply: str, highest: int) -> Iterator[Section]:
    """Yield the sections of a reply. Lines before the first heading, or under a heading of no text, have no number.

    A heading that is quoted deeper than the others, or in code, does not count: it belongs to a text that was judged.
    """
    lines = list(lines_of(reply, highest))
    depth = min((line.depth for line, heading in lines if heading is not None), default=0)
    headings = _that_count([heading for line, heading in lines if heading is not None and line.depth == depth])
    reading = _Reading(None)
    for line, heading in lines:
        if heading is not None and line.depth == depth and (heading in headings or _may_begin(heading, reading)):
            yield reading.section()
            reading = _Reading(headings.get(heading), line.level or _PLAIN_LEVEL, heading.rank)
            line_field = field_of(heading.rest, line.raw, sure=False, highest=highest) if heading.rest else None
            if line_field is not None:
                _take(reading, line_field)
            continue
        if line.depth > depth or line.quoted:
            _take_text(reading, line, highest)
            continue
        line_field = field_of(line.text, line.raw, sure=line.level > 0, highest=highest) if line.text else None
        if line_field is not None:
            _take(reading, line_field)
        elif line.closes or 0 < line.level <= reading.level:
            yield reading.section()
            reading = _Reading(None)
        else:
            _take_text(reading, line, highest)
    yield reading.section()


def _that_count(headings: Sequence[Heading]) -> dict[Heading, int | None]:
    """Return the headings that count, each with the number of its text.

    They use the same noun as the first heading, such as "text" or "response". The beginning of a sentence counts only
    if there are no other headings. A line alone that names a text which also has a heading with "#" is a summary, and
    its number is None.
    """
    sure = [heading for heading in headings if heading.rank is not Rank.SENTENCE]
    counted = sure if any(heading.number is not None for heading in sure) else headings
    noun = next((heading.noun for heading in counted if heading.noun), "")
    marked = {heading.number for heading in counted if heading.rank is Rank.MARKED}
    return {
        heading: None if heading.rank is Rank.ALONE and heading.number in marked else heading.number
        for heading in counted
        if heading.noun in {noun, ""}
    }


def _may_begin(heading: Heading, reading: _Reading) -> bool:
    """Whether a line that may be a heading could begin another text, so that ratings after it belong to that text.

    This matters only before the current text has a rating. After that, a second rating makes both uncertain anyway.
    """
    return reading.number is not None and not reading.ratings and heading.number != reading.number


def _take(reading: _Reading, line_field: Field) -> None:
    reading.in_rationale, reading.waits = line_field.kind == "rationale", False
    if line_field.kind == "rationale":
        reading.rationale = [line_field.value]
    if line_field.kind == "rating":
        reading.ratings.append(line_field.value)
        reading.waits = not _BEGINS_WITH_VALUE.match(line_field.value)
        if line_field.rationale is not None:
            reading.rationale, reading.in_rationale = [line_field.rationale], True


def _take_text(reading: _Reading, line: Line, highest: int) -> None:
    if reading.waits and line.text:
        reading.waits = False
        if is_only_a_rating(line.text, highest):
            reading.ratings[-1] = f"{line.text} {reading.ratings[-1]}".strip()
            return
    if reading.in_rationale:
        reading.rationale.append(line.raw)


# --- JSON -------------------------------------------------------------------------------------------------------------

_JSON = re.compile(r"\s*(?:```(?:json)?\s*)?([\[{].*[\]}])\s*(?:```\s*)?", re.DOTALL)
LONGEST_JSON = 100_000
_NUMBER_KEYS = ("text", "text number", "number", "text id", "id", "index", "output", "response", "answer")


def _json_sections(reply: str) -> list[Section]:
    """Return the sections of a reply that is JSON: {"text_1": {"rating": 4}} or [{"text": 1, "rating": 4}]."""
    match = _JSON.fullmatch(reply) if len(reply) <= LONGEST_JSON else None
    if match is None:
        return []
    try:
        content = orjson.loads(match[1])
    except orjson.JSONDecodeError:
        return []
    if isinstance(content, list):
        return [section for entry in content if (section := _listed(entry)) is not None]
    return [_entry(number, value) for key, value in content.items() if (number := _text_number(key)) is not None]


def _listed(entry: Any) -> Section | None:
    values = {plain(key): value for key, value in entry.items()} if isinstance(entry, dict) else {}
    numbers = {_text_number(values[key]) for key in _NUMBER_KEYS if key in values} - {None}
    return _entry(numbers.pop(), entry) if len(numbers) == 1 else None


def _entry(number: int | None, value: Any) -> Section:
    if not isinstance(value, dict):
        return Section(number, (str(value),) if type(value) in {int, float, str} else ())
    ratings, rationale = [], None
    for key, part in value.items():
        line_field = field_of(f"{plain(key)}:", "", sure=False)
        if line_field is not None and line_field.kind == "rating" and type(part) in {int, float, str}:
            ratings.append(f"{part} {line_field.value}".strip())
        elif line_field is not None and line_field.kind == "rationale" and isinstance(part, str):
            rationale = part.strip() or None
    return Section(number, tuple(ratings), rationale)


def _text_number(key: Any) -> int | None:
    """Return the number in a key such as "text_1", "1" or 1."""
    if type(key) is int:
        return key
    heading = heading_of(Line(raw="", text=plain(str(key)), level=1, depth=0, quoted=False, closes=False))
    return heading.number if heading is not None and not heading.rest else None
