"""How many tokens a row has, whatever its layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.linting.layouts import whole_texts
from curation.quality.tokens import TokenCounter


def row_tokens(counter: TokenCounter, row: Mapping[str, Any]) -> int:
    """Return the number of tokens of a row's prompt with the longer of its answers, in any layout that TRL takes.

    Raises DataError if the chat template does not take the messages: trainers raise an error then too.
    """
    return counter.longest(whole_texts(row), row)
