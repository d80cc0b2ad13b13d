"""Twenty thousand requests that have nothing in common do not make anything grow; ``make soak`` sends a million."""

import json
import subprocess
import sys

from tests.support.servers import ROOT


def test_what_clients_invent_makes_nothing_grow() -> None:
    # In a process of its own: what other tests have left behind comes and goes.
    run = subprocess.run(
        [sys.executable, "-m", "tests.soak_observability", "--requests", "20000"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert (found["spans"], found["opened"], found["lines"], found["counted"]) == (20_000, 0, 20_000, 20_000)
