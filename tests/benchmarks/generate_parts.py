"""The parts of the benchmark of the generation: each measures one thing and returns its figures."""

from __future__ import annotations

import json
import os
import random
import re
import select
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from curation.generation import Meter, PromptSpool, told_every
from curation.generation.cache import RequestCache
from curation.local.hub import HubServer
from curation.local.inference import Fault, Latency
from tests.benchmarks.peers import ask_plainly
from tests.benchmarks.serving import Serving
from tests.benchmarks.workload import CONCURRENCY, make_models, prompts, run_engine, say, write_prompts

Figures = dict[str, float | int]

LATENCY = Latency(median_s=0.2, p99_s=2.0)
SEEDS = (10, 11, 42)
"""Of latencies of which none is so long that this one reply alone decides how long a run takes."""

ROUNDS = 3
PLAIN, BARE, CACHED = "plain asyncio client", "engine without cache", "engine with cache"
REQUESTS_PER_PROMPT = 3
"""Of two generators and a judge."""

STORM_KINDS = 4
STORM_SHARE = 0.3
STORM_TIMEOUT = 6.0
KILLS = 20
KILL_WITHIN_SECONDS = 0.5
"""After the first reply of a run."""

KILLED_ROWS = 1500
"""Enough that twenty runs that are killed do not finish them."""

IN_FLIGHT_SECONDS = 0.25
"""An answer that the server gave longer before a kill should be in the cache, even of a busy client."""


@dataclass(frozen=True)
class Place:
    """Where a part works: a folder of its own, and by how much it is made smaller."""

    folder: Path
    smaller: int

    def rows(self, count: int) -> int:
        """Return how many rows this run takes where the whole one takes `count`."""
        return count // self.smaller

    def prompts_file(self, count: int) -> Path:
        """Return a user's file of so many prompts."""
        return write_prompts(self.folder / f"prompts-{count}.jsonl", count)

    def fresh(self, name: str) -> Path:
        """Return the path of a cache file that is not there yet."""
        for old in self.folder.glob(f"{name}.sqlite*"):
            old.unlink()
        return self.folder / f"{name}.sqlite"


def against_asyncio(place: Place) -> Figures:
    """The engine beside a plain asyncio client with the same limits: the same requests, the same latencies."""
    figures: Figures = {}
    for count in (400, 2000):
        with prompts(place.rows(count)) as spool:
            figures |= _beside_asyncio(place, spool, count)
    return figures


def _beside_asyncio(place: Place, spool: PromptSpool, count: int) -> Figures:
    """In a round all get the same latencies."""
    taken: dict[str, list[float]] = {PLAIN: [], BARE: [], CACHED: []}
    busy: dict[str, list[float]] = {PLAIN: [], BARE: [], CACHED: []}
    for turn, seed in enumerate(SEEDS):
        with Serving(place.folder / "server", latency=LATENCY, seed=seed) as server:
            models = make_models(server.base_url)
            subjects: dict[str, Callable[[], object]] = {
                PLAIN: partial(ask_plainly, spool, models),
                BARE: partial(run_engine, spool, models),
                CACHED: partial(run_engine, spool, models, cache=place.fresh("asyncio")),
            }
            for name, seconds, cpu in _in_turns(server, subjects, first=turn):
                taken[name].append(seconds)
                busy[name].append(cpu)
    ratio, bare = (_ratio(taken[name], taken[PLAIN]) for name in (CACHED, BARE))
    cpu_ratio = _ratio(busy[CACHED], busy[PLAIN])
    say(
        f"  {spool.prompts} prompts: {ratio:.3f} of the plain client's time, {bare:.3f} without cache; "
        f"{cpu_ratio:.3f} of its processor time"
    )
    return {
        f"asyncio_s_{count}": median(taken[PLAIN]),
        f"engine_s_{count}": median(taken[CACHED]),
        f"ratio_to_asyncio_{count}": ratio,
        f"cpu_ratio_to_asyncio_{count}": cpu_ratio,
        f"ratio_to_asyncio_without_cache_{count}": bare,
    }


def _in_turns(
    server: Serving, subjects: dict[str, Callable[[], object]], *, first: int
) -> Iterator[tuple[str, float, float]]:
    """Run every subject, beginning with the one at `first`; yield its seconds and those of processor time."""
    names = list(subjects)
    asked = set()
    for name in names[first % len(names) :] + names[: first % len(names)]:
        server.forget()
        started, cpu = time.perf_counter(), time.process_time()
        subjects[name]()
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        tally = server.tally()
        asked.add(tally["asked"])
        replies = sum(tally["requests"].values())
        say(f"  {name}: {replies:,} replies in {seconds:.2f} s (cpu {cpu:.1f}, server {tally['cpu_s']:.1f})")
        yield name, seconds, cpu
    if len(asked) > 1:
        raise RuntimeError("What is compared sent different requests.")


