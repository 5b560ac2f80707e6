"""How long a service that gives no usable answer is waited for: one budget of time, and a line that says so."""

from __future__ import annotations

import contextvars
import email.utils
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import tenacity

from curation.errors import ConfigError, TemporaryError

PATIENCE_SECONDS = 120.0
"""The budget where CURATION_PATIENCE is not set."""
SILENT_SECONDS = 10.0
"""After so much waiting a line says what is waited for."""
LEAST_SECONDS = 0.2
"""No try gets less time than this."""
LONGEST_PAUSE = 10.0

T = TypeVar("T")
Say = Callable[[str], None]

_say: contextvars.ContextVar[Say | None] = contextvars.ContextVar("say", default=None)


class UnansweredError(Exception):
    """One try that brought no usable answer: why, and how many seconds the service asks to be left alone."""

    def __init__(self, why: str, *, retry_after: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Service:
    """What is waited for, such as "the Hub at https://huggingface.co", and what to do if it stays silent."""

    name: str
    remedy: str = "Run the command again later."

    def __str__(self) -> str:
        return self.name[:1].upper() + self.name[1:]


def patience_seconds() -> float:
    """Return the budget in seconds: CURATION_PATIENCE, or 120. Raises ConfigError if it is no positive number."""
    text = os.environ.get("CURATION_PATIENCE") or str(PATIENCE_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigError(f"CURATION_PATIENCE = {text!r}: must be a number of seconds above 0.")
    return seconds


def persist(service: Service, attempt: Callable[[float], T]) -> T:
    """Return what `attempt` returns; while it raises UnansweredError, try again until the budget is spent.

    `attempt` is given the seconds that it may take: half of what is left, so that a service that hangs is asked more
    than once and never waited for longer than the budget. Raises TemporaryError with the last reason.
    """
    budget, started = patience_seconds(), time.monotonic()

    def pause(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, UnansweredError) else None
        # A pause that nobody asked for must not be longer than the time that is left: that would give up too soon.
        left = started + budget - time.monotonic()
        return max(asked if asked is not None else min(_backoff(state), left / 2), LEAST_SECONDS)

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(UnansweredError),
        stop=tenacity.stop_before_delay(budget),
        wait=pause,
        reraise=True,
    )
    with _waiting(service, budget) as waiting:

        def once() -> T:
            left = started + budget - time.monotonic()
            try:
                return attempt(max(left / 2, LEAST_SECONDS))
            except UnansweredError as error:
                waiting.why = error.why
                raise

        try:
            return retrying(once)
        except UnansweredError as error:
            raise TemporaryError(
                _given_up(service, error, budget, time.monotonic() - started), remedy=service.remedy
            ) from error


def in_time(service: Service, work: Callable[[], T], *, more_seconds: float = 0.0) -> T:
    """Return what `work` returns; raise TemporaryError if that takes longer than the budget and `more_seconds`.

    For calls that take no timeout. Such a call cannot be ended: it is left behind in a thread that does not keep the
    process alive. So `work` must be something that does no harm if it ends later, or never.
    """
    budget = patience_seconds() + more_seconds
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            errors.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True)
    with _waiting(service, budget):
        thread.start()
        thread.join(budget)
    if errors:
        raise errors[0]
    if not results:
        raise TemporaryError(f"{service} did not answer within {budget:.0f} s.", remedy=service.remedy)
    return results[0]


@contextmanager
def telling(say: Say) -> Iterator[None]:
    """Give lines about what is waited for to `say` meanwhile; without it nothing is said."""
    token = _say.set(say)
    try:
        yield
    finally:
        _say.reset(token)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a service asks to wait, null if it does not say.

    Retry-After is a number of seconds or a date (RFC 9110, 10.2.3); the Hub says `ratelimit: "api";r=0;t=55` instead.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if text:
        try:
            return max(email.utils.parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
        except ValueError:
            return None
    spent = re.search(r";\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d+)", headers.get("ratelimit", ""))
    return float(spent[1]) if spent else None


def is_passing(status: int) -> bool:
    """Whether an HTTP status says that the same request may succeed later."""
    return status in {408, 425, 429} or (status >= 500 and status != 501)


@dataclass(slots=True)
class _Waiting:
    why: str = "no answer yet"


@contextmanager
def _waiting(service: Service, budget: float) -> Iterator[_Waiting]:
    waiting, say = _Waiting(), _say.get()
    if say is None:
        yield waiting
        return
    silent = min(SILENT_SECONDS, budget / 4)

    def line() -> None:
        say(f"Waiting for {service.name}: {waiting.why}. Giving up in {budget - silent:.0f} s (CURATION_PATIENCE).")

    timer = threading.Timer(silent, line)
    timer.daemon = True
    timer.start()
    try:
        yield waiting
    finally:
        timer.cancel()


_backoff = tenacity.wait_random_exponential(multiplier=0.3, max=LONGEST_PAUSE)


def _given_up(service: Service, error: UnansweredError, budget: float, spent: float) -> str:
    if error.retry_after is not None and error.retry_after + spent >= budget:
        return (
            f"{service} did not answer: {error.why}, and asks to wait {error.retry_after:.0f} s, which is more "
            f"than is left of CURATION_PATIENCE ({budget:.0f} s)."
        )
    return f"{service} did not answer within {budget:.0f} s (CURATION_PATIENCE): {error.why}."
