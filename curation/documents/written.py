"""Reads the questions or other prompts that a model wrote: JSON, a numbered list or bullets, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from curation.characters import is_blank, is_storable
from curation.thinking import without_thinking

LONGEST_QUESTION = 2000
"""A text with more characters is no question."""

_ITEM = re.compile(
    r"\s*(?:\*\*)?(?:(?:question|frage|pregunta|pergunta|domanda|vraag|q)\s*)?"
    r"(?:(?P<number>\d{1,3})\s*(?:[.):]|\*\*)|(?P<bullet>[-*\u2022\u2013]\s))\s*(?:\*\*)?[ \t]*(?P<text>.*)",
    re.IGNORECASE,
)
_ENDS = ("?", "\uff1f", "\u061f", "\u037e")
"""The question marks of Latin, Chinese, Arabic and Greek."""
_QUOTES = str.maketrans("\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb", '\'\'\'\'""""""')
"""Quotation marks that models write in place of one another."""


class WrittenQuestion(NamedTuple):
    """A question that a model wrote, and the passage that it says answers the question, null if it names none."""

    text: str
    quote: str | None = None


class UnreadableQuestions(ValueError):
    """A reply holds no list of questions."""


def read_questions(
    reply: str, count: int, *, cut: bool = False, keys: Sequence[str] = ("question",)
) -> tuple[WrittenQuestion, ...]:
    """Return the questions in a reply, the first `count` of them; `cut` says that the reply did not end by itself.

    The reply is a JSON list of texts or of objects with one of `keys` and perhaps "quote", a numbered list, a list with
    bullets, or one line a question, each with a question mark. Thoughts before it and a sentence around it are left
    out, and so is the last item of a list that was cut off. Raises UnreadableQuestions if there is no such list.
    """
    text = without_thinking(reply).strip()
    questions = _of_json(text, keys)
    if questions is None:
        questions = _of_lines(text, cut=cut)
    sound = [question for question in questions if _is_sound(question.text)]
    if not sound:
        raise UnreadableQuestions("the reply holds no list of questions")
    return tuple(sound[:count])


def complaint(count: int) -> str:
    """Return the message to a model whose reply could not be read."""
    return (
        f"Your reply could not be read as a list of questions. Reply with the {count} questions alone: a JSON list of "
        'objects with "question" and, if you were asked for one, "quote".'
    )


def find_quote(quote: str, text: str) -> tuple[int, int] | None:
    """Return where a quotation stands in a text, in characters; null if it is not there.

    White space, capitals and the kinds of quotation marks may differ, and an ellipsis may stand at either end.
    """
    words = quote.translate(_QUOTES).strip(" \t\r\n\"'.\u2026").split()
    if sum(map(len, words)) < 3:
        return None
    pattern = r"\s+".join(map(re.escape, words))
    match = re.search(pattern, text.translate(_QUOTES), re.IGNORECASE)
    return None if match is None else match.span()


def _is_sound(text: str) -> bool:
    return len(text) <= LONGEST_QUESTION and not is_blank(text) and is_storable(text)


def _of_json(text: str, keys: Sequence[str]) -> list[WrittenQuestion] | None:
    """Return the questions of the first JSON list, null without one. If it was cut off, only complete items count."""
    for match in re.finditer(r"\[", text):
        questions = [_question(item, keys) for item in _items(text, match.end())]
        if questions:
            sound = [question for question in questions if question is not None]
            return sound if len(sound) == len(questions) else None
    brace = re.search(r"\{", text)
    if brace is not None:
        try:
            item, _ = json.JSONDecoder().raw_decode(text, brace.start())
        except (ValueError, RecursionError):
            return None
        question = _question(item, keys)
        return [question] if question is not None else None
    return None


def _items(text: str, start: int) -> Iterator[Any]:
    """Yield the items of a JSON list whose first item begins at `start`, as far as they can be read."""
    decoder = json.JSONDecoder()
    while True:
        start = len(text) - len(text[start:].lstrip(" \t\r\n,"))
        try:
            item, start = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            return
        yield item


def _question(item: Any, keys: Sequence[str]) -> WrittenQuestion | None:
    """Return the question that an item of a list is; null if it is none."""
    if isinstance(item, str):
        return WrittenQuestion(_plain(item)) if item.strip() else None
    if not isinstance(item, dict):
        return None
    values = {str(key).strip().lower(): value for key, value in item.items()}
    question, quote = next((values[key] for key in keys if key in values), None), values.get("quote")
    if not isinstance(question, str) or not question.strip():
        return None
    return WrittenQuestion(_plain(question), quote.strip() if isinstance(quote, str) and quote.strip() else None)


def _of_lines(text: str, *, cut: bool) -> list[WrittenQuestion]:
    """Return the items of a numbered list or one with bullets; else the lines, if all end with a question mark."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    matches = [_ITEM.fullmatch(line) for line in lines]
    numbered = [match for match in matches if match and match["number"]]
    items = numbered or [match for match in matches if match]
    if items:
        questions = [WrittenQuestion(_plain(match["text"])) for match in items]
        return questions[:-1] if cut and matches[-1] is items[-1] else questions
    if lines and all(line.endswith(_ENDS) for line in lines):
        return [WrittenQuestion(_plain(line)) for line in lines]
    return []


def _plain(text: str) -> str:
    """Return a question without the marks of Markdown and of quotation around it."""
    text = " ".join(text.split())
    if text.endswith("**") and text.count("**") == 1:
        # The number before the question was within the bold print.
        text = text.removesuffix("**").rstrip()
    for mark in ("**", "*", '"', "_"):
        if text.startswith(mark) and text.endswith(mark) and len(text) > 2 * len(mark):
            text = text[len(mark) : -len(mark)].strip()
    return text
