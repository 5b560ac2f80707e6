"""Retries within one budget of time (CURATION_PATIENCE), and the line on the terminal that tells of the waiting."""

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
"""The budget if CURATION_PATIENCE is not set."""
SILENT_SECONDS = 10.0
"""After so many seconds of waiting, a line tells the user which service does not answer."""
LEAST_SECONDS = 0.2
"""Every attempt gets at least this much time."""
BYTES_PER_SECOND = 500_000
"""The slowest rate that is accepted: a file may take CURATION_PATIENCE plus its size divided by this rate."""
GIVEN_UP_SECONDS = 1.0
"""A transfer that was given up is not begun again for so long: libraries try again at once, whatever the error."""
LONGEST_PAUSE = 10.0
"""The longest pause between two attempts, in seconds, unless the service asks for a longer one."""

T = TypeVar("T")
Say = Callable[[str], None]

_say: contextvars.ContextVar[Say | None] = contextvars.ContextVar("say", default=None)


class UnansweredError(Exception):
    """One attempt that gave no usable answer: the reason, and the pause in seconds that the service asks for."""

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Service:
    """The service that is asked, such as "the Hub at https://huggingface.co", and what to do if it does not answer."""

    name: str
    remedy: str = "Run the command again later."

    def __str__(self) -> str:
        return self.name[:1].upper() + self.name[1:]


def patience_seconds() -> float:
    """Return the budget in seconds: CURATION_PATIENCE, or 120. Raises ConfigError if it is not a positive number."""
    text = os.environ.get("CURATION_PATIENCE") or str(PATIENCE_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigError(f"CURATION_PATIENCE = {text!r}: must be a number of seconds above 0.")
    return seconds


@dataclass(slots=True)
class Transfer:
    """A file that arrives in pieces, perhaps in several attempts: how much arrived, and how long it was waited for.

    Only the time counts in which nothing arrived, between two attempts too, and not what the reader does with a piece.
    """

    waited: float = 0.0
    received: int = 0
    broken_at: float | None = None
    given_up_at: float | None = None

    def begin(self) -> None:
        """Note that an attempt begins, after a broken one perhaps."""
        if self.broken_at is not None:
            self.waited += time.monotonic() - self.broken_at
            self.broken_at = None

    def is_too_slow(self) -> bool:
        """Whether it was waited for longer than CURATION_PATIENCE and BYTES_PER_SECOND allow."""
        return self.waited > patience_seconds() + self.received / BYTES_PER_SECOND

    def is_given_up(self) -> bool:
        """Whether it was given up just now."""
        return self.given_up_at is not None and time.monotonic() - self.given_up_at < GIVEN_UP_SECONDS

    def given_up(self, service: Service, reason: str) -> TemporaryError:
        """Give it up, and return the error to raise."""
        self.given_up_at = time.monotonic()
        return TemporaryError(
            f"{service} did not send a file within {patience_seconds():.0f} s (CURATION_PATIENCE) and the time that "
            f"its size needs: {reason}.",
            remedy=service.remedy,
        )


def persist(service: Service, attempt: Callable[[float], T]) -> T:
    """Return what `attempt(seconds)` returns, and call it again while it raises UnansweredError and there is time.

    `seconds` is how long the attempt may take: half of the time that is left. So a service that hangs is asked more
    than once, and all attempts together stay within the budget. Raises TemporaryError with the reason of the last
    attempt when the time is up.
    """
    budget, started = patience_seconds(), time.monotonic()

    def pause(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        requested = error.retry_after if isinstance(error, UnansweredError) else None
        # A pause that we choose ourselves must end before the budget does, or we would give up with time left.
        remaining = started + budget - time.monotonic()
        return max(requested if requested is not None else min(_backoff(state), remaining / 2), LEAST_SECONDS)

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(UnansweredError),
        stop=tenacity.stop_before_delay(budget),
        wait=pause,
        reraise=True,
    )
    with _waiting(service, budget) as waiting:

        def timed_attempt() -> T:
            remaining = started + budget - time.monotonic()
            try:
                return attempt(max(remaining / 2, LEAST_SECONDS))
            except UnansweredError as error:
                waiting.reason = error.reason
                raise

        try:
            return retrying(timed_attempt)
        except UnansweredError as error:
            raise TemporaryError(
                _given_up(service, error, budget, time.monotonic() - started), remedy=service.remedy
            ) from error


def in_time(service: Service, work: Callable[[], T], *, more_seconds: float = 0.0) -> T:
    """Return what `work` returns; raise TemporaryError if it takes longer than the budget plus `more_seconds`.

    This is for calls that have no timeout of their own. Such a call cannot be stopped: it goes on in a thread, which
    does not keep the process alive. So `work` must do no harm if it finishes later, or never.
    """
    budget = patience_seconds() + more_seconds
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - the waiting thread raises it again
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
    """Pass the lines about a service that does not answer to `say`. Outside such a block they are not shown."""
    token = _say.set(say)
    try:
        yield
    finally:
        _say.reset(token)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds a service asks us to wait, None if its answer does not say.

    Retry-After is a number of seconds or a date (RFC 9110, 10.2.3). The Hub sends `ratelimit: "api";r=0;t=55` instead:
    0 requests remain, and the count starts again in 55 seconds.
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
    """Whether the same request may succeed later, after an answer with this HTTP status."""
    return status in {408, 425, 429} or (status >= 500 and status != 501)


@dataclass(slots=True)
class _Waiting:
    """Why the service is still being waited for: the reason of the last attempt."""

    reason: str = "no answer yet"


@contextmanager
def _waiting(service: Service, budget: float) -> Iterator[_Waiting]:
    """Tell the user after SILENT_SECONDS that the service does not answer, unless the block has ended by then."""
    waiting, say = _Waiting(), _say.get()
    if say is None:
        yield waiting
        return
    silent = min(SILENT_SECONDS, budget / 4)

    def line() -> None:
        say(f"Waiting for {service.name}: {waiting.reason}. Giving up in {budget - silent:.0f} s (CURATION_PATIENCE).")

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
            f"{service} did not answer: {error.reason}, and it asks us to wait {error.retry_after:.0f} s, which is "
            f"longer than the time that is left (CURATION_PATIENCE is {budget:.0f} s)."
        )
    return f"{service} did not answer within {budget:.0f} s (CURATION_PATIENCE): {error.reason}."
