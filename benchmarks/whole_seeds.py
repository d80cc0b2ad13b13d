"""The whole stack in several processes, of which the middle one is told.

Where memory lies, and how texts are hashed, is decided when a process starts, and makes a stack dearer or cheaper by
some percent for as long as it lives. ``middle``: measures in processes of their own; ``python -m
benchmarks.whole_seeds`` is one of these, and prints what it has found.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any, Final

from asgi_patterns.benching.numbers import Counts
from benchmarks import whole
from benchmarks.harness import Times, measure_rounds

SEEDS: Final = range(1, 8)


def middle(name: str, rounds: int, seeds: Sequence[int] = SEEDS) -> dict[str, Times]:
    """Return the times of all that take part in a case, each the middle one of as many processes as there are seeds."""
    found = [_asked(name, rounds // len(seeds), seed) for seed in seeds]
    return {
        entrant: Times(
            median(each[entrant].minimum for each in found),
            median(each[entrant].median for each in found),
            found[0][entrant].counts,
        )
        for entrant in found[0]
    }


def _asked(name: str, rounds: int, seed: int) -> dict[str, Times]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.whole_seeds", name, str(rounds)],
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        check=True,
        stdout=subprocess.PIPE,
    )
    told: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return {
        entrant: Times(each["minimum"], each["median"], Counts(**each["counts"]))
        for entrant, each in told.items()
    }


def main(arguments: Sequence[str]) -> None:
    """Measure one case in this process."""
    name, rounds = arguments
    makers = {entrant.name: whole.checked(entrant.make) for entrant, _ in whole.entrants(name)}
    found = measure_rounds(makers, rounds=int(rounds))
    print(json.dumps({entrant: asdict(times) for entrant, times in found.items()}))


if __name__ == "__main__":
    main(sys.argv[1:])
