"""The counts of a server: requests by model, status and content, pieces of text, and how many are in flight."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

from curation.local.inference.wire import Piece, Request, content_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and how it ended. `started` and `ended` are seconds since the epoch.

    `status` is that of the answer, 499 if the client left before it, or 0 if a fault reset the connection. `fault` is
    the kind of fault that the request met, if any.
    """

    request: Request
    status: int
    fault: str | None
    started: float
    ended: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """A snapshot of the counts.

    `requests` and `pieces` count by model: requests, and pieces of text that were made (a piece of a real model is a
    token). `statuses` counts requests by the status of their answer, `contents` by `content_key`.
    """

    requests: dict[str, int]
    statuses: dict[str, int]
    contents: dict[str, int]
    pieces: dict[str, int]
    in_flight: int
    most_in_flight: int


class Counts:
    """The running counts of a server. Only its event loop changes them; any thread may take a snapshot."""

    def __init__(self) -> None:
        self._in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Set all counts and attempts to zero, except the number of requests in flight."""
        self._number = 0
        self._most_in_flight = self._in_flight
        self._requests: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._contents: Counter[str] = Counter()
        self._pieces: Counter[str] = Counter()

    def begin(self, request: Request) -> tuple[Request, int]:
        """Count a request that arrived; return it with its `attempt` set, and its number in the order of arrival."""
        self._in_flight += 1
        self._most_in_flight = max(self._most_in_flight, self._in_flight)
        self._number += 1
        self._requests[request.model] += 1
        key = content_key(request.model, request.messages)
        self._contents[key] += 1
        attempt = self._contents[key]
        return (request if attempt == 1 else replace(request, attempt=attempt)), self._number

    async def counted(self, model: str, pieces: AsyncGenerator[Piece, None]) -> AsyncGenerator[Piece, None]:
        """Yield the pieces, and count those with text."""
        async with aclosing(pieces):
            async for piece in pieces:
                self._pieces[model] += piece.text != ""
                yield piece

    def end(self, status: int) -> None:
        """Count a request that has ended with this status."""
        self._in_flight -= 1
        self._statuses[str(status)] += 1

    def snapshot(self) -> Stats:
        """Return the counts as they are now."""
        return Stats(
            requests=dict(self._requests),
            statuses=dict(self._statuses),
            contents=dict(self._contents),
            pieces=dict(self._pieces),
            in_flight=self._in_flight,
            most_in_flight=self._most_in_flight,
        )
