"""A load generator: requests at a constant rate, whatever becomes of them, on so many connections.

A request that finds no connection free waits for one, and its latency counts from when it was due: a slow server does
not slow the load down.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import final

BURST_SECONDS = 0.001
"""How exactly a request is on time."""


@final
@dataclass(slots=True)
class Outcome:
    """What became of the requests of one run."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    """Of those that were served, in seconds."""
    refused: int = 0
    other: int = 0
    """Answers that are neither 200 nor 503."""
    unanswered: int = 0
    """Those that were due and had no answer when the run was over."""

    @property
    def served_rate(self) -> float:
        """How many were served in a second."""
        return len(self.latencies) / self.seconds

    @property
    def refused_rate(self) -> float:
        """How many were refused in a second."""
        return self.refused / self.seconds

    def latency(self, share: float) -> float:
        """Return the latency in milliseconds within which that share was served."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else 0.0


@final
class _Connection(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self, load: "_Load") -> None:
        self._load = load
        self._due = 0.0
        self._received = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None

    def ask(self, due: float) -> None:
        """Send a request."""
        self._due = due
        if self.transport is not None:
            self.transport.write(self._load.request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._received[:end].lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(self._received) >= end + 4 + length:
            self._received = b""
            self._load.answered(self, int(head[9:12]), self._due)


@final
class _Load:
    def __init__(self, path: str, warm_up: float) -> None:
        self.request = (
            f"GET {path} HTTP/1.1\r\nhost: shop.example\r\naccept: application/json\r\n\r\n".encode()
        )
        self.outcome = Outcome()
        self.free: list[_Connection] = []
        self.waiting: deque[float] = deque()
        self.asks_again = False
        self._counts_from = time.perf_counter() + warm_up

    def due(self, when: float) -> None:
        """Send a request, or let it wait for a connection."""
        if self.free:
            self.free.pop().ask(when)
        else:
            self.waiting.append(when)

    def answered(self, connection: _Connection, status: int, due: float) -> None:
        now = time.perf_counter()
        if now >= self._counts_from:
            if status == 200:
                self.outcome.latencies.append(now - due)
            elif status == 503:
                self.outcome.refused += 1
            else:
                self.outcome.other += 1
        if self.asks_again:
            connection.ask(now)
        elif self.waiting:
            connection.ask(self.waiting.popleft())
        else:
            self.free.append(connection)


async def at_rate(
    port: int, path: str, *, rate: float, seconds: float, warm_up: float, connections: int
) -> Outcome:
    """Send ``rate`` requests a second. What is due within ``warm_up`` does not count."""
    load, transports = await _connected(port, path, connections, warm_up)
    for due in _times(rate, warm_up + seconds):
        if (ahead := due - time.perf_counter()) > BURST_SECONDS:
            await asyncio.sleep(ahead)
        load.due(due)
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    outcome = load.outcome
    outcome.seconds = seconds
    answered = len(outcome.latencies) + outcome.refused + outcome.other
    outcome.unanswered = max(0, round(rate * seconds) - answered)
    _close(transports)
    return outcome


async def as_fast_as_it_goes(port: int, path: str, *, seconds: float, connections: int) -> Outcome:
    """Send the next request on each connection as soon as the last one is answered."""
    load, transports = await _connected(port, path, connections, 0.5)
    load.asks_again = True
    for connection in load.free:
        connection.ask(time.perf_counter())
    await asyncio.sleep(0.5 + seconds)
    load.outcome.seconds = seconds
    _close(transports)
    return load.outcome


def _times(rate: float, seconds: float) -> Iterator[float]:
    begin = time.perf_counter()
    yield from (begin + at / rate for at in range(round(rate * seconds)))


async def _connected(
    port: int, path: str, connections: int, warm_up: float
) -> tuple[_Load, list[asyncio.Transport]]:
    load = _Load(path, warm_up)
    transports: list[asyncio.Transport] = []
    for _ in range(connections):
        transport, connection = await asyncio.get_running_loop().create_connection(
            partial(_Connection, load), "127.0.0.1", port
        )
        load.free.append(connection)
        transports.append(transport)
    return load, transports


def _close(transports: list[asyncio.Transport]) -> None:
    for each in transports:
        each.abort()
