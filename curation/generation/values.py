"""Reads what follows "Rating:" in a judge's reply: a number on the scale that was asked for, or None if unsure.

The scale begins with 1, and ends with 5 or with what a criterion of a rubric says.
"""

# ruff: noqa: RUF001 - marks of many languages are the data of this file

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import NamedTuple

from curation.generation import words
from curation.generation.remembering import remembered

LOWEST, HIGHEST = 1, 5
"""The ends of UltraFeedback's scale."""

_DROPPED = re.compile(r"[*`\ufe0e\ufe0f\u20e3\u00ad\u200b-\u200f\u2060\ufeff]")
_BOXED = re.compile(r"\\(?:boxed|text|textbf)\{([^{}]*)\}")
_AROUND = " \t\r[](){}<>\"'“”„«»【】《》「」$.,;:|"
_FILLED, _HOLLOW = "★⭐🌟", "☆✩"
_STARS = re.compile(rf"[{_FILLED}{_HOLLOW} ]+")

_FORMS_OF_FIVE = ("пяти",)
"""Five in "out of five", where that is another form of the word."""
_NUMBER_WORD = rf"(?:{'|'.join(words.NUMBERS)})"
_UNIT = rf"(?:\s*(?:{words.UNITS})(?![^\W\d_]))"
_SCALE_WORDS = rf"(?:{words.OUT_OF}|on|in|the|a|scale|range|rating|skala|échelle|escala|auf|einer?|sur|una?)"
_OTHER_SCALE = re.compile(
    rf"(?:out of|on a scale|percent|prozent|pour cent|por ciento)\b|[/%‰]|[-–—~→]\s*{_NUMBER_WORD}\W*$"
)
_OR_MORE = re.compile(rf"\s*(?:{words.OR}|{words.TO})\s*{_NUMBER_WORD}(?![^\W\d_])")
_AFTER = frozenset(" \t,;:.!(-–—|")


class _Patterns(NamedTuple):
    """How a rating is written on one scale: the number with its unit and its scale, and the scale alone."""

    rating: re.Pattern[str]
    scale: re.Pattern[str]


@cache
def _patterns(highest: int) -> _Patterns:
    """Return the patterns of the scale from 1 to `highest`."""
    forms = [word for word, number in words.NUMBERS.items() if number == highest]
    forms += _FORMS_OF_FIVE if highest == HIGHEST else ()
    best = rf"(?:{'|'.join([rf'{highest}(?:[.,]0{{1,2}})?', *forms])})"
    out_of = rf"\s*(?:{words.OUT_OF})\s*(?:1\s*(?:{words.TO})\s*)?{best}(?![\w.,]*\d|\w*[^\W\d_]{{3}})"
    span = rf"1\s*(?:{words.TO})\s*{best}"
    return _Patterns(
        rating=re.compile(
            rf"(?P<number>\d[.,]\d(?={out_of})|[-+]?\d{{1,9}}(?:\.\d{{1,9}})?|{_NUMBER_WORD}(?![^\W\d_])|"
            rf"[一二三四五](?=[分星点颗顆]|$)){_UNIT}?(?:{out_of})?{_UNIT}?"
        ),
        # "(out of 5)", "(on a scale of 1 to 5)", "[1-5]", "(满分5分)", and without brackets "on a scale from 1 to 5"
        scale=re.compile(
            rf"[(\[]\s*(?:{_SCALE_WORDS}\s*){{0,6}}(?:(?:{words.OUT_OF}|max\.?|maximum)\s*{best}|{span}){_UNIT}?\s*"
            rf"(?:[)\]]|$)|,?\s*(?:on|in|auf|sur|en|su)\s(?:{_SCALE_WORDS}\s*){{1,6}}{span}(?!\d)"
        ),
    )


def plain(text: str) -> str:
    """Return a text for comparison: lower case, plain digits and punctuation, without Markdown's emphasis."""
    if text.isascii():
        # The same as below, three times faster.
        return " ".join(text.replace("*", "").replace("`", "").replace("_", " ").lower().split())
    return " ".join(_DROPPED.sub("", unicodedata.normalize("NFKC", text)).replace("_", " ").lower().split())


def read_rating(value: str, highest: int = HIGHEST) -> float | None:
    """Return the rating in a text, None if it is not exactly one number. It may be outside of the scale.

    On the scale from 1 to 5 these are ratings: "4", "4.5", "<4>", "four", "4 stars", "4/5", "4 (on a scale of 1 to 5)",
    "4 - mostly right", "★★★★☆". These are not: another scale ("4/10", "4 (out of 10)", "80%"), two numbers ("4-5", "4
    or 5", "3 → 4"), a remark that contains a number ("4 (2 errors)").
    """
    number, remark = _parted(value, highest=highest)
    if number is None or not _is_remark(remark):
        return None
    return number


def is_only_a_rating(value: str, highest: int = HIGHEST) -> bool:
    """Whether a text is a rating and nothing else."""
    number, remark = _parted(value, highest=highest)
    return number is not None and not remark


@remembered
def _parted(value: str, *, highest: int) -> tuple[float | None, str]:
    """Return the number at the beginning of a text, and what follows its unit and its scale from 1 to `highest`."""
    text = _BOXED.sub(r"\1", plain(value))
    if text.startswith(("<", ">")) and not (text[0] == "<" and ">" in text):
        return None, text
    text = text.strip(_AROUND)
    if _STARS.fullmatch(text):
        return _stars(text, highest), ""
    match = _patterns(highest).rating.match(text)
    if match is None:
        return None, text
    numeral = match["number"]
    number = float(words.NUMBERS[numeral]) if numeral in words.NUMBERS else float(numeral.replace(",", "."))
    rest = text[match.end() :]
    scale = _patterns(highest).scale.match(rest.lstrip())
    if scale is not None and rest[:1] in _AFTER:
        rest = rest.lstrip()[scale.end() :]
    return number, rest if rest.strip(_AROUND) or rest.strip() in {"-", "+"} else ""


def _is_remark(rest: str) -> bool:
    """Whether the text after a number is only a remark, which does not change the number's meaning."""
    if not rest:
        return True
    if rest[0] not in _AFTER or any(character.isdigit() for character in rest):
        return False
    return not (_OTHER_SCALE.search(rest) or _OR_MORE.match(rest)) and rest.strip() not in {"-", "–", "—"}


def _stars(text: str, highest: int) -> float | None:
    filled = sum(text.count(star) for star in _FILLED)
    hollow = sum(text.count(star) for star in _HOLLOW)
    return float(filled) if filled and (not hollow or filled + hollow == highest) else None
