"""What Argilla's API says in an answer of 422 or the like, down to the field, without repeating what was sent to it."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from typing import Any

LONGEST = 300
"""Characters of a refusal that are quoted."""


def refusal(text: str) -> str:
    """Return what the body of an answer says is wrong: "guidelines: String should have at least 1 character".

    The body is `text`, or the end of it (the client puts words before). Several faults are joined by "; ". What is not
    in one of the API's layouts is returned as it is; in either case at most 300 characters.
    """
    said = "; ".join(dict.fromkeys(_faults(_read(text)))) or " ".join(text.split())
    return said if len(said) <= LONGEST else f"{said[:LONGEST]}..."


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
    said, bracket, listed = message.partition("[")
    try:
        inner = ast.literal_eval(f"[{listed}") if bracket else ()
        for one in inner:
            yield f"{place}: {said.rstrip(' :')}: {_place(one['loc'])}: {one['msg']}"
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError):
        inner = ()
    if not inner:
        yield f"{place}: {message}" if place else message


def _place(location: Any) -> str:
    parts = [part for part in location if part != "body"] if isinstance(location, list | tuple) else []
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
