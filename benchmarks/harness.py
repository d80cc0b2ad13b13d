"""Measure contenders fairly, with what ``asgi-patterns bench`` measures with: in processes of their own, in turns."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Final, final

from asgi_patterns.benching import measuring
from asgi_patterns.benching.counting import count
from asgi_patterns.benching.numbers import Counts
from asgi_patterns.kernel.types import ASGIApp, Message, Scope

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

ROUNDS: Final = 200
COUNTED: Final = 8
"""Calls that are counted; the one that took least is told."""

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


def measure(
    contenders: Mapping[str, Contender], *, rounds: int, calls: int | None = None
) -> dict[str, Times]:
    """Return the times that a call of each app takes."""
    makers = {name: calling(make) for name, make in contenders.items()}
    return measure_rounds(makers, rounds=rounds, calls=calls)


def measure_rounds(
    makers: Mapping[str, MakeRound],
    *,
    rounds: int,
    calls: int | None = None,
    counts: bool = True,
    requests: int = 1,
) -> dict[str, Times]:
    """Return the times of each contender. Rounds take turns, so one contender never has a quiet minute alone.

    ``calls``: of each round; without a number as many as fit into a moment, see ``benching.measuring``.
    ``counts``: count what the interpreter does for a call, too; of use where that is the same each time.
    ``requests``: how many a call makes, where it is more than one; counts are for one.
    Raises ``RuntimeError`` for a contender that fails.
    """
    repeats = COUNTED if counts else 0
    if not _forks.get():
        return {name: asyncio.run(_alone(make, rounds, calls or 1, repeats)) for name, make in makers.items()}
    noting = {
        name: measuring.Contender(make=partial(_noting, make), requests=requests)
        for name, make in makers.items()
    }
    measured = measuring.measure(noting, rounds=rounds, calls=calls, counted=repeats)
    return {name: _times(each.notes, each.counts) for name, each in measured.items()}


async def _alone(make: MakeRound, rounds: int, calls: int, repeats: int) -> Times:
    async with _noting(make) as noted:
        counts = await count(noted, repeats) if repeats else None
        for _ in range(rounds):
            await noted(calls)
            taken = noted.notes()
        return _times(taken, counts)


def _times(taken: Sequence[float], counts: Counts | None) -> Times:
    return Times(min(taken), statistics.median(taken), counts)


@asynccontextmanager
async def _noting(make: MakeRound) -> AsyncIterator["_Noted"]:
    async with make() as one_round:
        yield _Noted(one_round)


@final
class _Noted:
    """Rounds that take their time themselves: some leave out of it what is not theirs."""

    def __init__(self, one_round: Round) -> None:
        self._one_round = one_round
        self._latest = 0.0
        self._taken: list[float] = []

    async def __call__(self, calls: int) -> None:
        self._latest = await self._one_round(calls)

    def notes(self) -> list[float]:
        """Return the times of all rounds: asked for after each, and not after what only warms up."""
        self._taken.append(self._latest)
        return self._taken


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
