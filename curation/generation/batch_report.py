"""What a run with `engine = "batch"` read and wrote."""

from __future__ import annotations

from collections.abc import Iterator

from curation.types import Row
from curation.wording import counted, dollars

NAMED = 3


class BatchReport(Row):
    """What became of batch files.

    - `folder`: where they are. `written` has the number of requests of each file that is new, by its name.
    - `waiting` requests have no result yet, those of the new files among them.
    - `read` are the result files that were read now. They held `replies`, `useless` replies that were paid for, and
      `errors`. `tokens` and `cost` (US dollars, null if a price or a count is unknown) are those of these replies.
    - `unknown` lines are about requests that this curation did not write, or about ones whose failure was counted.
      `doubled` lines are about requests that had a reply already. `unreadable` says which lines cannot be read and why.
    """

    folder: str
    written: dict[str, int]
    waiting: int
    read: tuple[str, ...]
    replies: int
    useless: int
    errors: int
    tokens: int
    cost: float | None
    unknown: int
    doubled: int
    unreadable: tuple[str, ...]

    @property
    def lines(self) -> Iterator[str]:
        """What was read, what was written, and what to do next."""
        if self.read:
            useless = f", {counted(self.useless, 'useless one')}" if self.useless else ""
            yield (
                f"Read {counted(len(self.read), 'result file')}: "
                f"{counted(self.replies, 'new reply', 'new replies')}{useless} ({self.tokens:,} tokens, "
                f"{dollars(self.cost)}), {counted(self.errors, 'error')}."
            )
        if self.unknown:
            yield f"{counted(self.unknown, 'line')} left out: no request of this curation waits for such a result."
        if self.doubled:
            yield f"{counted(self.doubled, 'line')} left out: the request had a reply already."
        for line in self.unreadable[:NAMED]:
            yield f"Cannot be read: {line}. If its request still waits, download the file again."
        if len(self.unreadable) > NAMED:
            yield f"  and {len(self.unreadable) - NAMED:,} more lines (`--format json` lists all)."
        for name, requests in self.written.items():
            yield f"Wrote {self.folder}/requests/{name}: {counted(requests, 'request')}."
        if self.waiting:
            yield (
                f"{counted(self.waiting, 'request')} waiting for results. Send each file in {self.folder}/requests "
                f"as a batch to the service that manifest.json names, put the files that come back into "
                f"{self.folder}/results, and run the same command again."
            )
