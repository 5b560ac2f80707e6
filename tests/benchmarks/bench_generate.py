"""What the generation costs beside its models: time, memory, requests; each figure against a goal in the same run.

`python -m tests.benchmarks.bench_generate [--quick] [PART ...]` runs the parts named (all if none is), each in a
process of its own, and prints what it measures as it goes, then a table and, last, one line of JSON. The inference
server is scripted and has a process of its own, so has the local Hub; `--quick` makes everything ten times smaller,
for trying out. Times are noisy on a machine that does other things; what is compared takes turns, and medians count.
"""

from __future__ import annotations

import argparse
import json
import operator
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.generate_parts import KILLS, PARTS, REQUESTS_PER_PROMPT, Figures, Place
from tests.benchmarks.workload import CONCURRENCY, import_everything, say


class Goal(NamedTuple):
    """What a figure should be: `sign` is <= or >=."""

    sign: str
    value: float

    def met(self, value: float) -> bool:
        """Whether a figure is what it should be."""
        return bool({"<=": operator.le, ">=": operator.ge}[self.sign](value, self.value))


GOALS = {
    "ratio_to_asyncio_400": Goal("<=", 1.10),
    "ratio_to_asyncio_2000": Goal("<=", 1.10),
    "ratio_to_stock_400": Goal(">=", 1.0),
    "cpu_ratio_to_asyncio_2000": Goal("<=", 1.5),
    "overhead_one_row_s": Goal("<=", 1.0),
    "peak_rss_over_imports_mb": Goal("<=", 250),
    "rss_growth_mb_per_1000_prompts": Goal("<=", 0.3),
    "cached_cpu_ms_per_row": Goal("<=", 0.4),
    "cached_requests_sent": Goal("<=", 0),
    "storm_rows_lost": Goal("<=", 0),
    "storm_requests_per_unspoiled_reply": Goal("<=", 1.05),
    "paid_twice_after_kills": Goal("<=", 0),
    "in_flight_at_kills": Goal("<=", KILLS * REQUESTS_PER_PROMPT * CONCURRENCY),
}


def run_part(name: str, *, smaller: int) -> Figures | None:
    """Run one part in a process and a folder of its own; None if it crashed."""
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{name}-"))
    (folder / "tmp").mkdir()
    foreign = ("HF_TOKEN", "HF_ENDPOINT", "CURATION_INFERENCE_URL")
    environment = {key: value for key, value in os.environ.items() if key not in foreign} | {
        "CURATION_CACHE": str(folder / "cache"),
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1",
        "PYTHONUNBUFFERED": "1",
        # What a killed process leaves behind goes with the folder.
        "TMPDIR": str(folder / "tmp"),
    }
    command = [sys.executable, "-m", "tests.benchmarks.bench_generate", "--inside", str(folder), name]
    say(f"{name}: {(PARTS[name].__doc__ or '').splitlines()[0]}")
    started, busy = time.perf_counter(), _busy_seconds()
    try:
        done = subprocess.run([*command, f"--smaller={smaller}"], env=environment, check=False)
        figures: Figures | None = json.loads((folder / "figures.json").read_text()) if not done.returncode else None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    seconds = time.perf_counter() - started
    others = max(0.0, (_busy_seconds() - busy) / seconds)
    say(f"  ({seconds:.0f} s; meanwhile other programs took {others:.1f} of {os.cpu_count()} cores)")
    return figures


def _busy_seconds() -> float:
    """Return for how long the cores have worked so far for anybody else than this process and its children."""
    user, nice, system = (int(ticks) for ticks in Path("/proc/stat").read_text().split()[1:4])
    ours = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return (user + nice + system) / os.sysconf("SC_CLK_TCK") - ours


def show_table(figures: Figures) -> None:
    """Print every figure, with its goal where it has one."""
    say(f"{'figure':42} {'value':>12} {'goal':>10}")
    for name, value in figures.items():
        goal = GOALS.get(name)
        shown = f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"
        wanted, verdict = (f"{goal.sign} {goal.value:g}", "ok" if goal.met(value) else "MISSED") if goal else ("", "")
        say(f"{name:42} {shown:>12} {wanted:>10} {verdict}".rstrip())


def main() -> int:
    """Run the parts, then print the table and the line of JSON; return 1 if a part crashed, whatever the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_generate", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all if none is named")
    parser.add_argument("--quick", action="store_true", help="ten times smaller")
    parser.add_argument("--smaller", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}")
    smaller = 10 if options.quick else options.smaller
    if options.inside is not None:
        [name] = options.parts
        import_everything()
        figures = PARTS[name](Place(options.inside, smaller))
        (options.inside / "figures.json").write_text(json.dumps(figures))
        return 0
    started, busy = time.perf_counter(), _busy_seconds()
    found = {name: run_part(name, smaller=smaller) for name in options.parts or PARTS}
    crashed = [name for name, figures in found.items() if figures is None]
    together = {name: value for figures in found.values() for name, value in (figures or {}).items()}
    show_table(together)
    if crashed:
        say(f"Crashed: {', '.join(crashed)}.")
    seconds = time.perf_counter() - started
    facts = {
        "benchmark": "generate",
        "quick": smaller > 1,
        "crashed": crashed,
        "seconds": seconds,
        "cores": os.cpu_count(),
        "cores_taken_by_others": max(0.0, (_busy_seconds() - busy) / seconds),
        **together,
    }
    say(json.dumps({key: round(value, 4) if isinstance(value, float) else value for key, value in facts.items()}))
    return 1 if crashed else 0


if __name__ == "__main__":
    sys.exit(main())
