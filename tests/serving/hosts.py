"""What the tests of ``asgi-patterns serve`` share: the servers, and how to wait for one."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sockets.raw import ask
from tests.support.processes import alive_in_group
from tests.support.servers import START_SECONDS, Server, serve

BARE = "examples.bare_app:bare"
LONG = "60"
"""A delay that no test waits for: who stops within the limits of ``Server.wait`` has skipped it."""

CERTIFICATE = Path(__file__).with_name("localhost.crt")
"""For 127.0.0.1 and localhost, signed by itself, for a hundred years."""
KEY = Path(__file__).with_name("localhost.key")
"""Its key. It is public, and protects nothing."""

HOSTS = {
    "uvicorn": ("--server", "uvicorn"),
    "hypercorn": ("--server", "hypercorn"),
    "hypercorn on trio": ("--server", "hypercorn", "--worker-class", "trio"),
    "granian": ("--server", "granian"),
}
ON_EVERY_SERVER = pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
WITH_WORKERS = pytest.mark.parametrize("workers", ["1", "2"], ids=["one process", "two workers"])


def until(said: Callable[[], bool]) -> bool:
    """Ask again and again, within limits; return what was said last."""
    deadline = time.monotonic() + START_SECONDS
    # Not asked once more in the end: what has been true for a moment has been true.
    while not (is_so := said()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_so


def code_of(server: Server) -> int:
    """Wait for its end, and for that of all that it started; return the exit code.

    The helper process that Python starts beside workers ends by itself, a moment after its parent.
    """
    until(lambda: alive_in_group(server.pid) == [])
    return server.wait()


def is_unready(port: int) -> bool:
    """Whether readiness has dropped everywhere: one of several workers answers, any of them."""
    return all(ask(port, "GET", "/health/ready").status == 503 for _ in range(8))


def draining(*options: str) -> tuple[str, ...]:
    """The arguments of ``serving`` for an app that takes its time to stop."""
    return (*serve(BARE, *options), "--drain-delay", LONG)
