"""Elasticsearch's simple query strings, over plain text: `a b` (both), `a | b`, `-a`, `"a phrase"`, `pre*`, `( )`.

Operators apply from left to right, as in Lucene's SimpleQueryParser. A score is 0.0 if the text does not match, and
otherwise higher the more often the words occur. Scores only put results in order.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any

Score = Callable[[str], float]

# Separates the fields of a record in its searchable text, so that a phrase cannot match across two fields.
FIELD_END = "\x00"

_TOKEN = re.compile(r'-(?=\()|[()|+]|-?"[^"]*"|-?[^\s()|"]+')
_WORD = re.compile(r"\w+")
# Scripts that are written without spaces (Chinese, Japanese) have no word boundaries.
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def text_query(query: str) -> Score:
    """Return a function that scores a text in lower case (see `text_of`) against `query`."""
    return _expression(deque(_TOKEN.findall(query.lower()))) or _nothing


def text_of(value: Any) -> str:
    """Return a record's field as searchable text in lower case: the text itself, or the contents of a chat's turns."""
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, list):
        return f" {FIELD_END} ".join(text_of(turn.get("content")) for turn in value if isinstance(turn, dict))
    return "" if value is None else str(value).lower()


def _expression(tokens: deque[str]) -> Score | None:
    expression: Score | None = None
    combine = _both
    while tokens and (token := tokens.popleft()) != ")":
        if token in "|+":
            combine = _either if token == "|" else _both
            continue
        term = _term(token, tokens)
        if term is not None:
            expression = term if expression is None else combine(expression, term)
        combine = _both
    return expression


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
    score = _occurrences(words[-1:], prefix=token.endswith("*"))
    for word in words[:-1]:
        score = _both(score, _occurrences([word]))
    return score


def _occurrences(words: list[str], *, prefix: bool = False) -> Score:
    unspaced = any(_UNSPACED.search(word) for word in words)
    start, end = ("", "") if unspaced else (r"\b", "" if prefix else r"\b")
    pattern = re.compile(start + rf"[^\w{FIELD_END}]+".join(re.escape(word) for word in words) + end)

    def score(text: str) -> float:
        # Most records do not contain the word at all, and `in` finds that out many times faster than the pattern.
        if words[0] not in text:
            return 0.0
        count = sum(1 for _ in pattern.finditer(text))
        return count / (count + 1)

    return score


def _both(left: Score, right: Score) -> Score:
    def score(text: str) -> float:
        left_score = left(text)
        right_score = right(text) if left_score else 0.0
        return left_score + right_score if right_score else 0.0

    return score


def _either(left: Score, right: Score) -> Score:
    return lambda text: left(text) + right(text)


def _negation(term: Score | None) -> Score | None:
    return None if term is None else lambda text: 0.0 if term(text) else 1.0


def _nothing(_text: str) -> float:
    return 0.0
