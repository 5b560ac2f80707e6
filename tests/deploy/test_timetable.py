"""When a schedule runs: fields of cron that were worked out by hand, and how often that is in a month."""

from __future__ import annotations

import re

import pytest

from curation.deploy.timetable import MINUTES, cron_times, runs_a_month
from curation.errors import ConfigError

FIELDS = re.compile(r"(\d+)(?:,\d+)* (\*|\*/\d+|3) \* \* \*")


def minute(name: str, every: str) -> int:
    match = FIELDS.fullmatch(cron_times(every, name=name))
    assert match is not None
    return int(match[1])


def test_the_fields_of_cron() -> None:
    at = minute("helpful", "1h")
    assert cron_times("1h", name="helpful") == f"{at} * * * *"
    assert cron_times("6h", name="helpful") == f"{at} */6 * * *"
    assert cron_times("1d", name="helpful") == f"{at} 3 * * *"
    first = minute("helpful", "15m")
    assert cron_times("15m", name="helpful") == f"{first},{first + 15},{first + 30},{first + 45} * * * *"


def test_curations_do_not_all_run_at_the_same_minute() -> None:
    assert len({minute(f"curation-{number}", "1h") for number in range(50)}) > 20
    assert {minute(f"curation-{number}", "15m") for number in range(200)} == set(range(15))


def test_the_runs_of_a_month() -> None:
    assert (runs_a_month("15m"), runs_a_month("1h"), runs_a_month("1d")) == (2920, 730, 30)


@pytest.mark.parametrize("every", ["5m", "7h", "", "hourly", "0h"])
def test_other_intervals_are_refused_with_those_that_are_possible(every: str) -> None:
    with pytest.raises(ConfigError, match=f"Use one of {', '.join(MINUTES)}"):
        cron_times(every, name="helpful")
