"""How counts, shares, numbers, sizes, times and money are written for people in reports, progress and the card."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curation.review_statistics import Measure


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return "1 row", "2 rows", "1,000 rows"; the plural is the noun with an "s" unless it is given."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def counts_by_name(counts: Mapping[str, int]) -> str:
    """Return "9 dpo, 24 kto", in the order of the mapping; "" if it is empty."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def reasons(dropped: Mapping[str, int]) -> str:
    """Return "2 duplicate, 1 empty", the most frequent first; "" if there are none."""
    ordered = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {reason}" for reason, count in ordered if count)


def number(value: float) -> str:
    """Return a number with two decimals, never "-0.00"."""
    return f"{round(value, 2) + 0.0:.2f}"


def percent(part: float) -> str:
    """Return a share of 1 as "12.3 %"."""
    return f"{100 * part:.3g} %"


def share(part: float | None) -> str:
    """Return a share of 1 as "12.3 %", "none" if it is null."""
    return "none" if part is None else percent(part)


def measured(measure: Measure, show: Callable[[float], str] = number) -> str:
    """Return "0.71 (95 % interval 0.64 to 0.78)", or "not defined (one reviewer only)" with the reason.

    `show` formats the numbers, such as `percent` for shares of 1.
    """
    if measure.value is None:
        return f"not defined ({measure.reason or 'no reason was given'})"
    if measure.low is None or measure.high is None:
        return show(measure.value)
    return f"{show(measure.value)} (95 % interval {show(measure.low)} to {show(measure.high)})"


def size(count: int) -> str:
    """Return bytes as the Hub shows them: "1.2 MB"."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} bytes"


def money(usd: float) -> str:
    """Return US dollars: "$12.30", "$0.0042", and smaller amounts with three significant digits: "$0.0000412"."""
    if usd >= 1 or usd == 0:
        return f"${usd:,.2f}"
    if usd >= 0.001:
        return f"${usd:.4f}"
    return f"${usd:.{2 - math.floor(math.log10(usd))}f}"


def dollars(cost: float | None) -> str:
    """Return US dollars, or "cost unknown ..." if a price or a count of tokens is not known."""
    return "cost unknown without price_in and price_out" if cost is None else money(cost)


def duration(seconds: float) -> str:
    """Return how long something takes: "45 s", "12 min" or "3.4 h"."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def clock(seconds: float) -> str:
    """Return a time that runs: "1:05" is a minute and five seconds, "2:10:00" two hours and ten minutes."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def approximate_time(seconds: float) -> str:
    """Return an estimated time, rounded so that it does not flicker: "about 0:35", "about 12:30", "about 2:10:00"."""
    step = 5 if seconds < 120 else 30 if seconds < 1800 else 300
    return f"about {clock(max(step, step * round(seconds / step)))}"


def rate(per_second: float) -> str:
    """Return a rate: "12.3/s", or "24/min" if it is less than one in a second."""
    if per_second >= 1 or per_second == 0:
        return f"{per_second:.1f}/s"
    return f"{60 * per_second:.{0 if per_second >= 1 / 6 else 1}f}/min"


def excerpt(text: str, length: int) -> str:
    """Return the start of a text on one line of at most `length` characters, without control characters."""
    plain = "".join(character if character.isprintable() else " " for character in text[: 4 * length])
    line = " ".join(plain.split())
    return line if len(line) <= length and len(text) <= 4 * length else f"{line[: length - 3]}..."
