"""The whole stack behind real servers, with as much load as they take.

One worker each. Server and load are processes of their own, each on a core of its own where there are two; nothing
leaves the machine. ``python -m benchmarks whole_servers`` takes minutes.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final, final

from benchmarks import whole
from benchmarks.closed_loop import FIELDS, Load, load
from benchmarks.comparing import Entrant, compared
from benchmarks.harness import ROUNDS, Times
from benchmarks.reasons import SERVED
from benchmarks.results import Budget, Case, Group
from benchmarks.spent import processor_seconds
from benchmarks.whole_checks import lacking
from benchmarks.whole_stacks import stacks

CONNECTIONS: Final = 32
PATH: Final = "/items/7"
ROOT: Final = Path(__file__).parents[1]
BUDGETS: Final = {
    "us": Budget(most=1 / 3.3, of=whole.TODAY, reason=SERVED),
    "ms": Budget(most=1 / 3, of=whole.TODAY, reason=SERVED),
}
"""What our time for an answer may be of that of today's stack, and our p99 of its."""


def servers() -> Mapping[str, Sequence[str]]:
    """Return how to start each server that is installed, less the port."""
    found: dict[str, Sequence[str]] = {}
    app = "benchmarks.whole_app:app"
    quiet = ("--host", "127.0.0.1", "--log-level", "error", "--no-access-log", "--workers", "1")
    if find_spec("httptools") and find_spec("uvloop"):
        found["uvicorn"] = ("uvicorn", app, *quiet, "--loop", "uvloop", "--http", "httptools")
    else:
        found["uvicorn, in Python alone"] = ("uvicorn", app, *quiet, "--loop", "asyncio", "--http", "h11")
    if find_spec("granian"):
        found["granian"] = ("granian", app, "--interface", "asgi", *quiet, "--no-ws")
    return found


