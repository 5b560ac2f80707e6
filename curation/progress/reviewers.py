"""What each reviewer did, and who stands out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import Field

from curation.frames import pl
from curation.progress.days import MOST_DAYS
from curation.progress.responses import moments
from curation.progress.speed import Speed
from curation.review_statistics import WRONG_ON_GOLD, GoldAccuracy, Measure, ReviewerStatistics
from curation.types import Row
from curation.wording import measured, percent

MARKS = {
    "contrary": "agrees with the others less than by chance",
    "random": "agrees with the others no more than by chance",
    "one_sided": "gives one kind of answer far more often than the other",
    "hasty": "answers faster than the answers of the models can be read",
}
"""What each mark of a reviewer says."""


class ReviewerProgress(Row):
    """What a reviewer did. `name` is null for those who may see pseudonyms only.

    - `by_day`: submitted answers by day, in UTC; at most the last 60 days: {"2026-11-28": 12}
    - `agreement`: the share of the other reviewers of the same records who gave the same answer
    - `gold`: the share of right answers to gold records, null without any
    - `marks`: what is unusual: "contrary", "random", "one_sided" (see `labels.reviewers`), "hasty" (see `Speed`),
      "wrong_on_gold"
    - `speed`: how fast the answers came
    """

    name: str | None
    pseudonym: str
    submitted: int
    drafts: int
    discarded: int
    last_at: datetime | None
    agreement: Measure
    gold: Measure | None = None
    marks: tuple[str, ...] = ()
    by_day: dict[str, int] = Field(default_factory=dict)
    speed: Speed = Speed()

    @property
    def lines(self) -> tuple[str, ...]:
        """A sentence for each mark that says how the reviewer answers."""
        return tuple(
            f"{self.name or self.pseudonym} {MARKS[mark]}{self._evidence(mark)}."
            for mark in self.marks
            if mark in MARKS
        )

    def _evidence(self, mark: str) -> str:
        if mark == "hasty":
            speed = self.speed
            return f" ({speed.too_fast:,} of {speed.timed:,} timed answers; the median is {speed.median_seconds:g} s)"
        return f" ({measured(self.agreement, percent)})" if mark in {"contrary", "random"} else ""


@dataclass(frozen=True, slots=True)
class ReviewerFacts:
    """What is known of reviewers besides their responses.

    `pseudonyms` and `speeds` are by name, `statistics` and `gold` by pseudonym.
    """

    pseudonyms: Mapping[str, str]
    statistics: Mapping[str, ReviewerStatistics]
    speeds: Mapping[str, Speed]
    gold: Mapping[str, GoldAccuracy]


def reviewers_of(responses: pl.DataFrame, facts: ReviewerFacts, today: date) -> tuple[ReviewerProgress, ...]:
    """Return what each reviewer did, those with most answers first."""
    status = pl.col("status")
    counts = responses.group_by("reviewer").agg(
        submitted=(status == "submitted").sum(),
        drafts=(status == "draft").sum(),
        discarded=(status == "discarded").sum(),
        last_at=pl.coalesce("updated_at", "inserted_at").max(),
    )
    by_day = _by_day(responses, first=today - timedelta(days=MOST_DAYS - 1))
    progress = [_progress(row, by_day.get(row["reviewer"], {}), facts) for row in counts.iter_rows(named=True)]
    return tuple(sorted(progress, key=lambda reviewer: (-reviewer.submitted, reviewer.pseudonym)))


def _progress(counts: Mapping[str, Any], by_day: dict[str, int], facts: ReviewerFacts) -> ReviewerProgress:
    name = counts["reviewer"]
    pseudonym = facts.pseudonyms[name]
    statistics, gold = facts.statistics.get(pseudonym), facts.gold.get(pseudonym)
    speed = facts.speeds.get(name, Speed())
    return ReviewerProgress(
        name=name,
        pseudonym=pseudonym,
        submitted=counts["submitted"],
        drafts=counts["drafts"],
        discarded=counts["discarded"],
        last_at=counts["last_at"],
        agreement=statistics.agreement if statistics is not None else Measure(value=None, reason="no answer counts"),
        gold=gold.accuracy if gold is not None else None,
        marks=(
            *(statistics.marks if statistics is not None else ()),
            *([WRONG_ON_GOLD] if gold is not None and gold.marked else []),
            *(["hasty"] if speed.hasty else []),
        ),
        by_day=by_day,
        speed=speed,
    )


def _by_day(responses: pl.DataFrame, *, first: date) -> dict[str, dict[str, int]]:
    """Return how many answers each reviewer submitted on each day from the first on: {"ann": {"2026-11-28": 12}}."""
    submitted = responses.filter(pl.col("status") == "submitted").select("reviewer", day=moments().dt.date())
    counts = submitted.filter(pl.col("day") >= first).group_by("reviewer", "day").len().sort("reviewer", "day")
    by_day: dict[str, dict[str, int]] = {}
    for reviewer, day, count in counts.iter_rows():
        by_day.setdefault(reviewer, {})[day.isoformat()] = count
    return by_day
