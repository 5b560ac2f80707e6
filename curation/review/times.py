"""Reads the times of Argilla's API."""

from __future__ import annotations

from datetime import UTC, datetime


def time_of(text: str) -> datetime:
    """Return a time of the API, such as "2026-01-31T12:00:00.000001": without a zone it is UTC."""
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
