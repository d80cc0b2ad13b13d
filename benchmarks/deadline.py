"""What it costs to limit the time of a request, against limits of one's own, and what all of protection costs."""

import asyncio
from typing import final

import anyio

from asgi_patterns import BodyLimit, Deadline, LoadShedding
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from benchmarks.answers import small
from benchmarks.body_limit import Floor
from benchmarks.comparing import app, compare, floor, ours
from benchmarks.harness import ROUNDS
from benchmarks.load_shedding import Counter
from benchmarks.results import Budget, Group

TIMER = "by hand, without rules and refusals, it is nearly as much: most of it is the timer of the event loop"


@final
class MoveOn:
    """One limit for the whole call, with anyio: no refusal, no gaps, no body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.move_on_after(30):
            await self.app(scope, receive, send)


@final
class Timeout:
    """The same with asyncio's own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with asyncio.timeout(30):
            await self.app(scope, receive, send)


def run(*, rounds: int = ROUNDS, calls: int | None = None) -> Group:
    """Measure."""
    deadline = compare(
        "a deadline for 2 KB",
        app("the app alone", lambda: small),
        floor("anyio.move_on_after", lambda: MoveOn(small)),
        floor("asyncio.timeout", lambda: Timeout(small)),
        ours("Deadline", lambda: Deadline()(small), layer="Deadline"),
        rounds=rounds,
        calls=calls,
    )
    protection = compare(
        "all of protection for 2 KB",
        app("the app alone", lambda: small),
        floor("a length, a deadline and a counter, by hand", lambda: Floor(MoveOn(Counter(small)))),
        ours(
            "BodyLimit, Deadline, LoadShedding",
            lambda: BodyLimit()(Deadline()(LoadShedding()(small))),
            Budget(most=9, of="us", reason=TIMER),
        ),
        rounds=rounds,
        calls=calls,
    )
    return Group(name="deadline", title="Deadlines, and all of protection", cases=(deadline, protection))
