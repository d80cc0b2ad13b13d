"""What it costs to stand in front of an app: N of our layers against N hand-written nested functions."""

from typing import ClassVar, final

from asgi_patterns import Pipeline, Problems, RequestId, wrap
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.harness import Contender, Times, measure, table

LAYERS = 6
CHUNKS = 400
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


def _contenders(app: ASGIApp) -> dict[str, Contender]:
    return {
        "the app alone": lambda: app,
        "1 nested function": lambda: nested(app, 1),
        f"{LAYERS} nested functions": lambda: nested(app, LAYERS),
        "1 layer": lambda: layered(app, 1),
        f"{LAYERS} layers": lambda: layered(app, LAYERS),
        f"a pipeline of {LAYERS} layers": lambda: piped(app, LAYERS),
    }


def run(*, rounds: int = 60, calls: int = 2000) -> str:
    """Measure, and return the tables."""
    request = measure(_contenders(whole), rounds=rounds, calls=calls)
    stream = measure(_contenders(streamed), rounds=rounds, calls=max(1, calls // 50))
    default = measure(
        {
            "the app alone": lambda: whole,
            "request id": lambda: RequestId()(whole),
            "problems": lambda: Problems()(whole),
            "wrap(app), the default": lambda: wrap(whole, config={}),
        },
        rounds=rounds,
        calls=calls,
    )
    return "\n\n".join([_per_request(request), _per_chunk(request, stream), _defaults(default)])


def _per_request(times: dict[str, Times]) -> str:
    floor = times[f"{LAYERS} nested functions"].minimum - times["the app alone"].minimum
    rows = [_row(name, each, times["the app alone"], floor) for name, each in times.items()]
    return table(
        "Per request, microseconds; over = minimum over the app alone; ratio to the nested functions",
        rows,
        ("", "minimum", "median", "over", f"of {LAYERS} nested"),
    )


def _per_chunk(request: dict[str, Times], stream: dict[str, Times]) -> str:
    """What one further chunk costs: the stream less the request of one piece, by the number of its chunks."""
    chunk = {
        name: Times(
            (stream[name].minimum - request[name].minimum) / CHUNKS,
            (stream[name].median - request[name].median) / CHUNKS,
        )
        for name in stream
    }
    floor = chunk["1 nested function"].minimum - chunk["the app alone"].minimum
    rows = [_row(name, each, chunk["the app alone"], floor) for name, each in chunk.items()]
    return table(
        f"Per further chunk, microseconds (a stream of {CHUNKS}); ratio to one nested function",
        rows,
        ("", "minimum", "median", "over", "of 1 nested"),
    )


def _defaults(times: dict[str, Times]) -> str:
    rows = [_row(name, each, times["the app alone"], None)[:-1] for name, each in times.items()]
    return table("The layers that exist, per request, microseconds", rows, ("", "minimum", "median", "over"))


def _row(name: str, times: Times, alone: Times, floor: float | None) -> tuple[str, ...]:
    over = times.minimum - alone.minimum
    ratio = f"{over / floor:.2f}" if floor else ""
    return name, f"{times.minimum:.3f}", f"{times.median:.3f}", f"{over:.3f}", ratio