def run(*, rounds: int = ROUNDS, calls: int | None = None) -> Group:
    """Measure; with few calls only the last features, for a moment."""
    names = list(whole.NAMES) if calls is None else [*whole.NAMES][-1:]
    chosen = [name for name in stacks() if name.partition(":")[0] in ("app", *names)]
    cases: list[Case] = []
    for server, command in servers().items():
        found = measure(command, chosen, seconds=2.0 if calls is None else 0.2, rounds=max(1, rounds // 60))
        for name in names:
            cases += _cases(server, name, found)
    title = f"The whole stack on servers, one worker, {CONNECTIONS} connections"
    return Group(name="whole_servers", title=title, cases=tuple(cases))


def _cases(server: str, name: str, found: Mapping[str, "Found"]) -> Iterator[Case]:
    """Yield what an answer takes, and for how long one of a hundred is waited for: of each the best round."""
    taken = {stack: 1e6 / each.load.rate for stack, each in found.items()}
    spent = {stack: each.spent for stack, each in found.items()}
    late = {stack: each.late for stack, each in found.items()}
    what = whole.told(name)
    yield _case(f"{server}, an answer: {what}", name, "us", taken)
    yield _case_over(f"{server}, an answer, over the app alone: {what}", name, taken)
    yield _case(f"{server}, an answer, time of the processor: {what}", name, "us", spent)
    yield _case(f"{server}, p99: {what}", name, "ms", late)


def _case(title: str, name: str, unit: str, found: Mapping[str, float]) -> Case:
    taking_part = [*whole.entrants(name)]
    has_peers = any(entrant.kind == "peer" for entrant, _ in taking_part)
    entrants: list[Entrant] = []
    times: dict[str, Times] = {}
    for entrant, stack in taking_part:
        budgets = (BUDGETS[unit],) if entrant.kind == "ours" and has_peers else ()
        entrants.append(replace(entrant, over=None, budgets=budgets))
        times[entrant.name] = Times(found[stack], found[stack])
    return Case(name=title, rows=tuple(compared(entrants, times)), unit=unit)


def _case_over(title: str, name: str, found: Mapping[str, float]) -> Case:
    """Return what is added to the app, as in this process: the server's own part says nothing of a stack."""
    taking_part = [*whole.entrants(name)]
    entrants = [replace(entrant, budgets=()) for entrant, _ in taking_part]
    times = {entrant.name: Times(found[stack], found[stack]) for entrant, stack in taking_part}
    return Case(name=title, rows=tuple(compared(entrants, times)))


@final
@dataclass(frozen=True, slots=True)
class Found:
    """The best of all rounds."""

    load: Load
    spent: float
    """Microseconds of a processor for an answer, all that the server does for it included."""
    late: float
    """Milliseconds that one of a hundred takes longer than, in the best round for that: it need not be the fastest."""


def measure(command: Sequence[str], names: Sequence[str], *, seconds: float, rounds: int) -> dict[str, Found]:
    """Return what was found for each stack. They take turns, so none has a quiet minute for itself."""
    cores = sorted(os.sched_getaffinity(0))
    loads: dict[str, list[Load]] = {name: [] for name in names}
    spent: dict[str, list[float]] = {name: [] for name in names}
    with ExitStack() as running:
        servers = {name: running.enter_context(serving(command, name, cores[0])) for name in names}
        for name, server in servers.items():
            check(name, server.port)
        os.sched_setaffinity(0, {cores[-1]})
        running.callback(os.sched_setaffinity, 0, cores)
        for _ in range(rounds):
            for name, server in servers.items():
                before = processor_seconds(server.pid)
                found = load(server.port, PATH, seconds=seconds, connections=CONNECTIONS)
                assert not found.failed, f"{name}: {found.failed} answers were not 200"
                loads[name].append(found)
                spent[name].append((processor_seconds(server.pid) - before) / found.answered * 1e6)
        for name, server in servers.items():
            check_counts(name, server.port, sum(each.answered for each in loads[name]))
    return {
        name: Found(max(found, key=_rate), min(spent[name]), min(each.p99 for each in found))
        for name, found in loads.items()
    }


def _rate(found: Load) -> float:
    return found.rate


@final
@dataclass(frozen=True, slots=True)
class Server:
    """One that runs."""

    port: int
    pid: int


@contextmanager
def serving(command: Sequence[str], name: str, core: int) -> Iterator[Server]:
    """Serve a stack on a core."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})  # a process keeps the core that it is started on
    process = subprocess.Popen(
        [sys.executable, "-m", *command, "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "STACK": name},
        stdout=subprocess.DEVNULL,
    )
    os.sched_setaffinity(0, cores)
    try:
        _wait_for(port, process)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        assert process.poll() is None, f"the server ended with {process.returncode}"
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


def _features(name: str) -> Sequence[str]:
    return whole.NAMES.get(name.partition(":")[0], ())


def _get(port: int, path: str) -> tuple[dict[bytes, bytes], bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=FIELDS)
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the same
        headers = {name.lower().encode(): value.encode() for name, value in answer.headers.items()}
        return headers, answer.read()


def check(name: str, port: int) -> None:
    """See that a stack does what shows on its answers. Raises ``AssertionError``."""
    headers, _ = _get(port, PATH)
    missing = lacking(_features(name), headers)
    assert not missing, f"{name}: {missing} is not done: {headers}"
    if "coding" in _features(name):
        assert headers[b"content-encoding"] == b"zstd", f"{name}: {headers} says no zstd"


def check_counts(name: str, port: int, answered: int) -> None:
    """See that it has traced, and has counted every request. Raises ``AssertionError``."""
    seen = json.loads(_get(port, "/seen")[1])
    if "tracing" in _features(name):
        # Not all: a processor drops spans where they come faster than it can export them.
        assert seen["tracing"], f"{name} has exported no span"
    if "metrics" in _features(name):
        assert seen["metrics"] >= answered, f"{name} has counted {seen} of {answered} requests"
