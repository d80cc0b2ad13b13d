"""``python -m benchmarks.whole_servers``: the whole stack behind real servers, with as much load as they take.

One worker each. Server and load are processes of their own, each on a core of its own where there are two; nothing
leaves the machine.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from benchmarks.closed_loop import FIELDS, Load, load
from benchmarks.harness import table
from benchmarks.whole_checks import lacking
from benchmarks.whole_stacks import FIVE, FOUR, PLUS, stacks

CONNECTIONS: Final = 32
PATH: Final = "/items/7"
ROOT: Final = Path(__file__).parents[1]
ASKED: Final = 3.3, 1 / 3
"""What our throughput should be of that of today's stack, and what our p99 may be of its."""

FEATURES: Final = {"five": FIVE, "four": FOUR, "plus": PLUS, "app": ()}


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


def run(*, seconds: float = 2.0, rounds: int = 3, names: Sequence[str] = ()) -> str:
    """Measure, and return a table for each server. ``names`` are stacks; by default all."""
    chosen = names or list(stacks())
    return "\n\n".join(
        render(server, measure(command, chosen, seconds=seconds, rounds=rounds))
        for server, command in servers().items()
    )


def measure(command: Sequence[str], names: Sequence[str], *, seconds: float, rounds: int) -> dict[str, Load]:
    """Return the best round of each stack. They take turns, so none has a quiet minute for itself."""
    cores = sorted(os.sched_getaffinity(0))
    best: dict[str, Load] = {}
    with ExitStack() as running:
        ports = {name: running.enter_context(serving(command, name, cores[0])) for name in names}
        for name, port in ports.items():
            check(name, port)
        os.sched_setaffinity(0, {cores[-1]})
        running.callback(os.sched_setaffinity, 0, cores)
        answered = dict.fromkeys(names, 0)
        for _ in range(rounds):
            for name, port in ports.items():
                found = load(port, PATH, seconds=seconds, connections=CONNECTIONS)
                assert not found.failed, f"{name}: {found.failed} answers were not 200"
                answered[name] += found.answered
                if name not in best or found.rate > best[name].rate:
                    best[name] = found
        for name, port in ports.items():
            check_counts(name, port, answered[name])
    return best


@contextmanager
def serving(command: Sequence[str], name: str, core: int) -> Iterator[int]:
    """Serve a stack on a core, and yield the port."""
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
        yield port
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
    return FEATURES[name.partition(":")[0]]


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


def render(server: str, found: Mapping[str, Load]) -> str:
    """Return the table of one server."""
    rows = [
        (name, f"{each.rate:,.0f}", f"{each.p50:.2f}", f"{each.p99:.2f}", *_compared(name, found))
        for name, each in found.items()
    ]
    head = ("", "answers/s", "p50 ms", "p99 ms", "rate of today's", "p99 of today's")
    title = (
        f"{server}, one worker, {CONNECTIONS} connections; asked of ours: "
        f"at least {ASKED[0]} of today's rate, at most {ASKED[1]:.2f} of its p99"
    )
    return table(title, rows, head)


def _compared(name: str, found: Mapping[str, Load]) -> tuple[str, str]:
    today = found.get(f"{name.partition(':')[0]}: today")
    if today is None:
        return "", ""
    return f"{found[name].rate / today.rate:.2f}", f"{found[name].p99 / today.p99:.2f}"


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.whole_servers", description=__doc__)
    parser.add_argument("--light", action="store_true", help="short steps, numbers without meaning")
    parser.add_argument("stacks", nargs="*", help="which stacks; by default all")
    options = parser.parse_args()
    # Who is told to end ends the servers first, as with Ctrl+C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if options.light:
        print(run(seconds=0.2, rounds=1, names=options.stacks))
    else:
        print(run(names=options.stacks))


if __name__ == "__main__":
    main()
