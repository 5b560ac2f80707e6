"""How long the command line and the package take to start, beside the libraries underneath.

`python -m tests.benchmarks.bench_start` prints a table and, last, one line of JSON. Every time is that of a whole
process, the interpreter's own start included; median of RUNS, after one that fills the file cache. The subjects take
turns, so that a busy minute of the machine hits all of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from statistics import median

RUNS = 7
GOAL_S = 0.3

SUBJECTS: dict[str, tuple[str, ...]] = {
    "python -c pass": ("-c", "pass"),
    "curation --help": ("-m", "curation", "--help"),
    "import curation": ("-c", "import curation"),
    "import curation.config": ("-c", "import curation.config"),
    "import datasets": ("-c", "import datasets"),
    "import argilla": ("-c", "import argilla"),
    "import distilabel.pipeline": ("-c", "import distilabel.pipeline"),
}


def seconds(arguments: tuple[str, ...]) -> float:
    """Return how long one process takes; raise CalledProcessError if it fails."""
    environment = {**os.environ, "HF_HUB_DISABLE_TELEMETRY": "1", "NO_COLOR": "1"}
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment)
    return time.perf_counter() - start


def measure(runs: int = RUNS) -> dict[str, list[float]]:
    """Return the seconds of every subject's runs."""
    for arguments in SUBJECTS.values():
        seconds(arguments)
    taken: dict[str, list[float]] = {subject: [] for subject in SUBJECTS}
    for _ in range(runs):
        for subject, arguments in SUBJECTS.items():
            taken[subject].append(seconds(arguments))
    return taken


def main() -> None:
    """Print the table and the line of JSON."""
    taken = measure()
    middle = {subject: median(times) for subject, times in taken.items()}
    print(f"{'seconds, whole process':28} {'median':>7} {'least':>7} {'most':>7}")
    for subject, times in taken.items():
        print(f"{subject:28} {middle[subject]:7.3f} {min(times):7.3f} {max(times):7.3f}")
    print(f"The goal for curation --help is {GOAL_S} s.")
    helped, imported = middle["curation --help"], middle["import curation"]
    found = {
        "benchmark": "start",
        "runs": RUNS,
        "python_s": middle["python -c pass"],
        "help_s": helped,
        "import_s": imported,
        "import_config_s": middle["import curation.config"],
        "ratio_help_to_goal": helped / GOAL_S,
        "ratio_import_to_distilabel": imported / middle["import distilabel.pipeline"],
        "ratio_import_to_argilla": imported / middle["import argilla"],
        "ratio_import_to_datasets": imported / middle["import datasets"],
        "ratio_import_config_to_distilabel": middle["import curation.config"] / middle["import distilabel.pipeline"],
    }
    print(json.dumps({key: round(value, 4) if isinstance(value, float) else value for key, value in found.items()}))


if __name__ == "__main__":
    main()
