"""The pictures of the card: the funnel and the lengths, as small SVG files that need no script, font or network.

They are written here and not by a library. Measured in November 2026 on a busy machine, beside what is installed
anyway: matplotlib adds 74 MB, takes 4 s to import and 0.3 s to draw a bar chart; altair with vl-convert adds 99 MB,
takes 2 s to import and 2 s for the first picture. Neither follows the reader's choice of dark or light colours, nor
gives each bar a title for those who cannot see it. This module takes less than 1 ms, and the same facts always give the
same bytes.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from curation.card.facts import FunnelStep, Lengths
from curation.wording import counted, reasons

WIDTH, MARGIN = 860, 24
INSIDE = WIDTH - 2 * MARGIN
BAR, PLOT = 12, 56
PLOT_LEFT = 190
# An SVG in <img> sees the colours that the browser prefers, not those of the page: hence a background of its own.
# Attributes hold the light colours, in case a style is not let through.
LIGHT = {
    "page": "#ffffff",
    "line": "#d0d7de",
    "ink": "#1f2328",
    "note": "#59636e",
    "kept": "#2563eb",
    "gone": "#f0b26b",
    "text": "#7d8590",
}
DARK = {
    "page": "#0d1117",
    "line": "#30363d",
    "ink": "#e6edf3",
    "note": "#9da7b3",
    "kept": "#5b9bff",
    "gone": "#b9772e",
    "text": "#8b949e",
}
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
# C0 and C1 controls, what XML forbids, lone surrogates, and what turns the direction of the text that follows.
UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def funnel_svg(steps: Sequence[FunnelStep]) -> bytes:
    """Return the funnel: a bar for each step, and on the same scale what was dropped before it."""
    most = max((step.count + sum(step.dropped.values()) for step in steps), default=0) or 1
    parts, top = _legend(((0, "kept", "left"), (70, "gone", "dropped on the way to it"))), 58
    for step in steps:
        parts += _funnel_step(step, top, INSIDE / most)
        top += 62 if step.dropped else 46
    return _svg(parts, height=top + 4, title=funnel_text(steps))


def lengths_svg(lengths: Lengths) -> bytes:
    """Return the histograms, one below the other, on the same logarithmic axis and the same scale."""
    axis = _Axis.spanning(lengths)
    highest = max((max(counts) / (sum(counts) or 1) for counts in lengths.counts.values()), default=0) or 1
    bottom = MARGIN + len(lengths.counts) * (PLOT + 22)
    parts = _ticks(axis, bottom)
    for place, name in enumerate(lengths.counts):
        floor = MARGIN + PLOT + place * (PLOT + 22)
        role = ("text", "kept", "gone")[place % 3]
        parts += _histogram(name, lengths, axis=axis, floor=floor, scale=PLOT / highest, role=role)
    return _svg(parts, height=bottom + 40, title=lengths_text(lengths))


def funnel_text(steps: Iterable[FunnelStep]) -> str:
    """Return a description of the funnel for people who cannot see it."""
    parts = (
        f"{one_line(step.name)} {step.count:,}"
        + (f" ({sum(step.dropped.values()):,} dropped)" if sum(step.dropped.values()) else "")
        for step in steps
    )
    return f"Funnel from prompts to rows: {', '.join(parts)}."


def lengths_text(lengths: Lengths) -> str:
    """Return a description of the histograms for people who cannot see them."""
    parts = (f"{one_line(name)}: {_summary(name, lengths)}" for name in lengths.counts)
    return f"Lengths in characters. {'; '.join(parts)}."


def one_line(text: str) -> str:
    """Return `text` on one line, without characters that cannot be shown or that reverse the text after them."""
    return UNSHOWN.sub("", " ".join(text.split()))


@dataclass(frozen=True, slots=True)
class _Axis:
    """The horizontal axis: lengths in characters, on a logarithmic scale."""

    low: float
    high: float

    @classmethod
    def spanning(cls, lengths: Lengths) -> _Axis:
        """Return the axis for the bins that are not empty and two more on each side."""
        last = len(lengths.edges) - 1
        bins = [i for counts in lengths.counts.values() for i, count in enumerate(counts) if count] or [0, last]
        return cls(lengths.edges[max(min(bins) - 2, 0)], lengths.edges[min(max(bins) + 3, last)])

    def x(self, length: float) -> float:
        share = math.log(length / self.low) / math.log(self.high / self.low)
        return PLOT_LEFT + share * (WIDTH - MARGIN - PLOT_LEFT)

    @property
    def ticks(self) -> list[int]:
        """Return the powers of ten in the range, or the powers of two if there are fewer than two of them."""
        tens, twos = ([n for n in (base**i for i in range(25)) if self.low <= n <= self.high] for base in (10, 2))
        return tens if len(tens) > 1 else twos


def _funnel_step(step: FunnelStep, top: float, scale: float) -> list[str]:
    dropped = sum(step.dropped.values())
    parts = [
        _text(MARGIN, top, _clip(step.name, 80), size=14),
        _text(WIDTH - MARGIN, top, f"{step.count:,}", size=14, weight=600, anchor="end"),
        _rect("kept", MARGIN, top + 8, step.count * scale, BAR, step.name),
    ]
    if dropped:
        parts += [
            _rect("gone", MARGIN + step.count * scale, top + 8, dropped * scale, BAR, f"{step.name}: dropped"),
            _text(MARGIN, top + 36, _clip(f"dropped {dropped:,}: {reasons(step.dropped)}", 125), role="note", size=12),
        ]
    return parts


def _histogram(name: str, lengths: Lengths, *, axis: _Axis, floor: float, scale: float, role: str) -> list[str]:
    counts, edges = lengths.counts[name], lengths.edges
    total = sum(counts)
    parts = [
        _text(MARGIN, floor - 30, _clip(name, 20), size=14, weight=600),
        _text(MARGIN, floor - 13, counted(total, "text"), role="note", size=12),
        f'<path class="line" d="M{PLOT_LEFT} {_n(floor)}H{WIDTH - MARGIN}" stroke="{LIGHT["line"]}" fill="none"/>',
    ]
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        if count:
            height = count / total * scale
            parts.append(_rect(role, axis.x(low), floor - height, axis.x(high) - axis.x(low) - 1, height))
    if name in lengths.quantiles:
        median, _ = lengths.quantiles[name]
        x = axis.x(max(median, axis.low))
        parts += [
            f'<path class="mark" d="M{_n(x)} {_n(floor - PLOT)}V{_n(floor)}" stroke="{LIGHT["ink"]}"'
            ' stroke-width="1.5" stroke-dasharray="3 2" fill="none"/>',
            _text(MARGIN, floor + 3, f"median {median:,}", role="note", size=12),
        ]
    return parts


def _ticks(axis: _Axis, bottom: float) -> list[str]:
    parts = [
        part
        for tick in axis.ticks
        for part in (
            f'<path class="line" d="M{_n(axis.x(tick))} {MARGIN}V{_n(bottom - 22)}" stroke="{LIGHT["line"]}"'
            ' stroke-dasharray="2 3" fill="none"/>',
            _text(axis.x(tick), bottom, f"{tick:,}", role="note", size=12, anchor="middle"),
        )
    ]
    middle = (PLOT_LEFT + WIDTH - MARGIN) / 2
    caption = "characters, on a log scale; height: share of the texts; dashed: median"
    return [*parts, _text(middle, bottom + 22, caption, role="note", size=12, anchor="middle")]


def _legend(entries: Iterable[tuple[float, str, str]]) -> list[str]:
    return [
        part
        for x, role, name in entries
        for part in (
            f'<rect class="{role}" x="{_n(MARGIN + x)}" y="16" width="11" height="11" rx="2" fill="{LIGHT[role]}"/>',
            _text(MARGIN + x + 17, 26, name, role="note", size=12),
        )
    ]


def _summary(name: str, lengths: Lengths) -> str:
    if name not in lengths.quantiles:
        return "none"
    return f"{sum(lengths.counts[name]):,}, median {lengths.quantiles[name][0]:,}"


def _svg(parts: Iterable[str], *, height: float, title: str) -> bytes:
    page = (
        f'<rect class="page line" x="0.5" y="0.5" width="{WIDTH - 1}" height="{_n(height - 1)}" rx="8"'
        f' fill="{LIGHT["page"]}" stroke="{LIGHT["line"]}"/>'
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {_n(height)}" width="{WIDTH}"'
        f' height="{_n(height)}" role="img" aria-labelledby="title" font-family="{FONT}">'
    )
    lines = [head, f'<title id="title">{_escape(title)}</title>', f"<style>{_dark()}</style>", page, *parts, "</svg>"]
    return ("\n".join(lines) + "\n").encode()


def _dark() -> str:
    fills = "".join(f".{role}{{fill:{colour}}}" for role, colour in DARK.items() if role != "line")
    strokes = f"path.line,.page{{stroke:{DARK['line']}}}.mark{{stroke:{DARK['ink']}}}"
    return f"@media (prefers-color-scheme:dark){{{fills}{strokes}}}"


def _text(
    x: float, y: float, text: str, *, size: int, role: str = "ink", weight: int = 400, anchor: str = "start"
) -> str:
    bold = "" if weight == 400 else f' font-weight="{weight}"'
    side = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return (
        f'<text class="{role}" x="{_n(x)}" y="{_n(y)}" font-size="{size}"{bold}{side} fill="{LIGHT[role]}">'
        f"{_escape(text)}</text>"
    )


def _rect(role: str, x: float, y: float, width: float, height: float, label: str | None = None) -> str:
    title = "" if label is None else f"<title>{_escape(label)}</title>"
    place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(max(width, 0))}" height="{_n(height)}"'
    return f'<rect class="{role}" {place} fill="{LIGHT[role]}">{title}</rect>'


def _n(number: float) -> str:
    """Return a coordinate in pixels with two digits, so that it is short and the same on every machine."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def _clip(text: str, columns: int) -> str:
    """Return `text` cut to the width of so many narrow letters. Wide letters count twice."""
    text = one_line(text)
    widths = accumulate(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
    fits = sum(width <= columns for width in widths)
    return text if fits == len(text) else f"{text[: fits - 1]}…"


def _escape(text: str) -> str:
    text = one_line(text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
