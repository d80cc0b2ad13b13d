"""What it costs to tag an answer, to answer 304, and to look at what needs neither."""

from collections.abc import Mapping
from typing import Any, final

from xxhash import xxh3_128_hexdigest

from asgi_patterns.caching import ConditionalRequests
from asgi_patterns.caching.digest import tagging
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.harness import Contender, Times, measure, table
from benchmarks.shape import EditHead

SMALL, LARGE = b"x" * 2048, b"x" * 50_000


@final
class Floor:
    """A tag for each whole answer and a 304 for who has it, by hand: no more than the benchmark looks at."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold the head until the body has come."""
        if scope["type"] != "http" or scope["method"] != "GET":
            return await self.app(scope, receive, send)
        known = None
        for name, value in scope["headers"]:
            if name == b"if-none-match":
                known = value
        start: Message | None = None

        async def wrapped(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and message["status"] == 200:
                start = message
                return None
            if start is None:
                return await send(message)
            tag = b'"%b"' % xxh3_128_hexdigest(message["body"]).encode()
            if tag == known:
                await send({"type": "http.response.start", "status": 304, "headers": [(b"etag", tag)]})
                return await send({"type": "http.response.body", "body": b""})
            await send({**start, "headers": [*start["headers"], (b"etag", tag)]})
            await send(message)

        await self.app(scope, receive, wrapped)


@final
class Knowing:
    """Calls an app for a client that has the current state."""

    def __init__(self, app: ASGIApp, tag: bytes) -> None:
        self.app = app
        self.line = (b"if-none-match", tag)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask for another one."""
        scope["headers"] = [*scope["headers"], self.line]
        await self.app(scope, receive, send)


def answering(body: bytes) -> ASGIApp:
    """Return an app that answers with ``body`` in one piece."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def streamed(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a stream of one piece: what counts is what is done to its head."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"x", "more_body": False})


def run(*, rounds: int = 60, calls: int = 2000) -> str:
    """Measure, and return the tables."""
    rows = []
    for size, body in (("2 KB", SMALL), ("50 KB", LARGE)):
        app = answering(body)
        tag = tagging()(body)
        cases: dict[str, tuple[Contender, Contender]] = {
            f"a tag for {size}": (_made(Floor, app), _made(ConditionalRequests(), app)),
            f"a 304 instead of {size}": (_known(Floor, app, tag), _known(ConditionalRequests(), app, tag)),
        }
        for name, (floor, ours) in cases.items():
            alone = _made(_nothing, app) if "304" not in name else _known(_nothing, app, tag)
            rows += _rows(
                name, measure({"alone": alone, "floor": floor, "ours": ours}, rounds=rounds, calls=calls)
            )
    stream = {
        "alone": _made(_nothing, streamed),
        "floor": _made(EditHead(), streamed),
        "ours": _made(ConditionalRequests(), streamed),
    }
    rows += _rows("a stream, without conditions", measure(stream, rounds=rounds, calls=calls))
    title = "Conditional requests, microseconds over the app; the floor of a stream is one layer that edits the head"
    return table(title, rows, ("", "floor", "ours", "of the floor"))


def _rows(name: str, times: Mapping[str, Times]) -> list[tuple[str, ...]]:
    floor = times["floor"].minimum - times["alone"].minimum
    ours = times["ours"].minimum - times["alone"].minimum
    return [(name, f"{floor:.2f}", f"{ours:.2f}", f"{ours / floor:.2f}")]


def _nothing(app: ASGIApp) -> ASGIApp:
    return app


def _made(layer: Any, app: ASGIApp) -> Contender:
    return lambda: layer(app)


def _known(layer: Any, app: ASGIApp, tag: bytes) -> Contender:
    return lambda: Knowing(layer(app), tag)
