"""How long the command line takes to say something, and what importing costs beside the libraries underneath.

Each figure is the median over whole processes, in seconds; the last line is JSON with the ratios.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

RUNS = 7
GOAL_SECONDS = 0.3
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "curation --help": ["-m", "curation", "--help"],
    "import curation": ["-c", "import curation"],
    "import curation.config": ["-c", "import curation.config"],
    "import distilabel.pipeline": ["-W", "ignore", "-c", "import distilabel.pipeline"],
    "import argilla": ["-W", "ignore", "-c", "import argilla"],
    "import datasets": ["-c", "import datasets"],
}


def median_seconds(arguments: list[str]) -> float:
    """Return the median wall time of a Python process with these arguments, after one that is not counted."""
    times = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def main() -> None:
    """Measure, print the table and the line of JSON."""
    seconds = {name: median_seconds(arguments) for name, arguments in COMMANDS.items()}
    for name, value in seconds.items():
        print(f"{name:28} {value:6.3f} s")
    imported = seconds["import curation.config"]
    ratios = {
        "help_s": round(seconds["curation --help"], 3),
        "ratio_help_to_goal": round(seconds["curation --help"] / GOAL_SECONDS, 2),
        "ratio_import_to_distilabel": round(imported / seconds["import distilabel.pipeline"], 3),
        "ratio_import_to_argilla": round(imported / seconds["import argilla"], 3),
        "ratio_import_to_datasets": round(imported / seconds["import datasets"], 3),
    }
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
