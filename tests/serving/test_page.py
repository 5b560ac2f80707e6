"""The page in words: what it says before the first refresh, after a failure, and to whom it shows names."""

from __future__ import annotations

from datetime import UTC, datetime
from html import unescape
from typing import Any

from curation.agreement_over_time import Span
from curation.progress.days import Day
from curation.progress.reviewers import ReviewerProgress
from curation.review_statistics import Measure
from curation.serving.dashboard import Dashboard, SampleRow, Step
from curation.serving.outcome import Refresh
from curation.serving.page import page_html, sign_in_html
from tests.serving.reviewed import at
from tests.serving.test_dashboard import MISSING, day, make_dashboard

NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
HOSTILE = "<b onclick='x'>\u202e\x1b[2J & \"more\""


def page(dashboard: Dashboard | None, *refreshes: Refresh, names: bool = False, problem: str | None = None) -> str:
    return page_html(
        "demo", dashboard, refreshes, now=NOW, running=False, notes=[problem] if problem else [], names=names
    )


def refresh(**fields: Any) -> Refresh:
    return Refresh(**{"began_at": NOW, "cause": "timer", "seconds": 42.0, **fields})


def reviewer(name: str, pseudonym: str) -> ReviewerProgress:
    return ReviewerProgress(
        name=name,
        pseudonym=pseudonym,
        submitted=1200,
        drafts=1,
        discarded=0,
        last_at=at(19),
        agreement=MISSING,
        marks=("one_sided",),
    )


def test_before_the_first_refresh_and_after_a_failed_one_it_says_so() -> None:
    assert "The first refresh runs." in page(None)
    failed = page(None, refresh(error="The Hub did not answer within 120 s.", exit_code=3), problem="No webhooks.")
    for sentence in ("No refresh could read the store yet", "The Hub did not answer within 120 s.", "No webhooks."):
        assert sentence in failed
    assert "2026-01-20 12:00 UTC, by the timer, took 42 s" in failed


def test_only_the_last_ten_refreshes_are_shown() -> None:
    shown = page(None, *(refresh(lines=(f"Refresh {number}.",)) for number in range(12)))
    assert "Refresh 9." in shown
    assert "Refresh 10." not in shown


def test_names_are_for_admins() -> None:
    dashboard = make_dashboard(10).model_copy(update={"reviewers": (reviewer("nadia", "reviewer-1"),)})
    said = refresh(lines=("No longer in the workspace: nadia (3 responses).",), error="nadia is no owner.")
    hidden, shown = page(dashboard, said), page(dashboard, said, names=True)
    assert "nadia" not in hidden
    assert "No longer in the workspace: reviewer-1 (3 responses)." in hidden
    assert shown.count("nadia") == 3
    assert "1,200 submitted, 1 drafts" in hidden
    assert "one sided" in hidden


def test_a_page_without_answers_says_what_is_missing() -> None:
    text = page(make_dashboard(10))
    for sentence in (
        "0 of 10 records have enough answers.",
        "nothing was completed in the last seven days, so nobody can say when it will be done",
        "Nobody answered yet.",
        "No record was answered by two reviewers yet.",
        "No judge was asked.",
        "No two models were compared yet.",
        "No rows yet.",
    ):
        assert sentence in text
    assert "There are no records to review yet." in page(make_dashboard(0))
    assert "Reviewing is done." in page(make_dashboard(5, day(20, 5, 5)))
    refused = make_dashboard(10).model_copy(update={"refused": "dawid-skene needs two reviewers."})
    assert "dawid-skene needs two reviewers." in page(refused)


def test_whatever_a_text_holds_it_stays_a_text() -> None:
    measure = Measure(value=0.5, low=0.25, high=0.75, count=8)
    dashboard = make_dashboard(10, Day(day=NOW.date(), answers=2, completed=1)).model_copy(
        update={
            "name": HOSTILE,
            "published": HOSTILE,
            "reviewers": (reviewer(HOSTILE, HOSTILE),),
            "win_rates": {HOSTILE: measure, "other": measure},
            "agreement": (Span(ends_at=NOW, equal=measure, alpha=measure),),
            "judge": measure,
            "kappa": measure,
            "steps": (Step(name=HOSTILE, count=5, dropped={HOSTILE: 5}),),
            "sample": (
                SampleRow(
                    id=HOSTILE, prompt=HOSTILE, answers=((HOSTILE, HOSTILE),), decided_by="", reviewers=1, agreement=0.5
                ),
            ),
            "sample_of": HOSTILE,
            "rows": {"dpo": 1},
        }
    )
    text = page(dashboard, refresh(lines=(HOSTILE,), error=HOSTILE), names=True, problem=HOSTILE)
    assert "<b" not in text.replace("<body", "").replace("<button", "")
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert unescape(text).count("<b onclick='x'>") >= 15
    assert "<b" not in sign_in_html(hub=None, token=True, problem=HOSTILE).replace("<body", "").replace("<button", "")
