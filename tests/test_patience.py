"""A service that does not answer is asked until the budget of time is used up, and not much longer."""

from __future__ import annotations

import time

import pytest

from curation.errors import ConfigError, TemporaryError
from curation.patience import LEAST_SECONDS, PATIENCE_SECONDS, Service, UnansweredError, patience_seconds, persist

SERVICE = Service("the service")


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(6))
def test_pauses_at_random_never_give_up_before_the_time_is_used_up(
    attempt: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATION_PATIENCE", "1")
    begun = time.monotonic()

    def silent(seconds: float) -> None:
        raise UnansweredError("it answered 503")

    with pytest.raises(TemporaryError, match="it answered 503"):
        persist(SERVICE, silent)
    assert time.monotonic() - begun >= 1 - 2 * LEAST_SECONDS


def test_a_pause_that_is_longer_than_the_time_left_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATION_PATIENCE", "30")
    tries = []

    def busy(seconds: float) -> None:
        tries.append(seconds)
        raise UnansweredError("it answered 429", retry_after=3600)

    with pytest.raises(TemporaryError, match="asks us to wait 3600 s"):
        persist(SERVICE, busy)
    assert len(tries) == 1
    assert 14 < tries[0] <= 15


def test_the_budget_is_two_minutes_or_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CURATION_PATIENCE")
    assert patience_seconds() == PATIENCE_SECONDS == 120
    monkeypatch.setenv("CURATION_PATIENCE", "2.5")
    assert patience_seconds() == 2.5


@pytest.mark.parametrize("text", ["0", "-3", "soon", "nan", "inf"])
def test_a_budget_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CURATION_PATIENCE", text)
    with pytest.raises(ConfigError, match=f"CURATION_PATIENCE = '{text}'"):
        patience_seconds()
