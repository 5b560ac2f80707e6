"""How many requests one model gets at once: as many as the config allows, fewer while its server pushes back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio


class AdaptiveLimit:
    """Additive up, multiplicative down (AIMD), over rounds of as many replies as were allowed in flight.

    After each round the limit falls by half the share that was pushed back (429, timeout): all of it halves it, a tenth
    takes a twentieth. And it rises by one times the share that was not. That is the rule of DCTCP (RFC 8257, section
    3.3), which does not collapse when some replies fail for other reasons than load. `story` gets one sentence per
    change.
    """

    def __init__(self, most: int, *, name: str, story: Callable[[str], None] | None) -> None:
        self.most = most
        self.name = name
        self._story = story
        self._exact = float(most)
        self._limiter = anyio.CapacityLimiter(most)
        self._answered = self._pushed_back = 0

    @property
    def now(self) -> int:
        """How many requests may be in flight."""
        return int(self._limiter.total_tokens)

    @property
    def in_flight(self) -> int:
        """How many requests are in flight."""
        return self._limiter.borrowed_tokens

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a turn, first come, first served."""
        borrower = object()
        await self._limiter.acquire_on_behalf_of(borrower)
        try:
            yield
        finally:
            self._limiter.release_on_behalf_of(borrower)

    def answered(self, *, pushed_back: bool) -> None:
        """Count one reply; at the end of a round the limit follows."""
        self._answered += 1
        self._pushed_back += pushed_back
        if self._answered < self.now:
            return
        share = self._pushed_back / self._answered
        self._exact = min(self.most, max(1.0, self._exact * (1 - share / 2) + 1 - share))
        self._change(int(self._exact))
        self._answered = self._pushed_back = 0

    def _change(self, limit: int) -> None:
        before = self.now
        if limit == before:
            return
        self._limiter.total_tokens = limit
        if self._story is None:
            return
        self._story(
            f"{self.name}: {before} -> {limit} requests at once; {self._pushed_back} of {self._answered} replies "
            "were 429 or timeouts."
        )
