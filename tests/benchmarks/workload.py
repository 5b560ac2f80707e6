"""What the benchmarks ask: prompts, three models, one config; and a run of the engine with its times and counts.

`python -m tests.benchmarks.workload TASK` runs one task (JSON) in a process that one may measure whole, or kill.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.config import Config, Services
from curation.generation import (
    Engine,
    Generator,
    Meter,
    Models,
    PromptSpool,
    UltraFeedbackJudge,
    generate_candidate_sets,
    spooled,
    told_every,
)
from curation.generation.loading import load_distilabel
from curation.prompts import FilePrompts
from tests.rows import make_prompt

if TYPE_CHECKING:
    from curation.stages.generate import GenerateReport

CONCURRENCY = 50
PROGRESS_SECONDS = 30.0
SAMPLE_SECONDS = 1.0
BEGUN_SECONDS = 0.02

say = partial(print, flush=True)


def question(number: int) -> str:
    """Return the text of a prompt, each another."""
    return (
        f"Question {number}: what is {number} times {number}, and how would you explain to a child of "
        f"{5 + number % 9} years, without any formula, why it comes to just that?"
    )


@contextmanager
def prompts(count: int) -> Iterator[PromptSpool]:
    """Yield so many prompts on disk, as the engine reads them."""
    with spooled(make_prompt(question(number)) for number in range(count)) as spool:
        yield spool


def write_prompts(path: Path, count: int) -> Path:
    """Write so many prompts as a user's file."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            file.write(json.dumps({"instruction": question(number)}) + "\n")
    return path


def make_models(base_url: str, *, timeout: float = 120.0) -> Models:
    """Return two generators and a judge, all with the limits of the benchmarks, each named after its model."""
    place: dict[str, Any] = {"base_url": base_url, "max_concurrency": CONCURRENCY, "timeout": timeout}
    return Models(
        generators=(
            Generator(model_id="small", temperature=0.2, **place),
            Generator(model_id="large", temperature=0.7, **place),
        ),
        judges=(UltraFeedbackJudge(model_id="judge", **place),),
    )


def make_config(base_url: str, path: Path) -> Config:
    """Return the config that asks these models about the prompts in a file, its store on a local Hub."""
    models = make_models(base_url)
    return Config.model_validate(
        {
            "name": "benchmark",
            "prompts": FilePrompts(path=path),
            "generators": models.generators,
            "judge": models.judges[0],
            "publish": {"repo_id": "admin/benchmark"},
            "store": {"repo_id": "admin/benchmark-store"},
        }
    )


@dataclass(frozen=True)
class Outcome:
    """What a run came to. `cpu_s` is this process's own time."""

    seconds: float
    cpu_s: float
    rows: int
    came_through: int

    @property
    def rows_per_s(self) -> float:
        """The rate of finished prompts."""
        return self.rows / self.seconds


def run_engine(
    spool: PromptSpool,
    models: Models,
    *,
    engine: Engine = "streaming",
    cache: Path | None = None,
    meter: Meter | None = None,
) -> Outcome:
    """Generate all candidate sets and keep none."""
    started, cpu = time.perf_counter(), time.process_time()
    rows = came_through = 0
    sets = generate_candidate_sets("benchmark", spool, models=models, engine=engine, cache=cache, meter=meter)
    for candidate_set in sets:
        rows += 1
        came_through += candidate_set.came_through(2)
    return Outcome(time.perf_counter() - started, time.process_time() - cpu, rows, came_through)


def memory_mb(field: str) -> float:
    """Return a field of /proc/self/status in MB: VmRSS is what this process takes now, VmHWM the most it ever took."""
    found = re.search(rf"^{field}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"/proc/self/status does not say {field}.")
    return int(found[1]) / 1024


def import_everything() -> float:
    """Import what a generation needs; return the seconds."""
    started = time.perf_counter()
    import_module("curation.stages.generate")
    load_distilabel("curation.generation.engines")
    load_distilabel("curation.generation.pipeline")
    return time.perf_counter() - started


def main(task: dict[str, Any]) -> None:
    """Generate as the task says: a file of prompts into a store, or a number of prompts with a cache file alone.

    The last line is JSON. Before it comes "begun", when the first reply is there, or progress if the run is long.
    """
    imported = import_everything()
    after_imports = memory_mb("VmRSS")
    facts: dict[str, Any]
    if "store" in task:
        started, cpu = time.perf_counter(), time.process_time()
        resident: list[tuple[int, float]] = []
        report = _run_stage(task, resident)
        facts = {"seconds": time.perf_counter() - started, "cpu_s": time.process_time() - cpu}
        facts |= {name: getattr(report, name) for name in ("made", "failed", "already", "requests", "cached")}
        facts["resident"] = resident
    else:
        with prompts(task["count"]) as spool:
            meter = Meter()
            with told_every(BEGUN_SECONDS, _say_when_begun(meter)):
                facts = asdict(run_engine(spool, make_models(task["base_url"]), cache=Path(task["cache"]), meter=meter))
    memory = {"after_imports_mb": after_imports, "peak_mb": memory_mb("VmHWM")}
    say(json.dumps({"import_s": imported, **memory, **facts}))


def _say_when_begun(meter: Meter) -> Callable[[bool], None]:
    """Return a function that says "begun" once: when the first reply is there, or at the end of the run."""
    has_said = False

    def tell(last: bool) -> None:
        nonlocal has_said
        if not has_said and (last or any(stage.done for stage in meter.stages)):
            has_said = True
            say("begun")

    return tell


def _run_stage(task: dict[str, Any], resident: list[tuple[int, float]]) -> GenerateReport:
    """Run the stage; add to `resident` every second how many prompts are done and the MB that this process takes."""
    from curation.stages.generate import generate

    def tell(meter: Meter, last: bool) -> None:
        resident.append((meter.done, memory_mb("VmRSS")))
        if meter.stages and (last or len(resident) % round(PROGRESS_SECONDS / SAMPLE_SECONDS) == 0):
            say(f"{meter.progress().line}; {resident[-1][1]:,.0f} MB")

    return generate(
        make_config(task["base_url"], Path(task["prompts"])),
        services=Services(hub_endpoint=task["store"], hub_token=task["token"]),
        watch=lambda meter: told_every(SAMPLE_SECONDS, partial(tell, meter)),
    )


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
