"""A cache for pure functions of short texts, because judges write the same headings and ratings in every reply."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar

LONGEST = 64
"""Texts with more characters, such as rationales, are not cached, because they hardly ever occur twice."""
MOST = 2048

ResultT = TypeVar("ResultT")


def remembered(function: Callable[..., ResultT]) -> Callable[..., ResultT]:
    """Return a function that computes its result for the same short texts only once. `function` must be pure.

    The texts are its positional arguments; others are named and have to be hashable, and results immutable. The last
    MOST results are kept.
    """
    cached = lru_cache(maxsize=MOST)(function)

    @wraps(function)
    def compute(*texts: str, **options: Any) -> ResultT:
        return (cached if max(map(len, texts)) <= LONGEST else function)(*texts, **options)

    return compute