def _ratio(ours: list[float], theirs: list[float]) -> float:
    """Return the median of the rounds' ratios."""
    return median(our / their for our, their in zip(ours, theirs, strict=True))


def against_stock(place: Place) -> Figures:
    """The engine beside distilabel's own runner, which takes batches of 50 and starts a process for each step."""
    taken: dict[str, list[float]] = {"streaming engine": [], "distilabel's runner": []}
    for turn, seed in enumerate(SEEDS[:2]):
        server = Serving(place.folder / "server", latency=LATENCY, seed=seed)
        with server, prompts(place.rows(400)) as spool:
            models = make_models(server.base_url)
            subjects: dict[str, Callable[[], object]] = {
                "streaming engine": partial(run_engine, spool, models, cache=place.fresh("streaming")),
                "distilabel's runner": partial(
                    run_engine, spool, models, engine="distilabel", cache=place.fresh("stock")
                ),
            }
            for name, seconds, _ in _in_turns(server, subjects, first=turn):
                taken[name].append(seconds)
    ours, stock = taken.values()
    return {
        "stock_s_400": median(stock),
        "engine_beside_stock_s_400": median(ours),
        "ratio_to_stock_400": _ratio(stock, ours),
    }


def without_latency(place: Place) -> Figures:
    """Everything from a file of prompts to the store on a Hub, with models that take no time; then the engine alone."""
    count = place.rows(3000)
    with Serving(place.folder / "server") as server, HubServer(place.folder / "hub") as hub:
        stage = _stage(server, hub, place.prompts_file(count))
        stage_server = server.tally()["cpu_s"]
        server.forget()
        with prompts(count) as spool:
            alone = run_engine(spool, make_models(server.base_url), cache=place.fresh("alone"))
        alone_server = server.tally()["cpu_s"]
    rate = stage["made"] / stage["seconds"]
    say(
        f"  generate: {rate:.0f} rows/s ({stage['seconds']:.1f} s, cpu {stage['cpu_s']:.1f}, server {stage_server:.1f})"
    )
    say(
        f"  generate_candidate_sets alone: {alone.rows_per_s:.0f} rows/s "
        f"({alone.seconds:.1f} s, cpu {alone.cpu_s:.1f}, server {alone_server:.1f})"
    )
    return {
        "cpu_ms_per_row_zero_latency": 1000 * stage["cpu_s"] / stage["made"],
    }


def one_row(place: Place) -> Figures:
    """A single prompt from the end of the imports to the end of the run, in a new process and a new store each time."""
    taken, imported = [], []
    with Serving(place.folder / "server") as server:
        for turn in range(ROUNDS):
            os.environ["CURATION_CACHE"] = str(place.folder / f"cache-{turn}")
            with HubServer(place.folder / f"hub-{turn}") as hub:
                run = _stage(server, hub, place.prompts_file(1))
            taken.append(run["seconds"])
            imported.append(run["import_s"])
            say(f"  {run['made']} prompt: {run['seconds']:.2f} s, after {run['import_s']:.2f} s of imports")
    return {"overhead_one_row_s": median(taken), "import_s": median(imported)}


