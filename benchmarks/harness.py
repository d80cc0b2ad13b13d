"""Measure contenders fairly: each in a process of its own, in rounds that take turns.

A contender that leaves tasks or garbage behind is not billed to the next one, and a machine that slows down for
a while slows every contender down. The collector stays on: users do not switch it off.
"""

import asyncio
import multiprocessing
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection

from asgi_patterns.kernel.types import ASGIApp, Message, Scope

Contender = Callable[[], ASGIApp]
"""Makes the app to measure, in the process that measures it."""


@dataclass(frozen=True, slots=True)
class Times:
    """Microseconds per call over all rounds."""

    minimum: float
    median: float


def scope() -> Scope:
    """Return what a server would: a small GET with the fields that clients send."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/items/7",
        "raw_path": b"/items/7",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"shop.example"), (b"accept", b"*/*"), (b"user-agent", b"bench/1")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


async def _receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Message) -> None:
    """Take the message, as a server with an empty socket buffer does."""


async def call(app: ASGIApp, calls: int) -> float:
    """Call the app so many times, and return the microseconds of each."""
    template = scope()
    begin = time.perf_counter()
    for _ in range(calls):
        await app(dict(template), _receive, _send)
    return (time.perf_counter() - begin) / calls * 1e6


Round = Callable[[int], Awaitable[float]]
"""Does something so many times, and returns the microseconds that each took."""

MakeRound = Callable[[], AbstractAsyncContextManager[Round]]
"""Makes what is measured, in the process that measures it, and tidies up."""


def calling(make: Contender) -> MakeRound:
    """Return what measures calls of an app."""

    @asynccontextmanager
    async def rounds() -> AsyncIterator[Round]:
        app = make()
        await call(app, 200)
        yield partial(call, app)

    return rounds


def _serve_rounds(make: MakeRound, pipe: Connection) -> None:
    """Run in the contender's process: one round for each number of calls that comes through ``pipe``."""

    async def rounds() -> None:
        async with make() as one_round:
            while calls := pipe.recv():
                pipe.send(await one_round(calls))

    asyncio.run(rounds())


def measure(contenders: Mapping[str, Contender], *, rounds: int, calls: int) -> dict[str, Times]:
    """Return the times that a call of each app takes."""
    makers = {name: calling(make) for name, make in contenders.items()}
    return measure_rounds(makers, rounds=rounds, calls=calls)


def measure_rounds(makers: Mapping[str, MakeRound], *, rounds: int, calls: int) -> dict[str, Times]:
    """Return the times of each contender. Rounds take turns, so one contender never has a quiet minute alone."""
    context = multiprocessing.get_context("fork")
    pipes: dict[str, Connection] = {}
    processes = []
    for name, make in makers.items():
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve_rounds, args=(make, theirs), daemon=True)
        process.start()
        processes.append(process)
        pipes[name] = ours
    samples: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(rounds):
        for name, pipe in pipes.items():
            pipe.send(calls)
            samples[name].append(pipe.recv())
    for pipe in pipes.values():
        pipe.send(0)
    for process in processes:
        process.join()
    return {name: Times(min(taken), statistics.median(taken)) for name, taken in samples.items()}


def table(title: str, rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    """Return an aligned text table: the first column to the left, numbers to the right."""
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]

    def line(row: Sequence[str]) -> str:
        first, *rest = row
        return "  ".join(
            [
                first.ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)),
            ]
        )

    return "\n".join([title, line(head), "  ".join("-" * width for width in widths), *map(line, rows)])
