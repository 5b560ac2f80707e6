"""The plots of the page, as SVG that is as wide as the screen. Positions are in percent, so texts keep their size.

The colours are in the style sheet, which has a light and a dark scheme. Each plot has a description for people who
cannot see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise

from markupsafe import Markup, escape

from curation.agreement_over_time import Span
from curation.card.pictures import one_line
from curation.progress.days import Day
from curation.review_statistics import Measure
from curation.wording import counted, measured, percent

HEIGHT, TOP, BOTTOM = 170, 12, 24
LEFT = 9.0
"""The percent of the width that the labels of the vertical axis take."""


def share_bar(parts: Sequence[tuple[str, float]], description: str) -> Markup:
    """Return a bar of parts that follow each other: (class, share of the width in [0, 1])."""
    rects, start = [], 0.0
    for role, width in parts:
        rects.append(_rect(role, 100 * start, 0, 100 * width, 12))
        start += width
    return _svg([_rect("rest", 0, 0, 100, 12), *rects], height=12, description=description)


def interval(measure: Measure, description: str, *, low: float = 0.0, middle: float | None = 0.5) -> Markup:
    """Return a share in [low, 1] as a dot, with its interval as a line; nothing if it is not defined."""
    if measure.value is None:
        return Markup("")

    def place(value: float) -> float:
        return 2 + 96 * (min(max(value, low), 1.0) - low) / (1 - low)

    parts = [_line("axis", 2, 11, 98, 11)]
    if middle is not None:
        parts.append(_line("grid", place(middle), 2, place(middle), 20))
    if measure.low is not None and measure.high is not None:
        parts.append(_line("reach", place(measure.low), 11, place(measure.high), 11))
    return _svg([*parts, _dot(place(measure.value), 11)], height=22, description=description)


def days_chart(days: Sequence[Day], records: int) -> Markup:
    """Return the answers of each day as columns, and the completed records as a line that climbs to all records."""
    most = max((day.answers for day in days), default=0) or 1
    width = (100 - LEFT) / max(len(days), 1)
    floor, room = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    parts = _grid([(1.0, f"{most:,}"), (0.5, ""), (0.0, "0")])
    for number, day in enumerate(days):
        height = room * day.answers / most
        title = f"{day.day}: {counted(day.answers, 'answer')}, {day.completed:,} of {records:,} records completed"
        parts.append(_rect("kept", LEFT + number * width, floor - height, width * 0.8, height, title))
    heights = [floor - room * day.completed / (records or 1) for day in days]
    middles = [LEFT + (number + 0.4) * width for number in range(len(days))]
    parts += _path("climb", list(zip(middles, heights, strict=True)))
    parts += _ends([str(day.day) for day in days])
    description = "; ".join(f"{day.day}: {day.answers} answers" for day in days if day.answers)
    return _svg(parts, height=HEIGHT, description=f"Answers by day. {description}")


def agreement_chart(spans: Sequence[Span]) -> Markup:
    """Return the share of equal pairs of answers over time, with intervals: a point for each span of records."""
    floor, room = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    parts, points, known = _grid([(1.0, "1"), (0.5, "½"), (0.0, "0")]), [], []
    for number, span in enumerate(spans):
        x = LEFT + (number + 0.5) * (100 - LEFT) / len(spans)
        value, low, high = span.equal.value, span.equal.low, span.equal.high
        if value is None or low is None or high is None:
            continue
        points.append((x, floor - room * value))
        parts.append(_line("reach", x, floor - room * low, x, floor - room * high))
        known.append(f"until {_day(span.ends_at)}: {measured(span.equal, percent)}")
    parts += [*_path("climb", points), *(_dot(x, y, title) for (x, y), title in zip(points, known, strict=True))]
    parts += _ends([_day(span.ends_at) for span in spans])
    return _svg(parts, height=HEIGHT, description=f"Equal pairs of answers over time: {'; '.join(known)}")


def _day(moment: datetime) -> str:
    return str(moment.date())


def _grid(marks: Iterable[tuple[float, str]]) -> list[str]:
    floor, room = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    return [
        part
        for share, label in marks
        for part in (
            _line("grid", LEFT, floor - room * share, 100, floor - room * share),
            _text(LEFT - 1, floor - room * share + 4, label, anchor="end"),
        )
    ]


def _ends(labels: Sequence[str]) -> list[str]:
    if not labels:
        return []
    last = [_text(100, HEIGHT - 6, labels[-1], anchor="end")] if len(labels) > 1 else []
    return [_text(LEFT, HEIGHT - 6, labels[0]), *last]


def _path(role: str, points: Sequence[tuple[float, float]]) -> list[str]:
    """Return lines from point to point. (A path would be shorter, but its positions cannot be in percent.)"""
    return [_line(role, *start, *end) for start, end in pairwise(points)]


def _svg(parts: Iterable[str], *, height: int, description: str) -> Markup:
    label = _plain(description)
    return Markup(
        f'<svg class="plot" width="100%" height="{height}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    )


def _line(role: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{role}" x1="{x1:.2f}%" y1="{y1:.1f}" x2="{x2:.2f}%" y2="{y2:.1f}"/>'


def _rect(role: str, x: float, y: float, width: float, height: float, title: str = "") -> str:
    place = f'x="{x:.2f}%" y="{y:.1f}" width="{width:.2f}%" height="{height:.1f}"'
    return f'<rect class="{role}" {place}>{_title(title)}</rect>'


def _dot(x: float, y: float, title: str = "") -> str:
    return f'<circle class="dot" cx="{x:.2f}%" cy="{y:.1f}" r="5">{_title(title)}</circle>'


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.2f}%" y="{y:.1f}" text-anchor="{anchor}">{_plain(text)}</text>'


def _title(text: str) -> str:
    return f"<title>{_plain(text)}</title>" if text else ""


def _plain(text: str) -> Markup:
    return escape(one_line(text))