def memory(place: Place) -> Figures:
    """A run of 100,000 prompts with replies of 1 KB: the most memory beyond what the imports take, and its growth."""
    count = place.rows(100_000)
    with Serving(place.folder / "server", reply_bytes=1024) as server, HubServer(place.folder / "hub") as hub:
        run = _stage(server, hub, place.prompts_file(count))
    imports = run["after_imports_mb"]
    tenths = [
        _resident(run["resident"], tenth * count // 10, (tenth + 1) * count // 10) - imports for tenth in range(10)
    ]
    say(
        f"  {run['made']:,} prompts in {run['seconds']:.0f} s ({run['made'] / run['seconds']:.0f} rows/s, cpu "
        f"{run['cpu_s']:.0f}): {imports:.0f} MB after imports, {run['peak_mb']:.0f} MB at most"
    )
    say(f"  over the imports, in each tenth of the run: {', '.join(f'{over:.0f}' for over in tenths)} MB")
    return {
        "memory_rows": run["made"],
        "memory_run_s": run["seconds"],
        "rss_after_imports_mb": imports,
        "peak_rss_mb": run["peak_mb"],
        "peak_rss_over_imports_mb": run["peak_mb"] - imports,
        # Before that, what is bounded fills up: rows in flight, rows that wait to be stored, the allocators' pools.
        "rss_growth_mb_per_1000_prompts": (median(tenths[8:]) - median(tenths[6:8])) / (0.2 * count / 1000),
    }


def _resident(samples: list[tuple[int, float]], first: int, last: int) -> float:
    """Return the median of the MB that a run took while it had done between so many prompts."""
    inside = [mb for done, mb in samples if first <= done <= last]
    return median(inside) if inside else max(mb for _, mb in samples)


def from_cache(place: Place) -> Figures:
    """A run again: with a full request cache and an empty store, then with a store that has everything."""
    count = place.rows(10_000)
    file = place.prompts_file(count)
    with Serving(place.folder / "server") as server, HubServer(place.folder / "hub") as hub:
        models = make_models(server.base_url)
        cache = Path(os.environ["CURATION_CACHE"]) / "requests.sqlite"
        with prompts(count) as spool:
            filled = run_engine(spool, models, cache=cache)
            say(f"  {filled.rows:,} rows asked: {filled.rows_per_s:.0f} rows/s")
            server.forget()
            again = run_engine(spool, models, cache=cache)
            say(f"  from the request cache: {again.rows_per_s:.0f} rows/s ({again.seconds:.1f} s)")
        stored = _stage(server, hub, file)
        say(f"  generate from the request cache: {stored['made'] / stored['seconds']:.0f} rows/s")
        already = _stage(server, hub, file)
        say(f"  generate with everything there ({already['already']:,} rows): {already['seconds']:.2f} s")
        sent = sum(server.tally()["requests"].values())
        say(f"  requests at the server in these three: {sent}")
    return {
        "cached_cpu_ms_per_row": 1000 * again.cpu_s / again.rows,
        "cached_generate_cpu_ms_per_row": 1000 * stored["cpu_s"] / stored["made"],
        "cached_requests_sent": sent,
        "everything_there_s": already["seconds"],
        "everything_there_rows": already["already"],
    }


def storm(place: Place) -> Figures:
    """Three requests in ten get 429, 500, half an answer, or none within the timeout: no row may be lost."""
    count = place.rows(2000)
    meter = Meter()
    told: list[str] = []
    with Serving(place.folder / "server", latency=LATENCY, faults=_storm_faults()) as server, prompts(count) as spool:
        models = make_models(server.base_url, timeout=STORM_TIMEOUT)
        with _listening(meter, told):
            outcome = run_engine(spool, models, cache=place.fresh("storm"), meter=meter)
        tally = server.tally()
    sent = sum(tally["outcomes"].values())
    spoiled = sum(number for name, number in tally["outcomes"].items() if not name.startswith("none "))
    needed = REQUESTS_PER_PROMPT * count
    say(f"  {outcome.came_through:,} of {count:,} prompts came through in {outcome.seconds:.1f} s")
    say(f"  {sent:,} requests for {needed:,} replies and {spoiled:,} spoiled ones: {_by_outcome(tally['outcomes'])}")
    lowest = _limits(meter, told)
    return {
        "storm_s": outcome.seconds,
        "storm_rows_lost": count - outcome.came_through,
        "storm_share_spoiled": spoiled / sent,
        "storm_requests_per_unspoiled_reply": sent / (needed + spoiled),
        "storm_limit_changes": len(told),
        "storm_lowest_limit": lowest,
    }


def _storm_faults() -> Iterator[Fault]:
    """Faults are drawn one after the other: for equal parts a later one must take more of what is left to it."""
    part = STORM_SHARE / STORM_KINDS
    kinds: tuple[dict[str, Any], ...] = (
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 500},
        {"kind": "reset"},
        {"kind": "hang", "seconds": 10 * STORM_TIMEOUT},
    )
    for position, kind in enumerate(kinds):
        yield Fault(share=part / (1 - position * part), **kind)


@contextmanager
def _listening(meter: Meter, told: list[str]) -> Iterator[None]:
    """Take out what the meter tells, before it forgets the oldest."""

    def tell(last: bool) -> None:
        while meter.story:
            told.append(meter.story.popleft())

    with told_every(0.5, tell):
        yield


