"""What a push did with gold records."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from curation.config import Config
from curation.gold.file import GoldItem
from curation.gold.mixing import gold_count
from curation.store import Snapshot
from curation.types import GoldRecord, Row
from curation.wording import counted, percent


class PushedGold(Row):
    """The gold records among the records in Argilla.

    - `records` are there, `added` of them are new
    - `waiting` lines of the gold file are not needed yet, `lacking` more would be
    - `retired` records whose line is gone were removed now, because nobody had answered them
    - so many as `calibration` come first for whoever opens the link; Argilla shows each to `min_submitted` reviewers
    """

    records: int
    added: int
    waiting: int
    lacking: int
    retired: int
    calibration: int
    min_submitted: int

    def lines(self, *, records: int, added: int) -> Iterator[str]:
        """Yield what to know of gold. So many `records` are in Argilla in all, `added` of them are new."""
        if self.records or self.retired:
            retired = f", {self.retired:,} whose line is gone were removed" if self.retired else ""
            yield (
                f"{counted(self.records, 'gold record')} among them ({percent(self.records / max(records, 1))}), "
                f"{self.added:,} new{retired}."
            )
        if self.calibration:
            yield (
                f"The first {self.calibration:,} are gold for everyone who opens this link: without it Argilla shows "
                "each reviewer an order of their own. It shows a record to "
                f"{counted(self.min_submitted, 'reviewer')} (min_submitted under [review])."
            )
        if self.added and self.added == added:
            yield (
                "No other record is new: the time at which they came tells them apart for whoever looks it up. Gold "
                "that comes together with other records has no such mark."
            )
        if self.lacking:
            yield f"The gold file is short of {counted(self.lacking, 'line')} for the gold_share under [review]."


def pushed_gold(
    config: Config,
    snapshot: Snapshot,
    items: Sequence[GoldItem],
    gold: Sequence[GoldRecord],
    *,
    shown: Collection[str],
    others: int,
    retired: int,
) -> PushedGold:
    """Return what a push did: `snapshot` is the store before it, and `shown` has the ids of what is in Argilla now."""
    in_argilla = [record.id for record in gold if record.id in shown]
    return PushedGold(
        records=len(in_argilla),
        added=len(set(in_argilla) - snapshot.gold.keys()),
        waiting=len(items) - len(gold),
        lacking=max(gold_count(config, others) - len(items), 0) if items else 0,
        retired=retired,
        calibration=min(config.review.calibration, len(gold)),
        min_submitted=config.review.min_submitted,
    )
