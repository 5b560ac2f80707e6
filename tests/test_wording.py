"""Counts, shares, numbers, sizes, times and money as people read them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from curation.review_statistics import Measure
from curation.wording import (
    approximate_time,
    clock,
    counted,
    counts_by_name,
    dollars,
    duration,
    excerpt,
    measured,
    money,
    number,
    percent,
    rate,
    reasons,
    share,
    size,
)


def test_one_thing_is_counted_in_the_singular() -> None:
    assert [counted(count, "row") for count in (0, 1, 2, 1000)] == ["0 rows", "1 row", "2 rows", "1,000 rows"]
    assert [counted(count, "reply", "replies") for count in (1, 2)] == ["1 reply", "2 replies"]


def test_counts_by_name_keep_their_order() -> None:
    assert counts_by_name({"dpo": 9, "kto": 12_000, "raw": 0}) == "9 dpo, 12,000 kto, 0 raw"
    assert counts_by_name({}) == ""


def test_the_most_frequent_reason_comes_first_and_reasons_with_no_count_are_left_out() -> None:
    assert reasons({"pii": 2, "empty": 1200, "draw": 2, "language": 0}) == "1,200 empty, 2 draw, 2 pii"
    assert reasons({}) == ""


def test_numbers_and_shares_have_few_digits() -> None:
    assert (number(0.666), number(-0.5), number(-0.001)) == ("0.67", "-0.50", "0.00")
    assert (percent(0.0526), percent(0), share(1 / 3), share(None)) == ("5.26 %", "0 %", "33.3 %", "none")


@pytest.mark.parametrize(
    ("measure", "show", "words"),
    [
        (Measure(value=0.7434, low=0.5, high=0.911, count=12), number, "0.74 (95 % interval 0.50 to 0.91)"),
        (Measure(value=0.7434, low=0.5, high=0.911, count=12), percent, "74.3 % (95 % interval 50 % to 91.1 %)"),
        (Measure(value=1.0, count=3), percent, "100 %"),
        (Measure(value=None, reason="one reviewer only"), number, "not defined (one reviewer only)"),
        (Measure(value=None), percent, "not defined (no reason was given)"),
    ],
)
def test_a_measure_is_written_with_its_interval_or_its_reason(
    measure: Measure, show: Callable[[float], str], words: str
) -> None:
    assert measured(measure, show) == words


def test_bytes_are_written_as_the_hub_writes_them() -> None:
    assert [size(count) for count in (0, 999, 1000, 12_345_678, 2 * 10**9)] == [
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "12.3 MB",
        "2.0 GB",
    ]


@pytest.mark.parametrize(
    ("usd", "words"),
    [(0, "$0.00"), (12.3, "$12.30"), (1234.5, "$1,234.50"), (0.0042, "$0.0042"), (0.00004123, "$0.0000412")],
)
def test_money_has_the_digits_that_matter(usd: float, words: str) -> None:
    assert money(usd) == dollars(usd) == words


def test_a_cost_without_prices_is_unknown_and_not_zero() -> None:
    assert dollars(None) == "cost unknown without price_in and price_out"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (45, "45 s"), (89, "89 s"), (720, "12 min"), (12_240, "3.4 h")]
)
def test_a_duration_is_written_in_one_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_running_time_has_minutes_and_seconds() -> None:
    assert [clock(seconds) for seconds in (0.4, 65.4, 7800)] == ["0:00", "1:05", "2:10:00"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0:05"), (33, "0:35"), (119, "2:00"), (733, "12:00"), (750, "12:30"), (7733, "2:10:00")],
)
def test_an_estimated_time_is_a_round_number(seconds: float, words: str) -> None:
    assert approximate_time(seconds) == f"about {words}"


@pytest.mark.parametrize(
    ("per_second", "words"),
    [(0.0, "0.0/s"), (12.34, "12.3/s"), (1.0, "1.0/s"), (0.99, "59/min"), (0.2, "12/min"), (0.02, "1.2/min")],
)
def test_a_rate_below_one_a_second_is_written_by_the_minute(per_second: float, words: str) -> None:
    assert rate(per_second) == words


def test_an_excerpt_is_one_line_without_control_characters() -> None:
    assert excerpt("one\ntwo\x1b[2J  three", 40) == "one two [2J three"
    assert excerpt("0123456789", 8) == "01234..."
    assert excerpt(" " * 100 + "far", 8) == "..."
