"""How far reviewing is: answers by day and reviewer, the agreement so far, the pace, and when it will be done.

The page of `serve` and `status` both show these figures. They follow from responses; no server is needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from curation.frames import pl
from curation.progress.days import Day, Forecast, completed_at, days_of, forecast
from curation.progress.responses import stored_versions, with_first_times
from curation.progress.reviewers import ReviewerFacts, ReviewerProgress, reviewers_of
from curation.progress.speed import shown_characters, speeds
from curation.review_statistics import Agreement, GoldAccuracy, Measure
from curation.store import RECORDS, Snapshot
from curation.types import Row
from curation.wording import counted, measured, percent

DAYS_SHOWN = 7


class ReviewProgress(Row):
    """How far reviewing is.

    - `records` need answers, `completed` of them have as many as the review task asks for
    - `days`: the last sixty at most, in their order, without gaps
    - `equal`, `alpha`: the share of equal pairs of answers, and Krippendorff's alpha
    """

    records: int
    completed: int
    days: tuple[Day, ...]
    reviewers: tuple[ReviewerProgress, ...]
    equal: Measure
    alpha: Measure
    forecast: Forecast

    @property
    def lines(self) -> tuple[str, ...]:
        """How much is done, when it will be done, how far reviewers agree, and who stands out."""
        if not self.days:
            return ()
        days = ", ".join(f"{day.day:%m-%d} {day.answers:,}" for day in self.days[-DAYS_SHOWN:])
        return (
            f"Reviewed: {self.completed:,} of {counted(self.records, 'record')}. {self._pace}",
            f"Answers by day (in UTC): {days}.",
            f"Agreement so far: {measured(self.equal, percent)} of pairs of answers are equal; alpha "
            f"{measured(self.alpha)}.",
            *(line for reviewer in self.reviewers for line in reviewer.lines),
        )

    @property
    def _pace(self) -> str:
        if not self.forecast.remaining:
            return "Reviewing is done."
        left = f"{counted(self.forecast.remaining, 'record')} left"
        if self.forecast.done_on is None:
            return f"{left}; nothing was completed in the last seven days, so nobody can say when it will be done."
        pace = f"at {self.forecast.pace:.3g} a day, as in the last seven days"
        return f"{left}; {pace}, it will be done on {self.forecast.done_on}."


def review_progress(
    snapshot: Snapshot,
    responses: pl.DataFrame,
    agreement: Agreement,
    *,
    gold: Iterable[GoldAccuracy],
    min_submitted: int,
    today: date,
) -> ReviewProgress:
    """Return how far reviewing is. `agreement` and `gold` have pseudonyms, the result has the names of reviewers.

    `responses` are those of the snapshot as `progress.responses` describes them, and may include what is not synced
    yet. Responses to retired records do not count. Those to gold records count for their reviewers alone.
    """
    needed = needed_records(snapshot)
    of_gold = pl.Series(list(snapshot.gold), dtype=pl.String)
    counting = responses.filter(pl.col("record_id").is_in(pl.concat([needed, of_gold]).implode()))
    dated = with_first_times(counting, stored_versions(snapshot))
    of_needed = dated.filter(~pl.col("record_id").is_in(of_gold.implode()))
    completed = completed_at(of_needed, min_submitted=min_submitted)
    days = days_of(of_needed, completed["at"], today)
    facts = ReviewerFacts(
        pseudonyms={reviewer: snapshot.pseudonym(reviewer) for reviewer in dated["reviewer"].unique()},
        statistics={reviewer.reviewer: reviewer for reviewer in agreement.reviewers},
        speeds=speeds(dated, shown_characters(snapshot)) if dated.height else {},
        gold={accuracy.reviewer: accuracy for accuracy in gold},
    )
    records = needed.n_unique()
    return ReviewProgress(
        records=records,
        completed=completed.height,
        days=days,
        reviewers=reviewers_of(dated, facts, today),
        equal=agreement.percent,
        alpha=agreement.alpha,
        forecast=forecast(records, completed.height, days, today),
    )


def needed_records(snapshot: Snapshot) -> pl.Series:
    """Return the ids of the records that need answers: all that were pushed, without those that were retired."""
    records = pl.DataFrame(snapshot.whole(RECORDS, ("id",)))["id"]
    return records.filter(~records.is_in(sorted(snapshot.retired)))
