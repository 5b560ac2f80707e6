"""Counts of what a run has done so far, for each stage. The generation writes them; the progress display reads them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from curation.generation.options import Asked
from curation.types import CandidateSet, Row
from curation.wording import approximate_time, clock, money


class Amount(NamedTuple):
    """A cost in US dollars and in tokens."""

    usd: float
    tokens: int


NOTHING = Amount(0.0, 0)


class StageProgress(Row):
    """The progress of one stage, which is the requests of one model. All counts are requests; `total` is all of them.

    `per_second` is the rate of answers since the first request was sent. `seconds_left` is estimated from finished and
    running requests, and None until one is finished. `cost` is in US dollars, None if a price or a token count is
    unknown.
    """

    stage: str
    label: str
    total: int
    done: int
    cached: int
    failed: int
    in_flight: int
    limit: int
    per_second: float
    seconds_left: float | None
    input_tokens: int
    output_tokens: int
    cost: float | None


class RunProgress(Row):
    """The progress of a run. `seconds_left` is that of the slowest stage; `cost` is None if that of any stage is."""

    prompts: int
    done: int
    failed: int
    seconds: float
    seconds_left: float | None
    cost: float | None
    tokens: int
    stages: tuple[StageProgress, ...]

    @property
    def line(self) -> str:
        """The whole run as one line for people."""
        left = (
            ""
            if self.seconds_left is None or self.done == self.prompts
            else f", {approximate_time(self.seconds_left)} left"
        )
        cost = f", {money(self.cost)}" if self.cost is not None and self.tokens else ""
        return (
            f"Generating: {self.done:,} of {self.prompts:,} prompts, {self.failed:,} failed, "
            f"{self.tokens:,} tokens{cost}, {clock(self.seconds)} so far{left}"
        )


@dataclass(eq=False, slots=True)
class StageMeter:
    """The counts of one stage. Replies from the cache cost nothing and do not count for the rate."""

    stage: str
    endpoint: Asked
    label: str = ""
    """The name of the stage as it is shown to people, such as "answers: llama"."""

    done: int = 0
    cached: int = 0
    failed: int = 0
    useless: int = 0
    """The number of replies in this run that were paid for but cannot be used."""

    in_flight: int = 0
    limit: int = 0
    began: float | None = None
    """When the first request was sent, on the monotonic clock."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = 0.0
    assumed: Amount = NOTHING
    """The assumed cost of a reply if its server does not count tokens."""

    counted_before: frozenset[str] = frozenset()
    """Requests of earlier runs whose cost is counted already, so that their cached replies do not add to `used`."""

    failed_before: frozenset[str] = frozenset()
    """Requests that failed in earlier runs. If they fail again, that says nothing about the endpoint."""

    used: Amount = NOTHING
    """The cost of all replies. It includes useless ones and those from the cache, which were paid for once too."""

    dearest: Amount = NOTHING
    """The cost of the most expensive reply."""

    def running(self, in_flight: int, limit: int) -> None:
        """Set the number of requests in flight, and the limit."""
        if self.began is None:
            self.began = time.monotonic()
        self.in_flight, self.limit = in_flight, limit

    def replied(
        self,
        input_tokens: int | None,
        output_tokens: int | None,
        *,
        cached: bool = False,
        request: str = "",
        batch: bool = False,
    ) -> None:
        """Count the reply to a request. `cached` replies come from the cache and were paid for before."""
        self.cached += cached
        self.done += not cached
        self._pay(input_tokens, output_tokens, cached=cached, request=request, batch=batch)

    def wasted(
        self,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        *,
        cached: bool = False,
        request: str = "",
        batch: bool = False,
    ) -> None:
        """Count a reply that was paid for but cannot be used. `cached` ones were received by an earlier run."""
        self.useless += not cached
        self._pay(input_tokens, output_tokens, cached=cached, request=request, batch=batch)

    def _pay(
        self, input_tokens: int | None, output_tokens: int | None, *, cached: bool, request: str, batch: bool
    ) -> None:
        cost = self.endpoint.cost(input_tokens, output_tokens, batch=batch)
        paid = self.assumed
        if input_tokens is not None and output_tokens is not None:
            paid = Amount(cost or 0.0, input_tokens + output_tokens)
        if request not in self.counted_before:
            self.used = Amount(self.used.usd + paid.usd, self.used.tokens + paid.tokens)
        if paid.usd > self.dearest.usd or paid.tokens > self.dearest.tokens:
            self.dearest = Amount(max(self.dearest.usd, paid.usd), max(self.dearest.tokens, paid.tokens))
        if cached:
            return
        self.input_tokens += input_tokens or 0
        self.output_tokens += output_tokens or 0
        self.cost = None if self.cost is None or cost is None else self.cost + cost


