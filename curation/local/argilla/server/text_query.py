"""Elasticsearch's simple query strings, over plain text: `a b` (both), `a | b`, `-a`, `"a phrase"`, `pre*`, `( )`.

Operators are taken left to right, as Lucene's SimpleQueryParser does. A score is 0.0 for no match, else higher the
more often the words occur; it orders results and means nothing else.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any

Score = Callable[[str], float]

# Between two fields of one record; a phrase does not reach across it.
FIELD_END = "\x00"

_TOKEN = re.compile(r'-(?=\()|[()|+]|-?"[^"]*"|-?[^\s()|"]+')
_WORD = re.compile(r"\w+")
# Scripts written without spaces have no word boundaries to ask for.
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def text_query(query: str) -> Score:
    """Return the function that scores a text (lower case, see `text_of`) against `query`."""
    return _expression(deque(_TOKEN.findall(query.lower()))) or _nothing


def text_of(value: Any) -> str:
    """Return the searchable text of a record's field: a string, a chat's contents, or anything else printed."""
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, list):
        return f" {FIELD_END} ".join(text_of(turn.get("content")) for turn in value if isinstance(turn, dict))
    return "" if value is None else str(value).lower()


def _expression(tokens: deque[str]) -> Score | None:
    found: Score | None = None
    combine = _both
    while tokens and (token := tokens.popleft()) != ")":
        if token in "|+":
            combine = _either if token == "|" else _both
            continue
        term = _term(token, tokens)
        if term is not None:
            found = term if found is None else combine(found, term)
        combine = _both
    return found


def _term(token: str, tokens: deque[str]) -> Score | None:
    if token == "(":
        return _expression(tokens)
    if token == "-":
        return _negation(_term(tokens.popleft(), tokens)) if tokens and tokens[0] == "(" else None
    if token.startswith("-"):
        return _negation(_words(token[1:]))
    return _words(token)


def _words(token: str) -> Score | None:
    words = _WORD.findall(token)
    if not words:
        return None
    if token.startswith('"'):
        return _occurrences(words)
    found = _occurrences(words[-1:], prefix=token.endswith("*"))
    for word in words[:-1]:
        found = _both(found, _occurrences([word]))
    return found


def _occurrences(words: list[str], *, prefix: bool = False) -> Score:
    unspaced = any(_UNSPACED.search(word) for word in words)
    start, end = ("", "") if unspaced else (r"\b", "" if prefix else r"\b")
    pattern = re.compile(start + rf"[^\w{FIELD_END}]+".join(re.escape(word) for word in words) + end)

    def score(text: str) -> float:
        # Looking for the bare word first is many times faster than the pattern, and most records do not have it.
        if words[0] not in text:
            return 0.0
        count = sum(1 for _ in pattern.finditer(text))
        return count / (count + 1)

    return score


def _both(one: Score, other: Score) -> Score:
    def score(text: str) -> float:
        first = one(text)
        second = other(text) if first else 0.0
        return first + second if second else 0.0

    return score


def _either(one: Score, other: Score) -> Score:
    return lambda text: one(text) + other(text)


def _negation(term: Score | None) -> Score | None:
    return None if term is None else lambda text: 0.0 if term(text) else 1.0


def _nothing(_text: str) -> float:
    return 0.0
