"""Real servers, one for each row, all up at once and asked in turns by one load generator."""

import socket
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from math import ceil
from multiprocessing.connection import Connection
from typing import Final, final

from asgi_patterns.benching.latencies import quantile
from asgi_patterns.benching.load import HOST, Load, Round, load
from asgi_patterns.benching.numbers import Failed
from asgi_patterns.benching.processes import FAILED, CannotMeasure, Child, begin, bury, undisturbed
from asgi_patterns.benching.results import Served
from asgi_patterns.benching.rows import Row
from asgi_patterns.serving.hosting import Hosting, ServerName, Stopping
from asgi_patterns.serving.listening import Listening
from asgi_patterns.serving.phases import Phase
from asgi_patterns.serving.stopping import FailedToStart

__all__ = ["ServedTold", "lasts", "serving"]

ServedTold = Mapping[str, Served | Failed]

LEAST_ROUNDS: Final = 5
LONGEST: Final = 2.0
LEAST: Final = 0.15
"""Seconds of a round."""
WARM_UP: Final = 0.2
STARTING: Final = 40.0
LATE: Final = 15.0
_STOPPING: Final = Stopping(drain_delay=0, graceful_timeout=2)


def serving(
    rows: Sequence[Row], server: ServerName, what: Load, *, tell: Callable[[ServedTold], None]
) -> ServedTold:
    """Return what a server makes of each row. ``tell`` hears of the results so far."""
    rounds, seconds = rounds_of(len(rows), what.seconds)
    with _started(rows, server, what) as (hosts, generator):
        for host in hosts:
            host.wait_until_listening()
            host.ask(generator, WARM_UP, counts=False)
        for _ in range(rounds):
            for host in hosts:
                host.ask(generator, seconds)
                tell(_results(hosts))
        return _results(hosts)


def rounds_of(rows: int, seconds: float) -> tuple[int, float]:
    """Return how many rounds there are, and the seconds of each, where ``rows`` have so many together."""
    each = seconds / max(1, rows) - WARM_UP
    rounds = max(LEAST_ROUNDS, ceil(each / LONGEST))
    return rounds, max(LEAST, each / rounds)


def lasts(rows: int, seconds: float) -> float:
    """Return how long all of it takes."""
    rounds, each = rounds_of(rows, seconds)
    return rows * (WARM_UP + rounds * each)


def _results(hosts: "Sequence[_Host]") -> ServedTold:
    return {host.name: found for host in hosts if (found := host.result) is not None}


@contextmanager
def _started(rows: Sequence[Row], server: ServerName, what: Load) -> Iterator["tuple[list[_Host], Child]"]:
    """Start all processes; none of them is left at the end, whatever has happened."""
    hosts: list[_Host] = []
    generator = begin(load, what)
    try:
        for row in rows:
            hosts.append(_Host(row, server, [generator.pipe, *(host.child.pipe for host in hosts)]))
        yield hosts, generator
    finally:
        with undisturbed():
            generator.dismiss()
            for host in hosts:
                host.stop()
            bury((generator, *(host.child for host in hosts)))


@final
@dataclass(slots=True)
class _Found:
    throughputs: list[float] = field(default_factory=list)
    latencies: Counter[int] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: int = 0

    def add(self, found: Round) -> None:
        answers = found.latencies.total()
        self.throughputs.append(answers / found.seconds if found.seconds else 0.0)
        self.latencies += found.latencies
        self.statuses += found.statuses
        self.failures += found.failures

    def served(self) -> Served:
        return Served(
            throughput=statistics.median(self.throughputs),
            best=max(self.throughputs),
            worst=min(self.throughputs),
            p50=quantile(self.latencies, 0.5) * 1e3,
            p99=quantile(self.latencies, 0.99) * 1e3,
            requests=self.latencies.total(),
            statuses=dict(self.statuses),
            failures=self.failures,
        )


@final
class _Host:
    """A server with one row's app in it, as seen from here."""

    def __init__(self, row: Row, server: ServerName, others: Sequence[Connection]) -> None:
        self.name = row.name
        self._found = _Found()
        self._failure: str | None = None
        sockets = Listening(host=HOST, port=0).bind()
        self._port = int(sockets[0].getsockname()[1])
        try:
            self.child = begin(_serve, (row, server, sockets), others)
        finally:
            for each in sockets:
                each.close()

    @property
    def result(self) -> Served | Failed | None:
        if self._failure is not None:
            return Failed(self._failure)
        return self._found.served() if self._found.throughputs else None

    def wait_until_listening(self) -> None:
        end = time.monotonic() + STARTING
        while self._failure is None:
            if self.child.pipe.poll(0):
                _, self._failure = self.child.hear(0)
                return
            with suppress(OSError), socket.create_connection((HOST, self._port), timeout=1.0):
                return
            if time.monotonic() > end:
                self._failure = f"its server did not listen within {STARTING:g} s"
            time.sleep(0.02)

    def ask(self, generator: Child, seconds: float, *, counts: bool = True) -> None:
        """Let it be asked for so long."""
        if self._failure is not None:
            return
        generator.tell((self._port, seconds))
        kind, found = generator.hear(seconds + LATE)
        if kind == FAILED:
            self._failure = f"the load generator: {found}"
        elif counts:
            self._found.add(found)

    def stop(self) -> None:
        with suppress(OSError):
            self.child.pipe.send_bytes(bytes([Phase.STOPPING]))
        self.child.pipe.close()


def _serve(what: tuple[Row, ServerName, list[socket.socket]], pipe: Connection) -> None:
    """Be a server, until the pipe says otherwise or ends. No log, and no port beside this one."""
    row, server, sockets = what
    app, pipeline = row.served()
    hosting = Hosting(server=server, access_log=False, log_level="critical")
    module = import_module(f"asgi_patterns.serving.{server}")
    module.logger(hosting)
    try:
        module.run(app, pipeline, hosting, _STOPPING, sockets, pipe)
    except FailedToStart:
        raise CannotMeasure(f"it does not start behind {server}; asgi-patterns serve says why") from None
