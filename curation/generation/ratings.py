"""Reading UltraFeedback's reply: each text's rating by the text's own number, None for that text alone if unreadable.

distilabel's parser splits on blank lines and never reads the number: a preamble or a rationale of two paragraphs puts
ratings on the wrong texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

LOWEST, HIGHEST = 1.0, 5.0

# Blanks, never line ends, and nothing that can match in two ways: a judge may answer with a megabyte of white space.
_HEADER = re.compile(r"^[ \t#*>]*Output for Text[ \t]*(\d{1,4})[ \t\r*:]*$", re.IGNORECASE | re.MULTILINE)
_RATING = re.compile(r"^[ \t*_>-]*Rating[ \t*_]*:(.*)$", re.IGNORECASE | re.MULTILINE)
_RATIONALE = re.compile(r"^[ \t*_>-]*Rationale[ \t*_]*:", re.IGNORECASE | re.MULTILINE)
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)(?:[ \t]*(?:/|out of)[ \t]*5(?![\d.]))?", re.IGNORECASE)
SAID = {
    "no_output_for_this_text": 'there is no "#### Output for Text" section with its number',
    "several_outputs_for_this_text": "there are several sections with its number",
    "no_rating": 'there is no line "Rating: ..."',
    "rating_is_not_a_number": "its rating is not one number",
    "rating_out_of_range": f"its rating is not between {LOWEST:g} and {HIGHEST:g}",
}
"""Why a rating cannot be read, in words that a judge understands."""

_DECORATION = " \t\r*_[]()."


@dataclass(frozen=True, slots=True)
class Rating:
    """One text's rating (1 to 5) and rationale, or the reason why there is none."""

    rating: float | None
    rationale: str | None
    reason: str | None = None


def parse_ratings(reply: str, texts: int) -> tuple[Rating, ...]:
    """Return one Rating per text, in the order of the texts' numbers (1 to `texts`), for any aspect of UltraFeedback.

    The format is that of distilabel's templates: "#### Output for Text N", then "Rating:" and "Rationale:" (some
    aspects put "Type:" and a rationale of it before). Without any header, exactly `texts` "Rating:" lines are
    taken in order; one text needs no header.
    """
    sections = _sections(reply, texts)
    return tuple(_read(sections.get(number, [])) for number in range(1, texts + 1))


def complaint(ratings: Sequence[Rating], texts: int) -> str:
    """Return what to tell a judge whose reply could not be read for every text."""
    faults = "; ".join(
        f"Text {number}: {SAID[rating.reason]}" for number, rating in enumerate(ratings, 1) if rating.reason
    )
    return (
        f"Your reply could not be read. {faults}. Answer again for all {texts} texts, in exactly the format that was "
        f'asked for, with one whole number from {LOWEST:g} to {HIGHEST:g} after each "Rating:".'
    )


def _sections(reply: str, texts: int) -> dict[int, list[str]]:
    headers = list(_HEADER.finditer(reply)) or _headerless(reply, texts)
    ends = [*(header.start() for header in headers[1:]), len(reply)][: len(headers)]
    sections: dict[int, list[str]] = {}
    for position, (header, end) in enumerate(zip(headers, ends, strict=True), 1):
        number = int(header[1]) if header.re is _HEADER else position
        start = header.end() if header.re is _HEADER else header.start()
        sections.setdefault(number, []).append(reply[start:end])
    return sections


def _headerless(reply: str, texts: int) -> list[re.Match[str]]:
    ratings = list(_RATING.finditer(reply))
    return ratings if len(ratings) == texts else []


def _read(sections: list[str]) -> Rating:
    if not sections:
        return Rating(None, None, "no_output_for_this_text")
    if len(sections) > 1:
        return Rating(None, None, "several_outputs_for_this_text")
    found = _RATING.search(sections[0])
    rationale = _last_rationale(sections[0])
    if found is None:
        return Rating(None, rationale, "no_rating")
    rating = _number(found[1])
    if rating is None:
        return Rating(None, rationale, "rating_is_not_a_number")
    if not LOWEST <= rating <= HIGHEST:
        return Rating(None, rationale, "rating_out_of_range")
    return Rating(rating, rationale)


def _number(said: str) -> float | None:
    """The number that a line says, alone, out of 5, or before a remark; a second number makes it ambiguous."""
    said = said.strip(_DECORATION)
    number = _NUMBER.match(said)
    if number is None:
        return None
    rest = said[number.end() :]
    remark = rest.partition(" (")[0]
    if rest[:1].isalnum() or any(character.isdigit() for character in remark):
        return None
    return float(number[1])


def _last_rationale(section: str) -> str | None:
    starts = list(_RATIONALE.finditer(section))
    if not starts:
        return None
    return section[starts[-1].end() :].strip(" \t\r\n*_") or None
