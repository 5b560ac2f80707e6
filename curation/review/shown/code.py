"""Splits a text into code and other parts, as marked 5 does, with which Argilla 2.8 reads Markdown.

Code is shown as it is, so text that is taken for code by mistake would be shown unchecked. If it is not certain that
marked sees the same code, `Parts.certain` is false, and code is treated like all other text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BLANK = " \t\v\f\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
"""What JavaScript's `\\s` matches within a line: marked removes it at the end of lines."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_EMPTY = re.compile(rf"[{BLANK}]*$")
_FENCE = re.compile(r"(?P<indent>[ \t]*)(?P<run>`{3,}(?=[^`]*$)|~{3,})")
_FENCE_IN_CONTAINER = re.compile(r"[ \t]*(?:(?:[*+-]|\d{1,9}[.)]|>)[ \t]*)+(?:```|~~~)")
_LIST_ITEM = re.compile(r"[ \t]*(?:>[ \t]*)*(?:[*+-]|\d{1,9}[.)])(?:[ \t]|$)")
_UNDERLINE = re.compile(rf" {{0,3}}(?:=+|-+)[{BLANK}]*$")
INDENTED = 4
"""So many blanks before a line make it code without fences; a fence must have fewer before it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of a text that are code (fenced or indented), or lines that are not. `indent`: the blanks before a fence.

    `swallows`: marked would read these lines and the fence after them as a heading, because no blank line ends them and
    the code has a line of dashes.
    """

    text: str
    is_code: bool = False
    indent: int = 0
    swallows: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """A text in parts, and whether marked is certain to see the same code."""

    parts: tuple[Part, ...]
    certain: bool


@dataclass(frozen=True, slots=True)
class _Block:
    """Code that ends before line `end`."""

    end: int
    certain: bool = True
    indent: int = 0


def read_parts(text: str) -> Parts:
    """Return `text` split into parts. Their texts joined give `text`."""
    lines = [line for line in _LINE.findall(text) if line]
    bare = [line.rstrip("\r\n") for line in lines]
    parts: list[Part] = []
    certain, in_list, after_blank = True, False, True
    start = number = 0
    while number < len(lines):
        block = _block(bare, number, after_blank=after_blank, in_list=in_list)
        if block is None:
            line = bare[number]
            certain = certain and not _FENCE_IN_CONTAINER.match(line)
            in_list = bool(_LIST_ITEM.match(line)) or (in_list and not (after_blank and _ends_list(line)))
            after_blank = bool(_EMPTY.match(line))
            number += 1
            continue
        if start < number:
            swallows = not after_blank and _has_underline(bare, number + 1)
            parts.append(Part("".join(lines[start:number]), swallows=swallows))
        parts.append(Part("".join(lines[number : block.end]), is_code=True, indent=block.indent))
        certain = certain and block.certain
        in_list = in_list and block.indent > 0
        after_blank = False
        start = number = block.end
    if start < len(lines):
        parts.append(Part("".join(lines[start:])))
    return Parts(tuple(parts), certain)


def _block(lines: list[str], start: int, *, after_blank: bool, in_list: bool) -> _Block | None:
    fence = _fence(lines, start, after_blank=after_blank)
    if fence is None and after_blank and not in_list and _is_indented(lines[start]):
        return _Block(_end_of_indented(lines, start))
    return fence


def _ends_list(line: str) -> bool:
    """Return whether a line after a blank one stands too far left to belong to a list."""
    return not _EMPTY.match(line) and not line.startswith((" ", "\t"))


def _is_indented(line: str) -> bool:
    return not _EMPTY.match(line) and _width(line) >= INDENTED


def _width(line: str) -> int:
    """Return how many blanks stand before a line; a tab is four."""
    return sum(INDENTED if character == "\t" else 1 for character in line[: len(line) - len(line.lstrip(" \t"))])


def _end_of_indented(lines: list[str], start: int) -> int:
    end = start
    for number in range(start, len(lines)):
        if _is_indented(lines[number]):
            end = number + 1
        elif not _EMPTY.match(lines[number]):
            break
    return end


def _has_underline(lines: list[str], start: int) -> bool:
    for line in lines[start:]:
        if _EMPTY.match(line):
            return False
        if _UNDERLINE.match(line):
            return True
    return False


def _fence(lines: list[str], start: int, *, after_blank: bool) -> _Block | None:
    """Return where the fenced code that begins in this line ends, None if none begins.

    It is certain if no line of it could end a list item that it stands in, and if the first line that could close it
    does.
    """
    opening = _FENCE.match(lines[start])
    if opening is None:
        return None
    indent = _width(lines[start])
    # In a paragraph marked looks for a fence only where a line follows it.
    interrupts = indent < INDENTED and start + 1 < len(lines)
    certain = "\t" not in opening["indent"] and (after_blank or interrupts)
    closing = re.compile(rf"[ \t]*{opening['run']}[~`]*[{BLANK}]*$")
    for number in range(start + 1, len(lines)):
        width = _width(lines[number])
        if closing.match(lines[number]) and (indent or width < INDENTED):
            return _Block(number + 1, certain and (not indent or width == indent), indent)
        certain = certain and (width >= indent or bool(_EMPTY.match(lines[number])))
    return _Block(len(lines), certain and not indent, indent)
