"""Writes finished candidate sets to the store, many in one commit."""

from __future__ import annotations

import time

from curation.config import Config
from curation.generation import JudgeTally, disagrees_with_itself, settings_id, settings_of
from curation.generation.failure_tally import FailureTally
from curation.generation.refusals import is_temporary
from curation.runs.prompt_reader import PromptReader
from curation.store import PromptsRead, Store
from curation.types import CandidateSet

SETS_PER_COMMIT = 500
SECONDS_PER_COMMIT = 120.0


class SetWriter:
    """Commits finished sets as they come, many at a time, and counts what is in them.

    `made` sets have enough answers, `failed` have not; `failed_for_good` of these have a failure that does not pass by
    itself. In `disagreements` sets a judge preferred the other answer when the order was swapped. `commit` is the last
    commit to the store, None if there was nothing to write.
    """

    def __init__(self, store: Store, reader: PromptReader, config: Config) -> None:
        self._store = store
        self._reader = reader
        self._settings = {settings_id(config.models): settings_of(config.models)}
        self._min_candidates = config.review.min_candidates
        self._waiting: list[CandidateSet] = []
        self._flushed = time.monotonic()
        self.made = self.failed = self.failed_for_good = self.disagreements = 0
        self.failures = FailureTally()
        self.judges = JudgeTally()
        self.commit: str | None = None

    def add(self, candidate_set: CandidateSet) -> None:
        """Count a set, and commit it together with others when they are many or have waited long."""
        self._waiting.append(candidate_set)
        self._count(candidate_set)
        if len(self._waiting) >= SETS_PER_COMMIT or time.monotonic() - self._flushed > SECONDS_PER_COMMIT:
            self.flush()

    def flush(self) -> None:
        """Commit the sets that wait, and what was dropped among the prompts that were read up to now."""
        if not self._reader.read:
            return
        read = PromptsRead(
            source=self._reader.source, read=self._reader.read, dropped=dict(sorted(self._reader.dropped.items()))
        )
        dropped = self._reader.at_fault
        commit = self._store.add_candidate_sets(self._waiting, prompts=read, settings=self._settings, dropped=dropped)
        self.commit = commit or self.commit
        self._waiting.clear()
        dropped.clear()
        self._flushed = time.monotonic()

    def _count(self, candidate_set: CandidateSet) -> None:
        self.failures.add(candidate_set.failures)
        self.judges.add(candidate_set.judgements)
        self.disagreements += disagrees_with_itself(candidate_set.judgements)
        if candidate_set.came_through(self._min_candidates):
            self.made += 1
            return
        self.failed += 1
        reasons = (failure.reason for failure in candidate_set.failures if failure.stage != "rating")
        self.failed_for_good += any(not is_temporary(reason) for reason in reasons)
