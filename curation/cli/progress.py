"""How far a generation is: a live table on a terminal, a line now and then in a log, events as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Literal

from curation.cli.output import Format, write, write_json
from curation.cli.visible import visible
from curation.generation.meter import told_every
from curation.wording import about, clock, money, rate

if TYPE_CHECKING:
    from rich.console import Group

    from curation.generation import Meter, RunProgress
    from curation.generation.meter import StageProgress

LOG_SECONDS = 10.0
EVENT_SECONDS = 1.0
REDRAWS_PER_SECOND = 4
LEAST_NAME = 28
DISPENSABLE = ("tokens", "cached", "in flight", "failed")
"""Columns of the table that are left out, in this order, until the others fit."""


@contextmanager
def shown(meter: Meter, format: Format) -> Iterator[None]:
    """Show what `meter` counts on stderr while the block runs."""
    if format is Format.quiet:
        yield
    elif format is Format.json:
        with told_every(EVENT_SECONDS, lambda last: _events(meter, last)):
            yield
    elif sys.stderr.isatty():
        with _table(meter):
            yield
    else:
        with told_every(LOG_SECONDS, lambda last: _log(meter, last)):
            yield


def show_progress(meter: Meter) -> AbstractContextManager[None]:
    """Show people how far a generation is, on stderr: `generate(config, watch=show_progress)` in a launch script."""
    return shown(meter, Format.human)


@contextmanager
def segments_shown(format: Format) -> Iterator[Callable[[int, int], None]]:
    """Give the function that is told how many segments of a store are done; a store of one segment needs no words."""
    if format is Format.human and sys.stderr.isatty():
        with _segment_bar() as tell:
            yield tell
    elif format is Format.human:
        yield lambda done, total: _write(f"{done} of {total} segments") if total > 1 else None
    elif format is Format.json:
        yield lambda done, total: _event({"event": "segment", "done": done, "total": total})
    else:
        yield lambda done, total: None


@contextmanager
def _segment_bar() -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("segments"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("segments", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _events(meter: Meter, last: bool) -> None:
    """Write one JSON object per line: stories, and progress."""
    while meter.story:
        _event({"event": "story", "text": meter.story.popleft()})
    if meter.stages:
        _event({"event": "done" if last else "progress", **meter.progress().model_dump()})


def _log(meter: Meter, last: bool) -> None:
    while meter.story:
        _write(meter.story.popleft())
    progress = meter.progress()
    if not meter.stages or (last and not progress.prompts):
        return
    _write(progress.line)
    for line in stage_lines(progress):
        _write(f"  {line}")


def stage_lines(progress: RunProgress) -> Iterator[str]:
    """Yield where each stage stands, as aligned lines."""
    width = max(len(stage.label) for stage in progress.stages)
    for stage in progress.stages:
        cached = f", {stage.cached:,} cached" if stage.cached else ""
        left = "" if not stage.seconds_left else f", {about(stage.seconds_left)} left"
        yield (
            f"{stage.label:<{width}}  {stage.done:,} of {stage.total:,} done{cached}, "
            f"{stage.in_flight} of {stage.limit} in flight, {stage.failed:,} failed, {rate(stage.per_second)}{left}"
        )


@contextmanager
def _table(meter: Meter) -> Iterator[None]:
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)

    def draw() -> Group:
        while meter.story:
            console.print(visible(meter.story.popleft()), style="dim", markup=False, highlight=False)
        return _drawn(meter.progress(), console.width)

    with Live(get_renderable=draw, console=console, refresh_per_second=REDRAWS_PER_SECOND):
        yield


def _drawn(progress: RunProgress, width: int) -> Group:
    """The run's line and a table of its stages; where the terminal is narrow, without the columns that matter least.

    Of a run that asks nothing there is nothing to show.
    """
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    if not progress.prompts:
        return Group()
    rows = [_cells(stage) for stage in progress.stages]
    widths = _widths(rows, width)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column, size in widths.items():
        justify: Literal["left", "right"] = "left" if column == "stage" else "right"
        table.add_column(column, justify=justify, width=size, no_wrap=True, overflow="ellipsis")
    for cells in rows:
        table.add_row(*(Text(cells[column]) for column in widths))
    return Group(Text(visible(progress.line)), table)


def _cells(stage: StageProgress) -> dict[str, str]:
    through = stage.done + stage.cached + stage.failed
    return {
        "stage": visible(stage.label),
        "done": f"{through:,} of {stage.total:,}",
        "cached": f"{stage.cached:,}",
        "in flight": f"{stage.in_flight} of {stage.limit}",
        "failed": f"{stage.failed:,}",
        "rate": rate(stage.per_second),
        "left": clock(stage.seconds_left) if stage.seconds_left else "",
        "tokens": f"{stage.input_tokens + stage.output_tokens:,}",
        "cost": "unknown" if stage.cost is None else money(stage.cost) if stage.done else "",
    }


def _widths(rows: Sequence[dict[str, str]], width: int) -> dict[str, int]:
    """Return the columns that fit side by side and how wide each is; what is too much is taken from the first."""
    widths = {column: max(len(column), *(len(cells[column]) for cells in rows)) for column in (rows[0] if rows else ())}

    def left_for_names() -> int:
        return width - sum(size + 2 for column, size in widths.items() if column != "stage")

    for column in DISPENSABLE:
        if widths and left_for_names() < min(widths["stage"], LEAST_NAME):
            del widths[column]
    return {
        column: min(size, max(8, left_for_names())) if column == "stage" else size for column, size in widths.items()
    }


def _write(line: str) -> None:
    write(sys.stderr, visible(line) + "\n")


def _event(fields: dict[str, Any]) -> None:
    write_json(sys.stderr, json.dumps(fields, ensure_ascii=False))
