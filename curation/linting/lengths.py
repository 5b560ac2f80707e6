"""Counts the tokens of a row in any layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.preferences.layouts import whole_texts
from curation.quality.tokens import TokenCounter


def row_tokens(counter: TokenCounter, row: Mapping[str, Any]) -> int:
    """Return the number of tokens of a row's prompt together with the longer of its answers.

    Raises DataError if the chat template does not accept the messages. Trainers would raise an error too.
    """
    return counter.longest(whole_texts(row), row)
