"""What kill -9 costs: each verb is killed at seeded moments and run again, and the end compared with undisturbed runs.

`python -m tests.benchmarks.bench_faults [--kills 50] [--seed 15]` kills each verb so many times, five times in one
curation. It prints a line for each curation with what is not as it should be, then a table and, last, a line of JSON:

- kills: how often each verb was killed (a verb that has nothing left to do may end before its moment);
- lost, doubled, mislabelled: rows, records, responses and sets that are missing, there twice, or other than in an
  undisturbed curation;
- paid_twice: replies that were paid for again, beyond the one request of each model that is in flight at a kill;
- refused: second runs, and `curation verify` at the end, that did not end with 0.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from curation.local import Stack
from tests.benchmarks.workload import say
from tests.flows.killing import VERBS, Curation, House, Losses, losses, moments_of

KILLS_OF_ONE = 5


def main() -> int:
    """Kill, and return 1 if anything was lost, doubled, mislabelled, paid for twice or refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="how often each verb is killed")
    parser.add_argument("--seed", type=int, default=15)
    arguments = parser.parse_args()
    counts = [min(KILLS_OF_ONE, arguments.kills - done) for done in range(0, arguments.kills, KILLS_OF_ONE)]
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder, "stack"), tied=True) as stack:
        all_losses = killed(stack, Path(folder), counts, seed=arguments.seed)
    result = summary(all_losses)
    for name, value in result.items():
        print(f"{name:<12} {value}")
    print(json.dumps(result))
    return int(any(value for name, value in result.items() if name != "kills"))


def killed(stack: Stack, folder: Path, counts: list[int], *, seed: int) -> list[Losses]:
    """Kill each verb of a curation as often as `counts` says, which has a number for each curation."""
    all_losses: list[Losses] = []
    with House(stack, folder) as house:
        undisturbed, lengths = Curation(house, "undisturbed").undisturbed()
        say(f"undisturbed: {lengths}")
        for number, count in enumerate(counts):
            moments = moments_of(lengths, seed=seed + number, kills=count)
            all_losses.append(losses(undisturbed, *Curation(house, f"killed-{number}").killed(moments)))
            say(f"{moments}\n{all_losses[-1]}")
    return all_losses


def summary(all_losses: list[Losses]) -> dict[str, object]:
    """Return the sums over all curations."""
    kills: Counter[str] = Counter()
    for one in all_losses:
        kills.update(one.kills)
    return {
        "kills": {verb: kills[verb] for verb in VERBS},
        **{
            name: sum(len(getattr(one, name)) for one in all_losses)
            for name in ("lost", "doubled", "mislabelled", "refused")
        },
        "paid_twice": sum(one.paid_twice for one in all_losses),
    }


if __name__ == "__main__":
    sys.exit(main())
