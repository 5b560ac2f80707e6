"""Finds personal data in a text with datafog: e-mail and IP addresses, phone, social security and card numbers."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

KINDS = ("CREDIT_CARD", "EMAIL", "IP_ADDRESS", "PHONE", "SSN")
"""datafog also recognises dates and ZIP codes, which alone do not identify anybody."""

# A line without such a number and without an @ contains no personal data, and this test is much faster.
_NUMBER = re.compile(r"\d[\d\-.() ]{5,}\d")
_RESERVED_DOMAIN = re.compile(r"(?:@|\.)(?:example(?:\.(?:com|net|org))?|test|invalid|localhost)$", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"(?:git|name|your[._-]?(?:name|e?mail))@|.*@domain\.com$", re.IGNORECASE)
_VERSION_BEFORE = re.compile(r"(?:\bv|\bver|version|release|build|[=~^<>]=?|[\w.][/-]|\d\.)\s*$", re.IGNORECASE)
_NANP = re.compile(r"1?([2-9]\d\d)([2-9]\d\d)\d{4}")


def find_pii(text: str) -> tuple[str, ...]:
    """Return the kinds of personal data (of `KINDS`) in a text, sorted: ("EMAIL", "PHONE").

    These do not count, because they belong to nobody:

    - e-mail addresses that are reserved for examples (RFC 2606), are placeholders (your.name@email.com) or are `git`'s
    - phone numbers that cannot exist or are reserved for fiction (area code or exchange 555, first digit 0 or 1)
    - private, documentation and other special IP addresses (RFC 6890)
    - version and section numbers (so 8.8.8.8 does not count either)
    - card numbers with a wrong check digit
    - phone and social security numbers without any separator, which look like ids

    Names, postal addresses, IPv6 and national numbers of other countries are not recognised.
    """
    return tuple(sorted({kind for kind, _, _ in _spans(text)}))


def redacted(text: str) -> str:
    """Return a text whose personal data is replaced by its kind: "write to [EMAIL]"."""
    parts, end = [], 0
    for kind, start, stop in _spans(text):
        parts += [text[end:start], f"[{kind}]"]
        end = stop
    return "".join([*parts, text[end:]])


def _spans(text: str) -> list[tuple[str, int, int]]:
    """Return (kind, start, end) of all personal data in a text, in order and without overlaps."""
    spans: list[tuple[str, int, int]] = []
    at = 0
    if "@" not in text and _NUMBER.search(text) is None:
        return spans
    for line in text.splitlines(keepends=True):
        if "@" in line or _NUMBER.search(line):
            spans += ((kind, at + start, at + end) for kind, start, end in _spans_of_line(line))
        at += len(line)
    return spans


def _spans_of_line(line: str) -> Iterator[tuple[str, int, int]]:
    detected = [span for span in _annotator().annotate_with_spans(line)[1].spans if span.label in KINDS]
    end = 0
    for span in sorted(detected, key=lambda span: (span.start, -span.end)):
        if span.start >= end and _is_somebodys(
            span.label, span.text, before=line[: span.start], after=line[span.end :]
        ):
            yield span.label, span.start, span.end
            end = span.end


def _is_somebodys(kind: str, number: str, *, before: str, after: str) -> bool:
    digits = re.sub(r"\D", "", number)
    if kind == "EMAIL":
        return _PLACEHOLDER.match(number) is None and _RESERVED_DOMAIN.search(number) is None
    if kind == "IP_ADDRESS":
        return not _is_version(number, before=before, after=after) and _is_public(number)
    if kind == "CREDIT_CARD":
        return _has_check_digit(digits)
    if kind == "SSN":
        return "-" in number
    if number.startswith("+") and not digits.startswith("1"):
        return True
    return number != digits and _is_nanp(digits)


def _is_nanp(digits: str) -> bool:
    """Whether a number of the North American Numbering Plan can be somebody's."""
    number = _NANP.fullmatch(digits)
    return number is not None and "555" not in number.groups()


def _is_public(address: str) -> bool:
    """Whether an IP address is a public one. Digits of other scripts and leading zeros do not make an address."""
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


def _is_version(number: str, *, before: str, after: str) -> bool:
    """Whether four numbers with dots are a version, an object identifier or the number of a section."""
    in_address = before.endswith("//")
    longer = re.match(r"[.-]\w", after) is not None
    small = all(int(part) <= 20 for part in number.split("."))
    return small or longer or (not in_address and _VERSION_BEFORE.search(before) is not None)


def _has_check_digit(digits: str) -> bool:
    """Whether a card number ends with the digit that it must (ISO/IEC 7812-1, annex B: Luhn)."""
    doubled = [2 * int(digit) for digit in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(digit // 10 + digit % 10 for digit in doubled)) % 10 == 0


@cache
def _annotator() -> Any:
    # Only this class is used: datafog's other functions report usage if an environment variable allows it.
    from datafog.processing.text_processing.regex_annotator import RegexAnnotator

    return RegexAnnotator()
