"""``python -m benchmarks.overload``: the shop at twice the load that it can serve, with shedding and without.

Three kinds of work, each in a process of its own under uvicorn; the load comes from this process. It takes about 50
seconds, and nothing leaves the machine. ``--plot overload.svg`` draws it.
"""

import argparse
import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

from benchmarks.harness import table
from benchmarks.open_loop import Outcome, as_fast_as_it_goes, at_rate
from benchmarks.overload_plot import bars, svg

PATHS = {
    "/catalogue": "computes for 4 ms",
    "/stock": "waits for one of four connections, 8 ms each",
    "/products": "is hardly dearer than a refusal",
}
TIMES_TOO_MUCH = 2.0
UNLOADED = 0.2
CONNECTIONS = 200
ROOT = Path(__file__).parents[1]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was found for one path."""

    path: str
    best: Outcome
    unloaded: Outcome
    without: Outcome
    shed: Outcome
    refusal: float
    """Seconds that a refusal alone takes."""

    @property
    def possible(self) -> float:
        """The share of the best throughput that is left when all the others are refused."""
        cost = self.refusal * self.best.served_rate
        return (1 - TIMES_TOO_MUCH * cost) / (1 - cost) if TIMES_TOO_MUCH * cost < 1 else 0.0


def run(*, seconds: float = 3.0) -> list[Result]:
    """Measure every path; each step takes about so many seconds."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    try:
        return [_measured(path, cores[0], seconds) for path in PATHS]
    finally:
        os.sched_setaffinity(0, cores)


def _measured(path: str, core: int, seconds: float) -> Result:
    with _serving("no", core) as port:
        best = asyncio.run(as_fast_as_it_goes(port, path, seconds=seconds / 2, connections=16))
        rate = best.served_rate
        unloaded = _at(port, path, rate * UNLOADED, seconds=seconds * 0.7)
        without = _at(port, path, rate * TIMES_TOO_MUCH, seconds=seconds * 0.7)
    with _serving("all", core) as port:
        refusals = asyncio.run(as_fast_as_it_goes(port, path, seconds=seconds / 3, connections=16))
    with _serving("yes", core) as port:
        shed = _at(port, path, rate * TIMES_TOO_MUCH, seconds=seconds, warm_up=seconds / 2)
        _wrk(port, path, seconds / 3)
    return Result(
        path=path, best=best, unloaded=unloaded, without=without, shed=shed, refusal=1 / refusals.refused_rate
    )


def _at(port: int, path: str, rate: float, *, seconds: float, warm_up: float = 0.3) -> Outcome:
    return asyncio.run(
        at_rate(port, path, rate=rate, seconds=seconds, warm_up=warm_up, connections=CONNECTIONS)
    )


@contextmanager
def _serving(shed: str, core: int) -> Iterator[int]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    command = [
        "uvicorn",
        "benchmarks.overload_app:app",
        f"--port={port}",
        "--no-access-log",
        "--log-level=error",
    ]
    environment = {**os.environ, "SHED": shed}
    process = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=environment)
    os.sched_setaffinity(process.pid, {core})
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


def _wrk(port: int, path: str, seconds: float) -> None:
    """Let wrk have its say, where it is installed: it asks as fast as it is answered."""
    if (wrk := shutil.which("wrk")) is not None:
        command = [
            wrk,
            "-t1",
            "-c64",
            f"-d{max(1, round(seconds))}s",
            "--latency",
            f"http://127.0.0.1:{port}{path}",
        ]
        print(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def report(results: list[Result]) -> str:
    """Return the table and the bars."""
    rows = [row for result in results for row in _rows(result)]
    head = ("", "served/s", "of the best", "p50 ms", "p99 ms", "of unloaded", "refused/s", "late")
    title = f"At {TIMES_TOO_MUCH:g} times the load that can be served; late: due and not answered yet"
    drawn = [bars(each.path, _shares(each), _latencies(each)) for each in results]
    return "\n\n".join([table(title, rows, head), *drawn])


def _rows(result: Result) -> Iterator[tuple[str, ...]]:
    best, usual = result.best.served_rate, result.unloaded.latency(0.99)
    yield f"{result.path} {PATHS[result.path]}", *[""] * 7
    named = {"best": result.best, "unloaded": result.unloaded, "without": result.without, "with": result.shed}
    for name, each in named.items():
        p50, p99 = each.latency(0.5), each.latency(0.99)
        yield (
            f"  {name}",
            f"{each.served_rate:.0f}",
            f"{each.served_rate / best:.0%}",
            f"{p50:.1f}",
            f"{p99:.1f}",
            f"{p99 / usual:.1f}",
            f"{each.refused_rate:.0f}",
            f"{each.unanswered}",
        )
    micro = f"{result.refusal * 1e6:.0f} us a refusal"
    yield f"  possible, with {micro}", f"{best * result.possible:.0f}", f"{result.possible:.0%}", *[""] * 5


def _shares(result: Result) -> dict[str, float]:
    best = result.best.served_rate
    return {
        "possible": result.possible,
        "without": min(1.0, result.without.served_rate / best),
        "with": result.shed.served_rate / best,
    }


def _latencies(result: Result) -> dict[str, float]:
    named = {"unloaded": result.unloaded, "without": result.without, "with": result.shed}
    return {name: each.latency(0.99) for name, each in named.items()}


def main() -> None:
    """Read the command line, measure, print and draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overload", description=__doc__)
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="where to draw it")
    parser.add_argument("--light", action="store_true", help="short steps, numbers without meaning")
    options = parser.parse_args()
    results = run(seconds=0.3) if options.light else run()
    print(report(results))
    if options.plot is not None:
        drawing = svg({each.path: (_shares(each), _latencies(each)) for each in results})
        options.plot.write_text(drawing, encoding="utf-8")


if __name__ == "__main__":
    main()