@dataclass(eq=False)
class Meter:
    """Counts of a whole run. One thread writes, any may read: every count is a single assignment.

    A prompt failed if its set has fewer than `min_candidates`, or lacks what a judge may say yet.
    """

    min_candidates: int = 1
    stages: list[StageMeter] = field(default_factory=list)
    prompts: int = 0
    done: int = 0
    failed: int = 0
    story: deque[str] = field(default_factory=lambda: deque(maxlen=1000))
    """Sentences about events, oldest first. The display removes those that it has shown."""

    _started: float = field(default_factory=time.monotonic)

    def start(self, stages: Sequence[StageMeter], *, prompts: int) -> None:
        """Start counting. The clock starts here."""
        self.stages = list(stages)
        self.prompts = prompts
        self._started = time.monotonic()

    def finished(self, candidate_set: CandidateSet, *, counted: bool) -> None:
        """Count a prompt that is finished. If its requests were not `counted` one by one, count them all here."""
        self.done += 1
        self.failed += not candidate_set.came_through(self.min_candidates)
        if counted:
            return
        stages = {stage.stage: stage for stage in self.stages}
        for usage in candidate_set.usage:
            stage = stages[f"{usage.stage} {usage.generator}"]
            count = stage.wasted if usage.wasted else stage.replied
            count(usage.input_tokens, usage.output_tokens, request=usage.request)

    def progress(self) -> RunProgress:
        """Return the counts as they are now."""
        now = time.monotonic()
        seconds = now - self._started
        stages = tuple(_stage_progress(stage, self, now) for stage in self.stages)
        costs = [stage.cost for stage in self.stages]
        return RunProgress(
            prompts=self.prompts,
            done=self.done,
            failed=self.failed,
            seconds=seconds,
            seconds_left=self._seconds_left(stages, seconds),
            cost=None if None in costs else sum(cost for cost in costs if cost is not None),
            tokens=sum(stage.input_tokens + stage.output_tokens for stage in self.stages),
            stages=stages,
        )

    @property
    def started(self) -> float:
        """When the run started, on the monotonic clock."""
        return self._started

    def _seconds_left(self, stages: Sequence[StageProgress], seconds: float) -> float | None:
        known = [stage.seconds_left for stage in stages if stage.seconds_left is not None]
        if known:
            now = time.monotonic()
            # A stage that runs without a reply so far takes at least as long as it would at the pace that this leaves.
            waiting = [_pace(stage, self, now) for stage in self.stages if not stage.done + stage.failed]
            return max([*known, *(left for left in waiting if left is not None)])
        if self.done and not any(stage.in_flight for stage in self.stages):
            # All replies so far came from the cache.
            return seconds / self.done * (self.prompts - self.done)
        return None


def _stage_progress(stage: StageMeter, run: Meter, now: float) -> StageProgress:
    through = stage.done + stage.failed
    seconds = _seconds(stage, run, now)
    return StageProgress(
        stage=stage.stage,
        label=stage.label or stage.stage,
        total=_total(stage, run),
        done=stage.done,
        cached=stage.cached,
        failed=stage.failed,
        in_flight=stage.in_flight,
        limit=stage.limit,
        per_second=stage.done / seconds if seconds else 0.0,
        seconds_left=_pace(stage, run, now) if through else None,
        input_tokens=stage.input_tokens,
        output_tokens=stage.output_tokens,
        cost=stage.cost,
    )


def _total(stage: StageMeter, run: Meter) -> int:
    """Return the number of requests that all prompts need. A judge may be asked once more for each."""
    return max(run.prompts * stage.endpoint.requests, stage.done + stage.failed + stage.cached)


def _seconds(stage: StageMeter, run: Meter, now: float) -> float:
    return now - (run.started if stage.began is None else stage.began)


def _pace(stage: StageMeter, run: Meter, now: float) -> float | None:
    """Return how many seconds the missing requests will take at the pace so far; None if nothing is done or running.

    Running requests count as half done. If they did not count, the first of many concurrent answers would give an
    estimate that is many times too long. A finished prompt needs no more requests, even if a judge was not asked.
    """
    through, seconds = stage.done + stage.failed, _seconds(stage, run, now)
    missing = _total(stage, run) - through - stage.cached
    missing = min(missing, (run.prompts - run.done) * stage.endpoint.requests)
    half = min(stage.in_flight, missing) / 2
    return (missing - half) * seconds / (through + half) if through + half and seconds else None


@contextmanager
def told_every(seconds: float, tell: Callable[[bool], None]) -> Iterator[None]:
    """Call `tell(False)` every so many seconds while the block runs, and `tell(True)` once at its end."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(seconds):
            tell(False)

    thread = threading.Thread(target=work, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        tell(True)
