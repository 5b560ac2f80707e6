"""What a killed review Space loses: answers that were confirmed and are gone after it started from its newest snapshot.

`python -m tests.benchmarks.bench_kills [--kills 50] [--seconds 1.0]` runs argilla-server under the start script of
spaces/argilla, kills both at random moments while somebody answers, deletes their disk, and starts them again. It
prints a line for each kill, then a table and, last, one line of JSON:

- kills, answers: how often it was killed, and how many answers were confirmed in all;
- lost: answers that were confirmed after the last snapshot began, and are gone;
- lost_before: answers that were confirmed earlier than that, and are gone: there must be none;
- invented: answers that nobody sent and that are there;
- longest_s: how long before its kill the oldest lost answer had been confirmed, beside the interval.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.workload import say
from tests.spaces.killing import Desk, DurableArgilla, Loss, moments


def main() -> int:
    """Measure, and return 1 if an answer was lost that a snapshot should have held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=1.0, help="the interval of snapshots")
    parser.add_argument("--seed", type=int, default=15)
    arguments = parser.parse_args()
    losses: list[Loss] = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with DurableArgilla(place / "disk", place / "bucket", seconds=arguments.seconds) as server:
            desk = Desk(server)
            for after in moments(arguments.seed, arguments.kills, longest=3 * arguments.seconds):
                lost = desk.kill(after)
                server.start()
                losses.append(lost(desk.answered()))
                say(f"killed after {after:.2f} s: {losses[-1]}")
            answers = len(desk.confirmed)
    result = summary(losses, kept=answers)
    for name, value in result.items():
        print(f"{name:<12} {value}")
    print(json.dumps({**result, "interval_s": arguments.seconds}))
    return 1 if result["lost_before"] or result["invented"] else 0


def summary(losses: list[Loss], *, kept: int) -> dict[str, float]:
    """Return the sums over all kills."""
    lost, before = sum(loss.excused for loss in losses), sum(loss.unexcused for loss in losses)
    return {
        "kills": len(losses),
        "answers": kept + lost + before,
        "lost": lost,
        "lost_before": before,
        "invented": sum(loss.invented for loss in losses),
        "longest_s": round(max(loss.oldest_seconds for loss in losses), 2),
    }


if __name__ == "__main__":
    sys.exit(main())
