"""The limit of requests in flight to one model: what the config allows, but less while its server pushes back."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class AdaptiveLimit:
    """A limit that rises additively and falls multiplicatively (AIMD). A round is as many replies as the limit.

    After each round the limit falls by half the share of replies that pushed back (429, timeout): it is halved if all
    did, and falls by a twentieth if a tenth did. Then it rises by one times the share that did not. This is the rule of
    DCTCP (RFC 8257, section 3.3). The limit does not collapse when some replies fail for other reasons than load.
    `story` gets a sentence for each change.

    Send each request inside `async with`. It waits until the request may be sent; requests are served in the order in
    which they came.
    """

    def __init__(self, most: int, *, name: str, story: Callable[[str], None] | None) -> None:
        self.most = most
        self.name = name
        self._story = story
        self._exact = float(most)
        self.now = most
        """The number of requests that may be in flight now."""
        self.in_flight = 0
        """The number of requests that are in flight."""
        # anyio.CapacityLimiter is not used, because it takes one more round of the event loop for each request.
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._answered = self._pushed_back = 0

    async def __aenter__(self) -> None:
        if self.in_flight < self.now and not self._waiting:
            self.in_flight += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting.remove(turn)
            else:
                # The turn was granted in the same moment, so it is given back.
                await self.__aexit__()
            raise

    async def __aexit__(self, *_: object) -> None:
        self.in_flight -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self.in_flight < self.now:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self.in_flight += 1

    def answered(self, *, pushed_back: bool) -> None:
        """Count a reply. At the end of a round the limit changes."""
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
        self.now = limit
        self._admit()
        if self._story is None:
            return
        self._story(
            f"{self.name}: {before} -> {limit} requests at once; {self._pushed_back} of {self._answered} replies "
            "were 429 or timeouts."
        )
