"""Results that are worth remembering: judges write the same headings and ratings in every reply."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar

LONGEST = 64
"""Characters. What is longer is hardly ever written twice, such as a rationale."""
MOST = 2048

ResultT = TypeVar("ResultT")


def remembered(function: Callable[..., ResultT]) -> Callable[..., ResultT]:
    """Return a pure function of texts that computes only once what it gives for short ones.

    The texts are its positional arguments; others are named and have to be hashable, and results immutable. The last
    MOST results are kept.
    """
    cached = lru_cache(maxsize=MOST)(function)

    @wraps(function)
    def compute(*texts: str, **options: Any) -> ResultT:
        return (cached if max(map(len, texts)) <= LONGEST else function)(*texts, **options)

    return compute
