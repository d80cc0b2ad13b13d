"""Plays the server of an app, as cheaply as can be: what it costs is in every contender alike."""

from asyncio import Future, get_running_loop
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, final

import anyio

from asgi_patterns.benching.measuring import Make, Run
from asgi_patterns.benching.processes import CannotMeasure, last_line
from asgi_patterns.kernel.types import AnyApp, Message, Scope
from asgi_patterns.testing.lifespan import LifespanFailed, lifespan
from asgi_patterns.testing.scopes import Server

__all__ = ["GET", "Asked", "Seen", "calling"]

STARTING: Final = 40.0
"""Seconds that an app may take to start, or to answer for the first time."""
NO_ANSWER: Final = "does not answer"
BROKEN: Final = "breaks off"
_START, _BODY = "http.response.start", "http.response.body"

_SERVER = Server(
    client=("127.0.0.1", 50000),
    scheme="http",
    root_path="",
    headers=[],
    http_version="1.1",
    spec_version="2.4",
    extensions={},
)


@final
@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its scope without ``state``, and its content. ``clients`` are who asks in turn, if several do."""

    scope: Scope
    body: bytes = b""
    clients: Sequence[tuple[str, int]] = ()


def get(path: str) -> Asked:
    """Return a small GET with the fields that clients send."""
    fields = [(b"accept", b"*/*"), (b"user-agent", b"bench/1")]
    scope = _SERVER.http("GET", f"http://shop.example{path}", fields, {})
    del scope["extensions"]
    return Asked(scope)


GET: Final = get("/items/7")


def calling(make: Callable[[], AnyApp], asked: Sequence[Asked] = (GET,)) -> Make:
    """Return what measures an app that ``make`` makes: its lifespan is run, and one run asks all of ``asked``."""
    return partial(_calling, make, tuple(asked))


@asynccontextmanager
async def _calling(make: Callable[[], AnyApp], asked: Sequence[Asked]) -> AsyncIterator[Run]:
    app = make()
    try:
        async with lifespan(app, _SERVER, patience=STARTING) as life:
            run = _Calls(app, asked, life.state)
            with anyio.move_on_after(STARTING) as limit:
                await run(1)
            if limit.cancelled_caught:
                raise CannotMeasure(f"it does not answer within {STARTING:g} s")
            yield run
    except LifespanFailed as exc:
        raise CannotMeasure(last_line(str(exc))) from None


@final
class Seen:
    """How one request has been answered: the first answer, and from when on there were others."""

    __slots__ = ("answers", "first", "others")

    def __init__(self) -> None:
        self.answers = 0
        self.first: int | str | None = None
        self.others: dict[int | str, int] = {}
        """Each other answer, with how many came before it."""

    def add(self, answer: int | str) -> None:
        """Take note of a status, or of what there was in place of one."""
        if answer != self.first:
            if self.first is None:
                self.first = answer
            elif answer not in self.others and len(self.others) < 8:
                self.others[answer] = self.answers
        self.answers += 1


@final
class _Calls:
    """A ``Run`` over all requests, one after the other."""

    def __init__(self, app: AnyApp, asked: Sequence[Asked], state: Mapping[str, Any]) -> None:
        self._app = app
        self._state = state
        self._asked = [(each, _message(each.body), Seen()) for each in asked]
        self._turn = 0

    async def __call__(self, calls: int) -> None:
        app, state = self._app, self._state
        for _ in range(calls):
            for asked, message, seen in self._asked:
                scope = {**asked.scope, "headers": [*asked.scope["headers"]], "state": {**state}}
                if asked.clients:
                    self._turn += 1
                    scope["client"] = asked.clients[self._turn % len(asked.clients)]
                exchange = _Exchange(message)
                raised = ""
                try:
                    await app(scope, exchange.receive, exchange.send)
                except Exception as exc:  # as a server does, which answers 500 itself or hangs up
                    raised = f"raises {type(exc).__name__}"
                if exchange.has_ended:  # whatever came later: frameworks answer 500 and raise all the same
                    seen.add(exchange.status)
                else:
                    seen.add(raised or (BROKEN if exchange.status else NO_ANSWER))

    def notes(self) -> list[tuple[int | str | None, dict[int | str, int]]]:
        """Return how each request has been answered: what ``Seen`` has."""
        return [(seen.first, dict(seen.others)) for _, _, seen in self._asked]


def _message(body: bytes) -> Message:
    return {"type": "http.request", "body": body, "more_body": False}


@final
class _Exchange:
    """Both ends of one call: a client that has sent everything, and stays until it has the whole answer."""

    __slots__ = ("_message", "_waiting", "has_ended", "status")

    def __init__(self, message: Message) -> None:
        self.status = 0
        self.has_ended = False
        self._message: Message | None = message
        self._waiting: Future[None] | None = None

    async def receive(self) -> Message:
        if self._message is not None:
            message, self._message = {**self._message}, None
            return message
        if not self.has_ended:
            if self._waiting is None:
                self._waiting = get_running_loop().create_future()
            await self._waiting
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == _START:
            self.status = message["status"]
        elif kind == _BODY and not message.get("more_body", False):
            self.has_ended = True
            if self._waiting is not None and not self._waiting.done():
                self._waiting.set_result(None)
