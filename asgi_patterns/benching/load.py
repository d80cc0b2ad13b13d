"""The load generator: so many clients, each of which asks again as soon as it has its answer.

It runs in a process of its own, or it would wait for the server's and the server for its turns. One measures what a
server can do, not how late it is when it is asked for more: that needs a load that does not wait.
"""

import asyncio
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Final, final

from asgi_patterns.benching.answers import Reading

__all__ = ["Load", "Round", "load"]

HOST: Final = "127.0.0.1"
LINGERING: Final = 5.0
"""Seconds after the end of a round for answers that are under way."""
MOST_FAILURES: Final = 1000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is asked of a server, and how hard."""

    sent: Sequence[bytes]
    methods: Sequence[str]
    connections: int
    seconds: float
    """For all rounds of all rows."""


@final
@dataclass(slots=True)
class Round:
    """What came of one round."""

    seconds: float = 0.0
    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    """In seconds."""
    statuses: Counter[int] = field(default_factory=Counter)
    failures: int = 0
    """Connections that could not be made, or broke before the answer was complete."""


def load(what: Load, pipe: Connection) -> None:
    """Be the load generator: a port and seconds come in, the round goes out."""
    try:
        while order := pipe.recv():
            port, seconds = order
            pipe.send(("done", asyncio.run(_Round(what, port).run(seconds))))
    except EOFError:
        return


@final
class _Round:
    def __init__(self, what: Load, port: int) -> None:
        self._what = what
        self._port = port
        self._turn = 0
        self._until = 0.0
        self._begin = 0.0
        self.found = Round()

    async def run(self, seconds: float) -> Round:
        self._begin = time.perf_counter()
        self._until = self._begin + seconds
        clients = [asyncio.ensure_future(self._client()) for _ in range(self._what.connections)]
        _, late = await asyncio.wait(clients, timeout=seconds + LINGERING)
        for each in late:
            each.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        self.found.failures += len(late)
        return self.found

    @property
    def goes_on(self) -> bool:
        return time.perf_counter() < self._until and self.found.failures < MOST_FAILURES

    def next_request(self) -> tuple[str, bytes]:
        """Return the method and the bytes of the next request of the mix."""
        at = self._turn % len(self._what.sent)
        self._turn += 1
        return self._what.methods[at], self._what.sent[at]

    def answered(self, status: int, asked: float) -> None:
        now = time.perf_counter()
        self.found.latencies.append(now - asked)
        self.found.statuses[status] += 1
        self.found.seconds = now - self._begin

    async def _client(self) -> None:
        """Be one client: on one connection, or on the next where the server ends it."""
        loop = asyncio.get_running_loop()
        while self.goes_on:
            try:
                transport, client = await loop.create_connection(lambda: _Client(self), HOST, self._port)
            except OSError:
                self.found.failures += 1
                await asyncio.sleep(0.01)
                continue
            try:
                await client.gone
            finally:
                transport.abort()


@final
class _Client(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self, round: _Round) -> None:
        self._round = round
        self._reading = Reading()
        self._asked = 0.0
        self._waits = False
        self._transport: asyncio.WriteTransport | None = None
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):  # which a connection is
            self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        try:
            status = self._reading.feed(data)
        except ValueError:
            return self._leave()
        if status is not None:
            self._take(status)
            if self._reading.closes:
                self._leave()
            else:
                self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waits and (status := self._reading.end()) is not None:
            self._take(status)
        self._leave()

    def _ask(self) -> None:
        if self._transport is None or not self._round.goes_on:
            return self._leave()
        method, request = self._round.next_request()
        self._reading.begin(method)
        self._waits = True
        self._asked = time.perf_counter()
        self._transport.write(request)

    def _take(self, status: int) -> None:
        self._waits = False
        self._round.answered(status, self._asked)

    def _leave(self) -> None:
        if not self.gone.done():
            self._round.found.failures += self._waits
            self.gone.set_result(None)
