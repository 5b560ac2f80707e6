"""How far reviewing is, by day and reviewer, as the page of `serve` and `status` both say it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from curation.card.derived_facts import reviewer_agreement
from curation.derive import derive
from curation.progress.responses import stored_responses
from curation.progress.review import ReviewProgress, review_progress
from curation.progress.reviewers import ReviewerProgress
from tests.derive.stores import SERVICES, Store, make_response
from tests.serving.reviewed import config_of, dashboard_in, given, reviewed_store

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def progress_in(folder: Path, store: Store, today: date) -> ReviewProgress:
    snapshot = store.written(folder / "progress")
    derived = derive(config_of(), snapshot, SERVICES)
    pseudonyms = {reviewer: snapshot.pseudonym(reviewer) for reviewer in derived.reviewers}
    agreement = reviewer_agreement(config_of(), derived, pseudonyms)
    return review_progress(snapshot, stored_responses(snapshot), agreement, gold=(), min_submitted=2, today=today)


def without_days(reviewer: ReviewerProgress) -> ReviewerProgress:
    """Return the same without the days: the page shows those before today, whenever that is."""
    return reviewer.model_copy(update={"by_day": {}})


@pytest.mark.slow
def test_days_reviewers_agreement_and_pace_are_those_of_the_page_and_add_up(tmp_path: Path) -> None:
    store = reviewed_store(NOW)
    # A clicker answers twenty records, one a second, none of which can be read in that time.
    moments = [NOW - timedelta(hours=3) + timedelta(seconds=number) for number in range(20)]
    for record, moment in zip(store.records[-20:], moments, strict=True):
        store.responses.append(given(make_response(record, "a", "clicker"), moment))
    progress = progress_in(tmp_path, store, NOW.date())
    dashboard = dashboard_in(tmp_path, store, config_of())

    assert (progress.records, progress.completed, progress.forecast.remaining) == (200, 150, 50)
    by_day = sum((Counter(reviewer.by_day) for reviewer in progress.reviewers), Counter[str]())
    assert {day.day.isoformat(): day.answers for day in progress.days if day.answers} == dict(by_day)
    assert sum(by_day.values()) == 320
    # 150 records in twelve days are 12.5 a day, and 81 in the six and a half days since the 22nd.
    assert progress.forecast.pace == pytest.approx(81 / 7)
    assert progress.forecast.done_on == NOW.date() + timedelta(days=4)
    assert progress.alpha == dashboard.alpha
    assert [without_days(reviewer) for reviewer in progress.reviewers] == [
        without_days(reviewer) for reviewer in dashboard.reviewers
    ]

    marks = {reviewer.name: reviewer.marks for reviewer in progress.reviewers}
    assert "hasty" in marks["clicker"]
    assert not any("hasty" in marks[name] for name in ("nadia", "bob", "eva"))
    lines = "\n".join(progress.lines)
    assert "Reviewed: 150 of 200 records. 50 records left; at 11.6 a day" in lines
    assert "it will be done on 2026-12-02." in lines
    shown = ", ".join(f"{day.day:%m-%d} {day.answers}" for day in progress.days[-7:])
    assert f"Answers by day (in UTC): {shown}." in lines
    assert "Agreement so far:" in lines
    assert "clicker answers faster than the answers of the models can be read (19 of 19 timed answers" in lines


def test_a_review_that_nobody_began_has_no_lines(tmp_path: Path) -> None:
    store = Store()
    store.add()
    progress = progress_in(tmp_path, store, NOW.date())
    assert (progress.records, progress.completed, progress.reviewers, progress.lines) == (1, 0, (), ())
