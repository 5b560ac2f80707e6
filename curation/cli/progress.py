"""Shows the progress of a run: a live table on a terminal, a line now and then in a log, or events as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Literal

from curation.cli.output import Format, Output
from curation.cli.visible import visible
from curation.generation.meter import told_every
from curation.wording import approximate_time, clock, money, rate

if TYPE_CHECKING:
    from rich.console import Group

    from curation.generation import Meter, RunProgress
    from curation.generation.meter import StageProgress

LOG_SECONDS = 10.0
EVENT_SECONDS = 1.0
REDRAWS_PER_SECOND = 4
LEAST_NAME = 28
DISPENSABLE = ("tokens", "cached", "in flight", "failed")
"""Columns of the table that are left out, in this order, until the others fit the width of the terminal."""


@contextmanager
def progress_shown(meter: Meter, out: Output) -> Iterator[None]:
    """Show the progress that `meter` counts while the block runs."""
    if out.draws:
        with _table(meter, out):
            yield
    elif out.format is Format.quiet:
        yield
    else:
        seconds = EVENT_SECONDS if out.format is Format.json else LOG_SECONDS
        with told_every(seconds, lambda last: tell(meter, out, last=last)):
            yield


def show_progress(meter: Meter) -> AbstractContextManager[None]:
    """Show progress on stderr, for launch scripts: `generate(config, watch=show_progress)`."""
    return progress_shown(meter, Output(Format.human))


@contextmanager
def segments_shown(out: Output) -> Iterator[Callable[[int, int], None]]:
    """Yield a function to call with the number of segments of the store that are done, and of all.

    It prints nothing for people if the store has one segment only.
    """
    if out.draws:
        with _segment_bar(out) as tell_bar:
            yield tell_bar
    else:
        yield lambda done, total: out.event(
            "segment", {"done": done, "total": total}, lines=[f"{done} of {total} segments"] if total > 1 else ()
        )


@contextmanager
def _segment_bar(out: Output) -> Iterator[Callable[[int, int], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("segments"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out.console(), transient=True) as progress:
        task = progress.add_task("segments", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def tell(meter: Meter, out: Output, *, last: bool) -> None:
    """Print what happened in a run since the last call, then its progress. `last` is whether the run has ended."""
    while meter.story:
        story = meter.story.popleft()
        out.event("story", {"text": story}, lines=[story])
    if not meter.stages:
        return
    progress = meter.progress()
    lines = [] if last and not progress.prompts else [progress.line, *(f"  {line}" for line in stage_lines(progress))]
    out.event("done" if last else "progress", progress.model_dump(), lines=lines)


def stage_lines(progress: RunProgress) -> Iterator[str]:
    """Yield a line about the progress of each stage; the lines are aligned."""
    width = max(len(stage.label) for stage in progress.stages)
    for stage in progress.stages:
        cached = f", {stage.cached:,} cached" if stage.cached else ""
        left = "" if not stage.seconds_left else f", {approximate_time(stage.seconds_left)} left"
        yield (
            f"{stage.label:<{width}}  {stage.done:,} of {stage.total:,} done{cached}, "
            f"{stage.in_flight} of {stage.limit} in flight, {stage.failed:,} failed, {rate(stage.per_second)}{left}"
        )


@contextmanager
def _table(meter: Meter, out: Output) -> Iterator[None]:
    from rich.live import Live

    console = out.console()

    def draw() -> Group:
        while meter.story:
            console.print(visible(meter.story.popleft()), style="dim", markup=False, highlight=False)
        return _drawn(meter.progress(), console.width)

    with Live(get_renderable=draw, console=console, refresh_per_second=REDRAWS_PER_SECOND):
        yield


def _drawn(progress: RunProgress, width: int) -> Group:
    """Return a line about the run and a table of its stages, without DISPENSABLE columns if the terminal is narrow.

    Nothing is shown if there are no prompts to ask.
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
    finished = stage.done + stage.cached + stage.failed
    return {
        "stage": visible(stage.label),
        "done": f"{finished:,} of {stage.total:,}",
        "cached": f"{stage.cached:,}",
        "in flight": f"{stage.in_flight} of {stage.limit}",
        "failed": f"{stage.failed:,}",
        "rate": rate(stage.per_second),
        "left": clock(stage.seconds_left) if stage.seconds_left else "",
        "tokens": f"{stage.input_tokens + stage.output_tokens:,}",
        "cost": "unknown" if stage.cost is None else money(stage.cost) if stage.done else "",
    }


def _widths(rows: Sequence[dict[str, str]], width: int) -> dict[str, int]:
    """Return the columns that fit side by side, and the width of each. If needed, the names of stages are cut."""
    widths = {column: max(len(column), *(len(cells[column]) for cells in rows)) for column in (rows[0] if rows else ())}

    def left_for_names() -> int:
        return width - sum(size + 2 for column, size in widths.items() if column != "stage")

    for column in DISPENSABLE:
        if widths and left_for_names() < min(widths["stage"], LEAST_NAME):
            del widths[column]
    return {
        column: min(size, max(8, left_for_names())) if column == "stage" else size for column, size in widths.items()
    }
