"""Prompts that models write before they are asked: questions about documents, or variations of prompts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from curation.config import Config, Services
from curation.runs.questions import Questions, opened_questions
from curation.runs.variations import Variations, opened_variations
from curation.store import Snapshot

WrittenPrompts = Questions | Variations


@contextmanager
def opened_written_prompts(
    config: Config, services: Services, source: str, snapshot: Snapshot | None
) -> Iterator[WrittenPrompts | None]:
    """Read what the prompts are written about, and yield the requests for them with the replies of the store.

    Yields null if no model writes prompts. Raises what `opened_questions` and `opened_variations` raise.
    """
    if config.vary:
        with opened_variations(config, services, source, snapshot) as variations:
            yield variations
        return
    with opened_questions(config, services, source, snapshot) as questions:
        yield questions
