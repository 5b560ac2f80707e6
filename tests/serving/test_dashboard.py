"""The numbers of the page are those that can be counted in the store."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from curation.agreement_over_time import agreement_over_time
from curation.frames import pl
from curation.progress.days import Day, completed_at, days_of, forecast
from curation.progress.responses import TIME, frame_of
from curation.review import PairwiseTask
from curation.review_statistics import Measure
from curation.serving.dashboard import Dashboard, without_names
from tests.derive.stores import Store, make_config
from tests.serving.reviewed import at, config_of, dashboard_in, given, reviewed_store

MISSING = Measure(value=None, reason="nobody answered")


def make_dashboard(records: int, *days: Day) -> Dashboard:
    """Return a dashboard of which only the progress is known."""
    return Dashboard(
        name="demo",
        published="acme/demo",
        store="acme/demo-store",
        revision="0" * 40,
        made_at=at(20),
        records=records,
        completed=days[-1].completed if days else 0,
        days=days,
        reviewers=(),
        agreement=(),
        alpha=MISSING,
        judge=None,
        kappa=None,
        win_rates={},
        decided_by="human",
        steps=(),
        rows={},
        sample=(),
        sample_of="",
    )


def day(number: int, answers: int, completed: int) -> Day:
    return Day(day=date(2026, 1, number), answers=answers, completed=completed)


@pytest.mark.parametrize(
    ("days", "today", "pace", "done_on"),
    [
        # 35 in the seven days from the 14th to the 20th, of which 25 were there before: 5 a day, 40 left.
        ([day(10, 25, 25), day(14, 5, 30), day(20, 30, 60)], 20, 5.0, date(2026, 1, 28)),
        # It began two days ago: 20 a day, 60 left.
        ([day(19, 20, 20), day(20, 20, 40)], 20, 20.0, date(2026, 1, 23)),
        # Nobody has answered for weeks.
        ([day(1, 40, 40)], 20, 0.0, None),
        # Answers, but no record has enough of them.
        ([day(19, 20, 0), day(20, 20, 0)], 20, 0.0, None),
        ([], 20, 0.0, None),
        ([day(20, 100, 100)], 20, 100.0, None),
    ],
)
def test_it_will_be_done_at_the_pace_of_the_last_week(
    days: list[Day], today: int, pace: float, done_on: date | None
) -> None:
    expected = forecast(100, days[-1].completed if days else 0, days, date(2026, 1, today))
    assert expected.pace == pytest.approx(pace)
    assert expected.done_on == done_on


def test_a_record_is_completed_when_the_last_answer_that_it_needs_was_given() -> None:
    store = Store()
    one, two, three = store.add("a", "a", "b"), store.add("a"), store.add("a", None)
    moments = iter([at(3), at(1), at(2), at(1), at(5), at(6)])
    responses = frame_of(given(response, next(moments)) for response in store.responses)
    completed = completed_at(responses, min_submitted=2)
    assert completed.rows() == [(one.id, at(2))]
    assert {two.id, three.id}.isdisjoint(completed["record_id"])
    days = days_of(responses, completed["at"], date(2026, 1, 7))
    assert [(entry.day.day, entry.answers, entry.completed) for entry in days] == [
        (1, 2, 0),
        (2, 1, 1),
        (3, 1, 1),
        (4, 0, 1),
        (5, 1, 1),
        (6, 0, 1),
        (7, 0, 1),
    ]


def test_only_the_last_sixty_days_are_shown_and_earlier_records_count_from_the_first() -> None:
    store = Store()
    store.add("a", "a")
    responses = frame_of(given(response, at(1)) for response in store.responses)
    days = days_of(responses, pl.Series([at(1)], dtype=TIME), date(2026, 6, 1))
    assert (len(days), days[-1].day, days[0].completed, days[0].answers) == (60, date(2026, 6, 1), 1, 0)
    assert days_of(frame_of([]), pl.Series(dtype=TIME), date(2026, 6, 1)) == ()


def test_agreement_is_measured_in_stretches_of_time() -> None:
    """Of 40 records the first 20 have one pair of equal answers in four, the later 20 agree all."""
    store, task = Store(), PairwiseTask()
    for number in range(40):
        store.add("a" if number % 2 else "b", "a" if number >= 20 and number % 2 else "b")
    for number in range(0, 20, 2):
        # Of the first twenty, those with even numbers are equal; every other of these is made unequal.
        if number % 4 == 0:
            place = 2 * number
            store.responses[place] = store.responses[place].model_copy(update={"values": {"preference": "a"}})
    order = {record.id: place for place, record in enumerate(store.records)}
    responses = [given(response, at(1 + order[response.record_id] // 2)) for response in store.responses]
    records = {record.id: record for record in store.records}
    spans = agreement_over_time(reversed(responses), records, task)
    assert [(span.ends_at, span.equal.value, span.equal.count) for span in spans] == [
        (at(10), 0.25, 20),
        (at(20), 1.0, 20),
    ]
    assert agreement_over_time([], {}, task) == ()


@pytest.mark.slow
def test_the_dashboard_says_what_was_put_into_the_store(tmp_path: Path) -> None:
    store, config = reviewed_store(datetime.now(UTC)), config_of()
    dashboard = dashboard_in(tmp_path, store, config)
    assert (dashboard.records, dashboard.completed) == (200, 150)
    assert sum(entry.answers for entry in dashboard.days) == 300
    assert dashboard.days[-1].completed == 150
    assert sum(reviewer.submitted for reviewer in dashboard.reviewers) == 300
    assert {reviewer.name for reviewer in dashboard.reviewers} == {"nadia", "bob", "eva"}
    assert all(reviewer.agreement.value is not None for reviewer in dashboard.reviewers)
    assert len(dashboard.agreement) == 7
    first, last = dashboard.agreement[0].equal.value, dashboard.agreement[-1].equal.value
    assert first is not None
    assert last is not None
    assert first < last
    # The better a model was made, the more often it wins, and every interval holds its rate.
    assert list(dashboard.win_rates) == ["large", "medium", "small"]
    assert dashboard.decided_by == "human"
    assert dashboard.judge is not None
    assert [step.name for step in dashboard.steps][3] == "prompts shown to reviewers"
    assert dashboard.steps[3].count == 200
    undecided = 200 - dashboard.steps[4].count
    assert sum(dashboard.steps[4].dropped.values()) == undecided
    assert dashboard.rows["dpo"] == 200 - undecided
    assert (dashboard.sample_of, len(dashboard.sample)) == ("dpo", 10)
    assert [role for role, _ in dashboard.sample[0].answers] == ["chosen", "rejected"]
    hidden = dashboard.without_names()
    assert "'nadia'" not in repr(hidden)
    pseudonym = next(reviewer.pseudonym for reviewer in dashboard.reviewers if reviewer.name == "nadia")
    sentence = "No longer in the workspace: nadia (3 responses), bobby, nadia-marie."
    assert without_names(sentence, dashboard) == sentence.replace(": nadia (", f": {pseudonym} (")
    assert without_names(sentence, None) == sentence


@pytest.mark.slow
def test_a_store_without_answers_has_a_dashboard(tmp_path: Path) -> None:
    store = Store()
    store.add()
    dashboard = dashboard_in(tmp_path, store, make_config())
    assert (dashboard.records, dashboard.completed, dashboard.days, dashboard.reviewers) == (1, 0, (), ())
    assert (dashboard.agreement, dashboard.win_rates, dashboard.sample) == ((), {}, ())
    assert dashboard.rows == {"dpo": 0, "kto": 0}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "conversational", "roles"),
    [
        ("kto", True, {"good", "bad"}),
        ("sft", True, {"messages"}),
        ("reward", False, {"chosen", "rejected"}),
        ("raw", True, {"acme/g0", "acme/g1"}),
    ],
)
def test_rows_of_every_config_are_shown_as_texts(
    tmp_path: Path, name: str, conversational: bool, roles: set[str]
) -> None:
    store = Store()
    for _ in range(3):
        store.add("a", texts=["The good one.", "The bad one."])
    config = make_config(publish={"formats": [name], "test_size": 0, "conversational": conversational})
    dashboard = dashboard_in(tmp_path, store, config)
    assert dashboard.sample_of == name
    assert {role for row in dashboard.sample for role, _ in row.answers} == roles
    for row in dashboard.sample:
        assert row.prompt.startswith("tree")
        for role, text in row.answers:
            assert text == ("The bad one." if role in {"bad", "rejected", "acme/g1"} else "The good one.")
