"""A review task whose records show one completion each."""

from __future__ import annotations

import pytest


@pytest.fixture
def thumbs() -> str:
    """Return the name of a task that asks about single completions; the store may hold records of it."""
    return "binary"
