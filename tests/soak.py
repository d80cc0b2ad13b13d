"""Very many invented clients against one process: python -m tests.soak [--clients N] [--most M].

Each comes once, from an address and with a key of its own. The process may not grow once ``max_keys`` are remembered,
and a client that comes again and again is limited as if it were alone. ``make soak`` runs it with a million.
"""

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, final

import anyio

from asgi_patterns import Quota, RateLimit
from asgi_patterns.kernel.types import ASGIApp, Message, Scope
from asgi_patterns.testing import Clock, hello

SLACK: Final = 4 * 1024 * 1024
"""Bytes by which a process may be seen to grow although it remembers nothing more ..."""
SHARE: Final = 0.1
"""... or this share of what it has: tables are made anew now and then, and memory is not given back at once."""
SETTLED: Final = 8
"""After so many times ``most`` clients the tables have the size that they keep."""
TURNS: Final = 400
"""How often the client comes that is there all the time."""
STEP: Final = 0.001
"""Seconds between two requests, by the clock of the counts."""

QUOTAS: Final = (
    Quota(name="addresses", limit=20, window="1h"),
    Quota(name="sliding", limit=30, window="1h", algorithm="sliding_window"),
    Quota(name="log", limit=40, window="1h", algorithm="sliding_log"),
    Quota(name="keys", limit=50, window="1h", key="header:X-API-Key"),
    Quota(name="slots", limit=2, algorithm="concurrency"),
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run has measured. Sizes are in bytes of resident memory."""

    clients: int
    most: int
    full: int
    """What was added by the first ``most`` clients."""
    settled: int
    """What was added by seven times as many after them: tables in which keys come and go need more room."""
    grown: int
    """What was added by all others."""
    seconds: float
    admitted: int
    """Requests of the client that is there all the time."""
    expected: int
    """The same, where it is alone."""

    def complaints(self) -> Iterator[str]:
        """Yield what is wrong."""
        if self.grown > max(SLACK, SHARE * (self.full + self.settled)):
            yield f"the process grew by {self.grown:,} bytes although it remembered no more keys"
        if self.admitted != self.expected:
            yield f"{self.admitted} requests of one client were admitted in place of {self.expected}"


async def soak(clients: int, most: int) -> Outcome:
    """Send all of them, one after the other."""
    clock = Clock()
    crowded, alone = (RateLimit(quotas=QUOTAS, max_keys=most, clock=clock)(hello) for _ in range(2))
    regular = _scope(0)
    admitted = expected = 0
    every = max(1, clients // TURNS)
    marks = [min(most, clients), min(SETTLED * most, clients), clients]
    sizes = {0: _resident()}
    began = time.perf_counter()
    for number in range(1, clients + 1):
        clock.advance(STEP)
        await _ask(crowded, _scope(number))
        if number % every == 0:
            admitted += await _ask(crowded, regular) == 200
            expected += await _ask(alone, regular) == 200
        if number in marks:
            sizes[number] = _resident()
    full, settled, end = (sizes[mark] for mark in marks)
    return Outcome(
        clients=clients,
        most=most,
        full=full - sizes[0],
        settled=settled - full,
        grown=end - settled,
        seconds=round(time.perf_counter() - began, 1),
        admitted=admitted,
        expected=expected,
    )


def _scope(number: int) -> Scope:
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"x-api-key", b"key-%d" % number)],
        "client": (address, 0),
    }


async def _ask(app: ASGIApp, scope: Scope) -> int:
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(dict(scope), receive, send)
    return statuses[0]


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> int:
    """Run it; the exit code is 1 where a promise is broken."""
    parser = argparse.ArgumentParser(description="Very many invented clients against one process.")
    parser.add_argument("--clients", type=int, default=1_000_000)
    parser.add_argument("--most", type=int, default=100_000, help="max_keys (%(default)s)")
    options = parser.parse_args()
    outcome = anyio.run(soak, options.clients, options.most)
    print(json.dumps(asdict(outcome)))
    complaints = [*outcome.complaints()]
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
