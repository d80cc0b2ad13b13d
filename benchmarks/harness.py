"""Measure contenders fairly: each in a process of its own, in rounds that take turns.

A contender that leaves tasks or garbage behind is not billed to the next one, and a machine that slows down for
a while slows every contender down. The collector stays on: users do not switch it off.
"""

import asyncio
import multiprocessing
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, Final, final

from asgi_patterns.kernel.types import ASGIApp, Message, Scope
from benchmarks.counting import Counts, counted

Contender = Callable[[], ASGIApp]
"""Makes the app to measure, in the process that measures it."""


@dataclass(frozen=True, slots=True)
class Times:
    """What a call takes: microseconds over all rounds, and what the interpreter does for it, where that was counted."""

    minimum: float
    median: float
    counts: Counts | None = None


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

END: Final = 0
"""What a contender is told when nobody asks it any more."""

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


_forks: ContextVar[bool] = ContextVar("forks", default=True)


@contextmanager
def in_this_process() -> Iterator[None]:
    """Fork nothing meanwhile: quick, and good for nothing but to see that it works."""
    token = _forks.set(False)
    try:
        yield
    finally:
        _forks.reset(token)


def measure(contenders: Mapping[str, Contender], *, rounds: int, calls: int) -> dict[str, Times]:
    """Return the times that a call of each app takes."""
    makers = {name: calling(make) for name, make in contenders.items()}
    return measure_rounds(makers, rounds=rounds, calls=calls)


def measure_rounds(
    makers: Mapping[str, MakeRound], *, rounds: int, calls: int, counts: bool = True
) -> dict[str, Times]:
    """Return the times of each contender. Rounds take turns, so one contender never has a quiet minute alone.

    ``counts``: count what the interpreter does for a call, too; of use where that is the same each time.
    """
    if not _forks.get():
        return {name: asyncio.run(_alone(make, rounds, calls, counts)) for name, make in makers.items()}
    with ExitStack() as stack:
        forked = {name: stack.enter_context(_Forked(name, make)) for name, make in makers.items()}
        samples: dict[str, list[float]] = {name: [] for name in makers}
        for _ in range(rounds):
            for name, each in forked.items():
                samples[name].append(each.ask(calls))
        counted_ones = {name: each.ask(None) if counts else None for name, each in forked.items()}
    return {name: _times(taken, counted_ones[name]) for name, taken in samples.items()}


async def _alone(make: MakeRound, rounds: int, calls: int, counts: bool) -> Times:
    async with make() as one_round:
        taken = [await one_round(calls) for _ in range(rounds)]
        return _times(taken, await counted(one_round) if counts else None)


def _times(taken: Sequence[float], counts: Counts | None) -> Times:
    return Times(min(taken), statistics.median(taken), counts)


@final
class _Forked:
    """A contender in a process of its own, which ends with the ``with`` block."""

    _context = multiprocessing.get_context("fork")

    def __init__(self, name: str, make: MakeRound) -> None:
        self._name = name
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(target=_serve_rounds, args=(make, theirs), daemon=True)
        self._process.start()
        theirs.close()  # so that a contender that fails is noticed, and not waited for

    def ask(self, calls: int | None) -> Any:
        """Return the time of a round of so many calls, or without a number what is counted for one."""
        try:
            self._pipe.send(calls)
            return self._pipe.recv()
        except (EOFError, ConnectionError) as error:
            raise RuntimeError(f"the process of {self._name!r} has ended; see above") from error

    def __enter__(self) -> "_Forked":
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ConnectionError):
            self._pipe.send(END)
        self._process.join()


def _serve_rounds(make: MakeRound, pipe: Connection) -> None:
    """Run in the contender's process, and answer what is asked until nobody asks any more."""

    async def rounds() -> None:
        async with make() as one_round:
            while (calls := pipe.recv()) != END:
                pipe.send(await counted(one_round) if calls is None else await one_round(calls))

    asyncio.run(rounds())


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
