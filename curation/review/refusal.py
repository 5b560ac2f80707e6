"""Reads the error in an answer of Argilla's API, such as 422, without repeating the data that was sent to it."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from typing import Any

LONGEST = 300
"""Characters of a refusal that are quoted."""


def refusal(text: str) -> str:
    """Return the error in the body of an answer: "guidelines: String should have at least 1 character".

    The body is `text`, or the end of `text`, because the client adds words before it. Several errors are joined by
    "; ". A text that does not have one of the API's layouts is returned as it is. At most 300 characters are returned.
    """
    sentence = "; ".join(dict.fromkeys(_faults(_read(text)))) or " ".join(text.split())
    return sentence if len(sentence) <= LONGEST else f"{sentence[:LONGEST]}..."


def _read(text: str) -> Any:
    start = text.find("{")
    try:
        return json.loads(text[start:]) if start >= 0 else None
    except ValueError:
        return None


def _faults(body: Any) -> Iterator[str]:
    """The faults in {"detail": {"params": {"errors": [...]}}}, [...] or {"detail": "..."}, {"message": "..."}."""
    detail = body.get("detail", body) if isinstance(body, dict) else None
    if isinstance(detail, dict):
        params = detail.get("params")
        inner = params if isinstance(params, dict) else detail
        detail = inner.get("errors") or inner.get("detail") or inner.get("message")
    if isinstance(detail, str):
        yield detail
    for fault in detail if isinstance(detail, list) else ():
        if isinstance(fault, dict) and isinstance(fault.get("msg"), str):
            yield from _fault(_place(fault.get("loc")), fault["msg"].removeprefix("Value error, "))


def _fault(place: str, message: str) -> Iterator[str]:
    # What is wrong with a conversation comes as a list in Python's writing, with the conversation in it.
    prefix, bracket, literal = message.partition("[")
    try:
        items = ast.literal_eval(f"[{literal}") if bracket else ()
        for item in items:
            yield f"{place}: {prefix.rstrip(' :')}: {_place(item['loc'])}: {item['msg']}"
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError):
        items = ()
    if not items:
        yield f"{place}: {message}" if place else message


def _place(location: Any) -> str:
    parts = [part for part in location if part != "body"] if isinstance(location, list | tuple) else []
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