def _by_outcome(outcomes: dict[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in sorted(outcomes.items()))


def _limits(meter: Meter, told: list[str]) -> int:
    """Say what the adaptive limit did; return the lowest."""
    lowest = CONCURRENCY
    for stage in meter.stages:
        lines = [line for line in told if line.startswith(f"{stage.stage}: ")]
        limits = [int(limit) for line in lines for limit in re.findall(r"-> (\d+) requests", line)]
        least, middle = min(limits, default=CONCURRENCY), median(limits or [CONCURRENCY])
        lowest = min(lowest, least)
        say(f"  {stage.stage}: {len(lines)} changes of the limit, lowest {least}, median {middle}, last {stage.limit}")
    for line in told[:4]:
        say(f"    {line}")
    return lowest


def kills(place: Place) -> Figures:
    """Twenty times kill -9 in the middle of a run, then a run to the end: what the cache has is never asked again."""
    count, moments = place.rows(KILLED_ROWS), random.Random(0)
    cache = place.fresh("kills")
    struck = twice = 0
    ages: list[float] = []
    with Serving(place.folder / "server", latency=Latency(median_s=0.1, p99_s=1.0), keyed=True) as server:
        task = {"base_url": server.base_url, "count": count, "cache": str(cache)}
        for _ in range(max(1, KILLS // place.smaller)):
            known = _keys(cache)
            killed = _kill(task, after=moments.uniform(0, KILL_WITHIN_SECONDS))
            struck += killed is not None
            answered = server.tally()["answered"]
            twice += _twice(answered, known)
            lost = answered.keys() - _keys(cache)
            ages += [(killed or time.time()) - answered[key][-1] for key in lost]
            server.forget()
        known = _keys(cache)
        done = _child(task)
        twice += _twice(server.tally()["answered"], known)
    old = sum(age > IN_FLIGHT_SECONDS for age in ages)
    oldest = max(ages, default=0.0)
    say(f"  {struck} kills struck a running child; before the last run {len(known):,} replies were in the cache")
    say(f"  {len(ages):,} answers were on their way at a kill, the oldest for {1000 * oldest:.0f} ms; {old} too long")
    say(f"  {twice:,} more were paid for twice; the last run: {done['came_through']} of {count} prompts")
    return {
        "kills": struck,
        "in_flight_at_kills": len(ages) - old,
        "oldest_in_flight_at_kills_s": oldest,
        "paid_twice_after_kills": twice + old,
        "rows_lost_after_kills": count - done["came_through"],
    }


def _twice(answered: dict[str, list[float]], known: set[str]) -> int:
    """Count the answers that one life of the client got though the cache had them when it began, or got again."""
    return sum(len(times) - (key not in known) for key, times in answered.items())


def _keys(cache: Path) -> set[str]:
    """Return the keys of all replies that the next run finds, those in the journals of a killed one too."""
    with RequestCache(cache):
        pass
    with closing(sqlite3.connect(cache)) as database:
        return {key for (key,) in database.execute("SELECT key FROM replies")}


def _kill(task: dict[str, Any], *, after: float) -> float | None:
    """Start a child, kill it so many seconds after it began to ask; return when, None if it had ended by then."""
    with _started(task) as child:
        assert child.stdout is not None
        while child.stdout.readline().strip() != "begun":
            if child.poll() is not None:
                raise RuntimeError(f"A child ended with {child.returncode} before it began.")
        # The pipe is readable again when the child ends: then there is nothing to kill.
        select.select([child.stdout], [], [], after)
        running, moment = child.poll() is None, time.time()
        child.kill()
    return moment if running else None


def _stage(server: Serving, hub: HubServer, file: Path) -> dict[str, Any]:
    """Run curation.stages.generate in a process of its own; return its report and times."""
    return _child({"base_url": server.base_url, "prompts": str(file), "store": hub.url, "token": hub.token})


def _child(task: dict[str, Any]) -> dict[str, Any]:
    """Run one task in a process of its own; pass on what it says, return what its last line holds."""
    last = ""
    with _started(task) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if last and not last.startswith("begun"):
                say(f"  {last}")
            last = line.rstrip()
    if child.returncode:
        raise RuntimeError(f"A child ended with {child.returncode}.")
    return dict(json.loads(last))


def _started(task: dict[str, Any]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.benchmarks.workload", json.dumps(task)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)


PARTS: dict[str, Callable[[Place], Figures]] = {
    "asyncio": against_asyncio,
    "stock": against_stock,
    "zero": without_latency,
    "one": one_row,
    "memory": memory,
    "cached": from_cache,
    "storm": storm,
    "kills": kills,
}
