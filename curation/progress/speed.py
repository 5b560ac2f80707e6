"""How fast reviewers answered, beside how long it takes to read what they were shown.

Argilla gives each response two times: when it was first saved, and when it last changed. It does not say when somebody
opened a record. So the time that passed since the same reviewer's response before is the longest that somebody can have
looked at a record. It holds pauses too, so these times show who was too fast, and never who was slow. They cannot show
who read several records first and answered them together, or whom somebody else answered for by a program.
"""

from __future__ import annotations

from datetime import timedelta

from curation.frames import pl
from curation.labels.intervals import exact
from curation.labels.reviewers import MARK_ERROR
from curation.store import CANDIDATE_SETS, RECORDS, Snapshot
from curation.types import SIMULATED_PREFIX, Row

CHARACTERS_PER_SECOND = 100
"""Nobody reads faster. Adults read English prose at 238 words a minute (Brysbaert 2019): 24 characters a second."""
UNCHANGED = timedelta(seconds=1)
"""A response that changed later than this after it was first saved may have been a draft: its time is not known."""
MOST_TOO_FAST = 0.5
"""A reviewer is hasty if more than this share of the answers came faster than they can be read."""


class Speed(Row):
    """How fast a reviewer was.

    - `timed`: submitted answers whose time is known: the time since the reviewer's response before
    - `too_fast`: those of them that took less time than reading the candidates at 100 characters a second
    - `median_seconds`: the median of the times, null if none is known
    - `hasty`: whether more than half of the answers are too fast, with a probability of 99 % for the whole crowd
    """

    timed: int = 0
    too_fast: int = 0
    median_seconds: float | None = None
    hasty: bool = False


def shown_characters(snapshot: Snapshot) -> pl.DataFrame:
    """Return how many characters the candidates of each record have together: record_id, characters.

    Prompts are not counted.
    """
    columns = ("candidates.list.element.id", "candidates.list.element.text")
    candidate = pl.col("candidates").struct
    lengths = pl.concat(
        [
            pl.DataFrame({"id": [], "characters": []}, schema={"id": pl.String, "characters": pl.UInt32}),
            *(
                pl.DataFrame(table)
                .explode("candidates")
                .select(id=candidate.field("id"), characters=candidate.field("text").str.len_chars())
                for _, table in snapshot.tables(CANDIDATE_SETS, columns)
            ),
        ]
    ).unique("id", keep="last")
    shown = pl.DataFrame(snapshot.whole(RECORDS, ("id", "candidates"))).rename({"id": "record_id"})
    of_each = shown.explode("candidates").join(lengths, left_on="candidates", right_on="id", how="left")
    return of_each.group_by("record_id").agg(pl.col("characters").sum())


def speeds(responses: pl.DataFrame, characters: pl.DataFrame) -> dict[str, Speed]:
    """Return how fast each reviewer was whose answers have times. `characters` is what `shown_characters` returns."""
    dated = responses.drop_nulls("inserted_at")
    crowd = sorted(dated["reviewer"].unique())
    timed = _timed(dated).join(characters.filter(pl.col("characters") > 0), on="record_id")
    too_fast = pl.col("seconds") * CHARACTERS_PER_SECOND < pl.col("characters")
    counts = timed.group_by("reviewer").agg(pl.len(), too_fast=too_fast.sum(), median=pl.col("seconds").median())
    known = {reviewer: (timed, fast, median) for reviewer, timed, fast, median in counts.iter_rows()}
    error = MARK_ERROR / max(len(crowd), 1)
    return {reviewer: _speed(*known.get(reviewer, (0, 0, None)), error=error) for reviewer in crowd}


def _speed(timed: int, too_fast: int, median: float | None, *, error: float) -> Speed:
    low, _ = exact(too_fast, timed, error=error)
    return Speed(
        timed=timed,
        too_fast=too_fast,
        median_seconds=round(median, 1) if median is not None else None,
        hasty=bool(low > MOST_TOO_FAST),
    )


def _timed(responses: pl.DataFrame) -> pl.DataFrame:
    """Each submitted answer whose time is known: reviewer, record_id, and the seconds since the reviewer's response
    before.
    """
    moment, changed = pl.col("inserted_at"), pl.col("updated_at")
    passed = moment - moment.shift().over("reviewer")
    return (
        responses.sort("inserted_at", maintain_order=True)
        .with_columns(seconds=passed.dt.total_microseconds() / 1_000_000)
        .filter(
            pl.col("seconds").is_not_null(),
            pl.col("status") == "submitted",
            changed.is_null() | (changed - moment < UNCHANGED),
            ~pl.col("reviewer").str.starts_with(SIMULATED_PREFIX),
        )
        .select("reviewer", "record_id", "seconds")
    )
