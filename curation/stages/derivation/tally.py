"""What came of a segment of the store: its shards, and everything that is counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from curation.generation import JudgeTally
from curation.labels import Votes
from curation.types import LabelSource


@dataclass(frozen=True, slots=True)
class Shard:
    """One Parquet file of one split of a config, named by its content."""

    config: str
    split: str
    path: str
    rows: int
    bytes: int
    sha256: str


@dataclass(slots=True)
class Tally:
    """What came of one segment, or of several added together.

    `sources` counts candidate sets, in the order of the store, `languages` rows that can be trained on, `models`
    answers by generator, model and settings. `votes` and `choices` (the judge's and the verdict's preference of each
    record) are by who answered: people, or programs in their place. `prompts` has the ids of the prompts, as 64-bit
    numbers, that were "shown", that have "verdicts", and that have rows in each config.
    """

    shards: list[Shard] = field(default_factory=list)
    sources: Counter[str] = field(default_factory=Counter)
    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    unshown: Counter[str] = field(default_factory=Counter)
    unresolved: Counter[str] = field(default_factory=Counter)
    dropped: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    verdicts: int = 0
    label_sources: Counter[str] = field(default_factory=Counter)
    kto_labels: Counter[bool] = field(default_factory=Counter)
    languages: Counter[str | None] = field(default_factory=Counter)
    models: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    judges: JudgeTally = field(default_factory=JudgeTally)
    disagreements: int = 0
    votes: defaultdict[LabelSource, list[Votes]] = field(default_factory=lambda: defaultdict(list))
    choices: defaultdict[LabelSource, list[Any]] = field(default_factory=lambda: defaultdict(list))
    lengths: list[Any] = field(default_factory=list)
    prompts: defaultdict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    def reach(self, step: str, prompt_ids: Iterable[str]) -> None:
        """Count prompts, given by their ids of 16 hex digits, as having come to a step."""
        import numpy as np

        self.prompts[step].append(np.frombuffer(bytes.fromhex("".join(prompt_ids)), dtype=">u8"))

    def reached(self, step: str) -> int:
        """Return how many prompts came to a step, each counted once, whatever number of records it has."""
        import numpy as np

        parts = self.prompts[step]
        return len(np.unique(np.concatenate(parts))) if parts else 0

    def add(self, other: Tally) -> None:
        """Count the other one too; its segment comes after those that were counted."""
        for name in ("sources", "rows", "unshown", "unresolved", "label_sources", "kto_labels", "languages", "models"):
            getattr(self, name).update(getattr(other, name))
        for config, reasons in other.dropped.items():
            self.dropped[config].update(reasons)
        self.verdicts += other.verdicts
        self.disagreements += other.disagreements
        self.judges.merge(other.judges)
        self.shards += other.shards
        self.lengths += other.lengths
        for step, prompts in other.prompts.items():
            self.prompts[step] += prompts
        for source in other.votes:
            self.votes[source] += other.votes[source]
            self.choices[source] += other.choices[source]
