"""How often a schedule runs, as cron writes it."""

from __future__ import annotations

import hashlib

from curation.errors import ConfigError

MINUTES = {
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "2h": 120,
    "3h": 180,
    "4h": 240,
    "6h": 360,
    "8h": 480,
    "12h": 720,
    "1d": 1440,
}
"""What `--every` may be, in minutes."""
MINUTES_OF_A_MONTH = 730 * 60
HOUR_OF_THE_DAY = 3
"""When a schedule of once a day runs: in most places fewer people work then."""


def cron_times(every: str, *, name: str) -> str:
    """Return when a schedule runs, in the five fields of cron: "17 */2 * * *" for "2h".

    The minute depends on the name of the curation, so that not all of them ask the services at the same moment. Raises
    ConfigError if `every` is none of `MINUTES`.
    """
    minutes = _minutes(every)
    minute = int(hashlib.sha256(name.encode()).hexdigest(), 16) % min(minutes, 60)
    if minutes < 60:
        return f"{','.join(str(at) for at in range(minute, 60, minutes))} * * * *"
    if every == "1d":
        return f"{minute} {HOUR_OF_THE_DAY} * * *"
    return f"{minute} {'*' if minutes == 60 else f'*/{minutes // 60}'} * * *"


def runs_a_month(every: str) -> int:
    """Return how often a schedule runs in a month of 730 hours. Raises ConfigError as `cron_times`."""
    return MINUTES_OF_A_MONTH // _minutes(every)


def _minutes(every: str) -> int:
    if every not in MINUTES:
        raise ConfigError(f"--every {every} is not possible.", remedy=f"Use one of {', '.join(MINUTES)}.")
    return MINUTES[every]
