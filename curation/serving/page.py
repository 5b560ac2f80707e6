"""Renders the page and the sign-in, from values alone. The templates escape everything that is not a plot of ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from curation.card.pictures import one_line
from curation.progress.days import forecast
from curation.serving import charts
from curation.serving.dashboard import Dashboard, without_names
from curation.serving.headers import STYLE
from curation.serving.outcome import Cause, Refresh
from curation.wording import counted, counts_by_name, duration, measured, percent, reasons

SHOWN = 10
"""The page shows so many of the last refreshes."""
CAUSES: dict[Cause, str] = {"start": "at the start", "webhook": "after a webhook", "timer": "by the timer"}
DECIDERS = {
    "human": "people",
    "simulated": "simulated reviewers",
    "judge": "the judge",
    "imported": "the labels of the source",
    "role": "the roles of the models",
}
NOTHING = {"dashboard": None}
FILTERS = {
    "number": lambda count: f"{count:,}",
    "share": percent,
    "measured": measured,
    "reach": lambda measure: f"95 % interval {percent(measure.low)} to {percent(measure.high)}",
    "measured_share": lambda measure: measured(measure, percent),
}


def page_html(
    name: str,
    dashboard: Dashboard | None,
    refreshes: Iterable[Refresh],
    *,
    now: datetime,
    running: bool,
    notes: Sequence[str],
    names: bool,
) -> str:
    """Return the page. `notes` say what is wrong besides refreshes that failed.

    Without `names` reviewers have pseudonyms, also in the sentences about refreshes.
    """
    last = list(refreshes)[:SHOWN]
    known = None if names else dashboard
    return _template("page").render(
        name=name,
        style=Markup(STYLE),
        state="refreshing now" if running else f"as of {now:%Y-%m-%d %H:%M} UTC",
        waiting=_waiting(last),
        refreshes=[_shown(refresh, known) for refresh in last],
        notes=notes,
        **(_parts(dashboard if names else dashboard.without_names(), now) if dashboard is not None else NOTHING),
    )


def sign_in_html(*, hub: str | None, token: bool, problem: str | None = None) -> str:
    """Return how to sign in: at the address `hub`, or with the token."""
    return _template("sign_in").render(style=Markup(STYLE), hub=hub, token=token, problem=problem)


def _waiting(refreshes: list[Refresh]) -> str:
    if not refreshes:
        return "The first refresh runs. This page loads again by itself."
    return "No refresh could read the store yet. What went wrong stands below."


def _shown(refresh: Refresh, known: Dashboard | None) -> dict[str, Any]:
    return {
        "when": f"{refresh.began_at:%Y-%m-%d %H:%M} UTC",
        "cause": CAUSES[refresh.cause],
        "took": duration(refresh.seconds),
        "lines": [without_names(line, known) for line in refresh.lines],
        "error": without_names(refresh.error, known) if refresh.error else None,
    }


def _parts(dashboard: Dashboard, now: datetime) -> dict[str, Any]:
    """Return what the template shows of a dashboard."""
    share = dashboard.completed / dashboard.records if dashboard.records else 0.0
    judge = dashboard.judge
    rows = counts_by_name(dashboard.rows)
    return {
        "dashboard": dashboard,
        "done_share": percent(share),
        "progress_bar": charts.share_bar([("kept", share)], f"{percent(share)} done"),
        "done_when": done_when(dashboard, now),
        "days_chart": charts.days_chart(dashboard.days, dashboard.records),
        "agreement_chart": charts.agreement_chart(dashboard.agreement),
        "judge_plot": charts.interval(judge, measured(judge, percent)) if judge is not None else "",
        "models": [
            (model, measure, charts.interval(measure, f"{model}: {measured(measure, percent)}"))
            for model, measure in dashboard.win_rates.items()
        ],
        "deciders_of": DECIDERS,
        "deciders": DECIDERS.get(dashboard.decided_by, dashboard.decided_by),
        "steps": _steps(dashboard),
        "rows": f"{rows} rows." + (f" Some of {dashboard.sample_of}:" if dashboard.sample else "") if rows else "",
    }


def _steps(dashboard: Dashboard) -> list[tuple[Any, Markup, str]]:
    most = max((step.count + sum(step.dropped.values()) for step in dashboard.steps), default=0) or 1
    return [
        (
            step,
            charts.share_bar(
                [("kept", step.count / most), ("gone", sum(step.dropped.values()) / most)],
                f"{step.name}: {step.count}, dropped {sum(step.dropped.values())}",
            ),
            reasons({reason.replace("_", " "): count for reason, count in step.dropped.items()}),
        )
        for step in dashboard.steps
    ]


def done_when(dashboard: Dashboard, now: datetime) -> str:
    """Return when reviewing will be done, in words."""
    expected = forecast(dashboard.records, dashboard.completed, dashboard.days, now.date())
    if not dashboard.records:
        return "There are no records to review yet."
    if not expected.remaining:
        return "Reviewing is done."
    left = f"{counted(expected.remaining, 'record')} left"
    if expected.done_on is None:
        return f"{left}; nothing was completed in the last seven days, so nobody can say when it will be done."
    return f"{left}; at {expected.pace:.3g} a day, as in the last seven days, it will be done on {expected.done_on}."


@cache
def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("curation.serving"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        finalize=_plain,
    )
    environment.filters.update(FILTERS)
    return environment.get_template(f"{name}.html.jinja")


def _plain(value: Any) -> Any:
    """Return a text on one line, without characters that turn the direction of what follows. Plots stay as they are."""
    return one_line(value) if isinstance(value, str) and not isinstance(value, Markup) else value
