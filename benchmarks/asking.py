"""Requests that say more than the small GET of the harness, and the apps that answer them."""

from collections.abc import Callable
from typing import final

from asgi_patterns.kernel.types import ASGIApp, Message, RawHeaders, Receive, Scope, Send
from benchmarks.harness import Contender, MakeRound, calling

How = Callable[[Contender], MakeRound]


@final
class Asking:
    """Calls an app for a client that sends these fields, and this content where there is some."""

    def __init__(
        self,
        app: ASGIApp,
        *lines: tuple[bytes, bytes],
        method: str = "GET",
        path: str = "",
        body: bytes = b"",
    ) -> None:
        self.app = app
        self.lines = lines
        self.method = method
        self.path = path
        self.message: Message = {"type": "http.request", "body": body, "more_body": False}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["method"] = self.method
        if self.path:
            scope["path"] = self.path
        scope["headers"] = [*scope["headers"], *self.lines]
        await self.app(scope, self._receive, send)

    async def _receive(self) -> Message:
        return self.message


def asking(*lines: tuple[bytes, bytes], method: str = "GET", path: str = "", body: bytes = b"") -> How:
    """Return how to measure apps with such a request."""
    return lambda make: calling(lambda: Asking(make(), *lines, method=method, path=path, body=body))


def answering(body: bytes) -> ASGIApp:
    """Return an app that answers with ``body`` in one piece. New fields each time: some change them."""
    headers: RawHeaders = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [*headers]})
        await send({"type": "http.response.body", "body": body})

    return app


def reading(app: ASGIApp) -> ASGIApp:
    """Return an app that reads its request before ``app`` answers."""

    async def read(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await app(scope, receive, send)

    return read


async def streamed(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a stream of one piece: what counts is what is done to its head."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"x", "more_body": False})


SIZES = {"2 KB": b"x" * 2048, "50 KB": b"x" * 50_000}
small = answering(SIZES["2 KB"])
"""The app that most layers stand in front of."""
