"""Reads the prompts of a curation and decides which of them are asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from curation.config import Config, Services
from curation.documents import DocumentPrompts
from curation.generation import given_set_id, settings_id
from curation.quality.checks import prompt_checks
from curation.quality.language import detect_language
from curation.review.page import with_document
from curation.runs.settings_change import answered_before
from curation.runs.written_prompts import WrittenPrompts
from curation.store import Snapshot
from curation.types import AnsweredPrompt, Drop, DroppedPrompt, Prompt


class PromptReader:
    """Reads the prompts once, yields those that are asked, and counts the others.

    After `prompts` is exhausted, each of the `read` prompts was either yielded, or is counted in `already` (the store
    has a complete candidate set of it) or in `dropped` (by reason). `at_fault` collects the prompts that a check
    dropped. `answered_before` has the earlier settings, by prompt id, of the prompts that are asked only because the
    settings of the models changed.
    """

    def __init__(
        self,
        config: Config,
        services: Services,
        source: str,
        snapshot: Snapshot | None,
        written: WrittenPrompts | None = None,
    ) -> None:
        self._rows = read_rows(config, services, source, written)
        self._checks = prompt_checks(
            config.quality, config.filters, endpoint=services.hub_endpoint, token=services.hub_token
        )
        self._review = config.review
        self._settings = settings_id(config.models)
        self._sets = snapshot.set_index if snapshot else {}
        self._answered = answered_now(snapshot, self._settings)
        self._kept: set[str] = set()
        self.answered_before = answered_before(snapshot, self._settings)
        self.source = source
        self.read = self.already = 0
        self.dropped: Counter[str] = Counter()
        self.at_fault: list[DroppedPrompt] = []

    def keep_answers(self) -> None:
        """Treat prompts that were answered with other settings as answered, so that they are not asked again."""
        self._kept |= self.answered_before.keys()

    def prompts(self) -> Iterator[Prompt]:
        """Yield the prompts that are asked, each with its language."""
        for prompt in self._rows:
            self.read += 1
            if not isinstance(prompt, Prompt):
                self.dropped[prompt.reason] += 1
                continue
            # Answered prompts are checked too, because later prompts may be near-duplicates of them.
            reason = self._reason(prompt)
            if self._is_answered(prompt):
                self.already += 1
            elif reason is not None:
                self.dropped[reason] += 1
                self.at_fault.append(DroppedPrompt(id=prompt.id, prompt=prompt, reason=reason))
            else:
                language = prompt.language or detect_language(prompt.messages[-1].content)
                yield prompt.model_copy(update={"language": language})

    def _reason(self, prompt: Prompt) -> str | None:
        """Return why a prompt is dropped, None if it is not.

        A prompt that reviewers cannot be shown is not compared with others: a near-duplicate of it may be asked.
        """
        if isinstance(prompt, AnsweredPrompt) and len(prompt.answers) < self._review.min_candidates:
            return self._review.too_few
        return self._review.prompt_fault(with_document(prompt).messages) or self._checks.reason(prompt.messages)

    def _is_answered(self, prompt: Prompt) -> bool:
        """Whether the store has a complete set of a prompt; of one with answers, the set of these answers."""
        if prompt.id in self._kept:
            return True
        if not isinstance(prompt, AnsweredPrompt):
            return prompt.id in self._answered
        entry = self._sets.get(given_set_id(prompt, self._settings))
        return entry is not None and entry.came_through


def read_rows(
    config: Config, services: Services, source: str, written: WrittenPrompts | None
) -> Iterator[Prompt | Drop]:
    """Yield the prompts of the config; those that models write are in `written`."""
    if written is not None:
        return written.prompts()
    if isinstance(config.prompts, DocumentPrompts):
        return iter(())
    return config.prompts.load(source, endpoint=services.hub_endpoint, token=services.hub_token)


def answered_now(snapshot: Snapshot | None, settings: str) -> set[str]:
    """Return the ids of the prompts that have a complete candidate set made with these settings."""
    entries = snapshot.set_index.values() if snapshot else ()
    return {entry.prompt_id for entry in entries if entry.settings == settings and entry.came_through}
