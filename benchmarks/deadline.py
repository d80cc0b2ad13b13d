"""What it costs to limit the time of a request, against limits of one's own, and what all of protection costs."""

import asyncio
from typing import final

import anyio

from asgi_patterns import BodyLimit, Deadline, LoadShedding
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from benchmarks.body_limit import Floor
from benchmarks.conditional import SIZES, answering
from benchmarks.harness import Contender, measure, table
from benchmarks.load_shedding import Counter


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


def run(*, rounds: int = 60, calls: int = 2000) -> str:
    """Measure, and return the table."""
    app = answering(SIZES["2 KB"])
    contenders: dict[str, Contender] = {
        "alone": lambda: app,
        "anyio.move_on_after": lambda: MoveOn(app),
        "asyncio.timeout": lambda: Timeout(app),
        "Deadline": lambda: Deadline()(app),
        "a length, a deadline and a counter, by hand": lambda: Floor(MoveOn(Counter(app))),
        "BodyLimit, Deadline, LoadShedding": lambda: BodyLimit()(Deadline()(LoadShedding()(app))),
    }
    times = measure(contenders, rounds=rounds, calls=calls)
    alone = times.pop("alone").minimum
    rows = [(name, f"{each.minimum - alone:.2f}") for name, each in times.items()]
    return table("Deadlines, microseconds over an app that answers with 2 KB", rows, ("", "over"))
