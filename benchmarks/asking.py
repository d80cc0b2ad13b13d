"""Requests that say more than the small GET of the harness."""

from collections.abc import Callable
from typing import final

from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
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
            scope["path"], scope["raw_path"] = self.path, self.path.encode()
        scope["headers"] = [*scope["headers"], *self.lines]
        scope[
            "state"
        ] = {}  # of the request's own, as servers have it: some keep there what they have decided
        await self.app(scope, self._receive, send)

    async def _receive(self) -> Message:
        return self.message


def asking(*lines: tuple[bytes, bytes], method: str = "GET", path: str = "", body: bytes = b"") -> How:
    """Return how to measure apps with such a request."""
    return lambda make: calling(lambda: Asking(make(), *lines, method=method, path=path, body=body))
