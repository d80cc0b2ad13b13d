"""What it costs to stand in front of an app: N of our layers against N hand-written nested functions."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, ClassVar, final

from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

from asgi_patterns import Pipeline
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.comparing import Entrant, app, compare, floor, ours, peer
from benchmarks.harness import ROUNDS, Contender, MakeRound, Round, call
from benchmarks.results import Group

Wrap = Callable[[ASGIApp], ASGIApp]
LAYERS = 6
CHUNKS = 200
HEADER = (b"x-edited", b"1")


async def whole(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer at once, in one piece."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


async def streamed(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in many pieces."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    for _ in range(CHUNKS):
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@final
@settings
class EditHead(Layer):
    """Adds one header field: the least that a layer can do."""

    place: ClassVar[Place] = Place.SECURITY_HEADERS

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return _Wired(app)


@final
class _Wired:
    __slots__ = ("_app",)

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        _, scope = Exchange.of(scope)
        await self._app(scope, receive, Link(send, _edit))


def _edit(head: Message) -> None:
    head["headers"].append(HEADER)


@final
class Nested:
    """The same by hand, the way middleware is usually written."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wrap ``send`` in a function of this call."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], HEADER]}
            await send(message)

        await self.app(scope, receive, wrapped)


def nested(app: ASGIApp, count: int) -> ASGIApp:
    """Return ``app`` behind ``count`` hand-written middlewares."""
    for _ in range(count):
        app = Nested(app)
    return app


def layered(app: ASGIApp, count: int) -> ASGIApp:
    """Return ``app`` behind ``count`` of our layers."""
    for _ in range(count):
        app = EditHead()(app)
    return app


def piped(app: ASGIApp, count: int) -> ASGIApp:
    """Return ``app`` behind one pipeline of ``count`` of our layers."""
    return Pipeline(*(EditHead(name=f"edit_{at}") for at in range(count)))(app)


def run(*, rounds: int = ROUNDS, calls: int | None = None) -> Group:
    """Measure."""
    one = compare("1 layer", *_entrants(_alone_with(whole), 1), rounds=rounds, calls=calls)
    six = compare(f"{LAYERS} layers", *_entrants(_alone_with(whole), LAYERS), rounds=rounds, calls=calls)
    chunk = compare(
        "each further chunk of a stream",
        *_entrants(_streaming_with, 1),
        *_entrants(_streaming_with, LAYERS)[1:],
        rounds=rounds,
        calls=calls,
        how=per_chunk,
        requests=CHUNKS,
    )
    return Group(
        name="shape", title="To stand in front of an app, and do next to nothing", cases=(one, six, chunk)
    )


def _entrants(made: Callable[[Wrap], Any], count: int) -> list[Entrant]:
    number = f"{count} function{'s' if count > 1 else ''}"
    entrants = [
        app("the app alone", made(lambda app: app)),
        floor(f"{number}, nested by hand", made(partial(nested, count=count))),
        ours(f"{count} layer{'s' if count > 1 else ''}", made(partial(layered, count=count))),
    ]
    if count > 1:
        entrants.append(ours(f"a pipeline of {count} layers", made(partial(piped, count=count))))
    else:
        entrants.append(peer("1 BaseHTTPMiddleware of Starlette's", made(_based)))
    return entrants


def _alone_with(app: ASGIApp) -> Callable[[Wrap], Contender]:
    return lambda wrap: lambda: wrap(app)


def _streaming_with(wrap: Wrap) -> Contender:
    return lambda: wrap(streamed)


def _based(app: ASGIApp) -> ASGIApp:
    async def edit(request: Request, call_next: RequestResponseEndpoint) -> Response:
        answer = await call_next(request)
        answer.headers["x-edited"] = "1"
        return answer

    return BaseHTTPMiddleware(app, edit)


def per_chunk(make: Contender) -> MakeRound:
    """Return what measures the chunks of one stream: a call is a stream of ``CHUNKS``."""

    @asynccontextmanager
    async def rounds() -> AsyncIterator[Round]:
        app = make()

        async def one_round(calls: int) -> float:
            return await call(app, calls) / CHUNKS

        yield one_round

    return rounds
