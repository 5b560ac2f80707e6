"""What came of a segment of the store: its shards, and everything that is counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation import labels
from curation.frames import pl
from curation.generation import JudgeTally
from curation.review_statistics import Difference
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

    `languages` counts rows that can be trained on, `models` answers by generator, model and settings. `choices` has, by
    who answered, what the judge and the reviewers preferred of two: a row per record with the columns judge and
    reviewers, 1 for the first, -1 for the second, 0 for neither, NaN if that is not known. `lengths` has a row per
    pair: the characters of prompt, chosen and rejected. `flags` counts the records that reviewers flagged, by flag.
    `agreed` and `undecided` count the records, by who answered, on which people agree with the labels that answers came
    with or cannot be compared with them; `differing` has the other records.
    `judged`, `followed` and `sampled` count records, by who answered, as `labels.judge_check` takes them.
    `compared` counts the candidate sets whose answers were compared, by whether they are ties (`scoring._ties`).
    `reached` counts the prompts that were "shown", that have "verdicts", and that have rows in each config;
    `categories` those with rows by category, if every prompt has one. Of questions about documents, `parts` counts
    those with rows by document, part and number of parts of the document, and `grounded` by whether the passage that
    answers them is known; questions without an answer by design are not in it.
    """

    shards: list[Shard] = field(default_factory=list)
    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    unshown: Counter[str] = field(default_factory=Counter)
    unresolved: Counter[str] = field(default_factory=Counter)
    dropped: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    label_sources: Counter[str] = field(default_factory=Counter)
    kto_labels: Counter[bool] = field(default_factory=Counter)
    languages: Counter[str | None] = field(default_factory=Counter)
    models: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    judges: JudgeTally = field(default_factory=JudgeTally)
    disagreements: int = 0
    choices: defaultdict[LabelSource, list[NDArray[np.float32]]] = field(default_factory=lambda: defaultdict(list))
    agreed: Counter[LabelSource] = field(default_factory=Counter)
    judged: Counter[tuple[LabelSource, labels.Compared]] = field(default_factory=Counter)
    followed: Counter[tuple[LabelSource, tuple[bool, bool]]] = field(default_factory=Counter)
    sampled: Counter[tuple[LabelSource, bool]] = field(default_factory=Counter)
    undecided: Counter[LabelSource] = field(default_factory=Counter)
    differing: defaultdict[LabelSource, list[Difference]] = field(default_factory=lambda: defaultdict(list))
    compared: Counter[bool] = field(default_factory=Counter)
    duels: Counter[tuple[str, str, str, int]] = field(default_factory=Counter)
    lengths: list[NDArray[np.int32]] = field(default_factory=list)
    reached: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    parts: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    grounded: Counter[bool] = field(default_factory=Counter)

    @property
    def verdicts(self) -> int:
        """How many records have a verdict."""
        return self.label_sources.total()

    def add(self, other: Tally) -> None:
        """Count the other one too; its segment comes after those that were counted."""
        for counted in fields(self):
            ours, theirs = getattr(self, counted.name), getattr(other, counted.name)
            if isinstance(ours, Counter):
                ours.update(theirs)
            elif isinstance(ours, defaultdict):
                for key, values in theirs.items():
                    ours[key] += values
            elif isinstance(ours, JudgeTally):
                ours.merge(theirs)
            else:
                setattr(self, counted.name, ours + theirs)


def counts(column: pl.Series) -> Counter[Any]:
    """Return how often each value occurs in a column, in the order of the values.

    Polars counts in any order; what is published must not differ from one run to the next.
    """
    return Counter(dict(column.value_counts().sort(column.name).iter_rows()))
