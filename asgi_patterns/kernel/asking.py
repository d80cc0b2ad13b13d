"""Requests that a layer makes itself of the app inside it.

``ask``: sends one and returns what of the answer is worth to be known.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

import anyio

from asgi_patterns.kernel.types import ASGIApp, Message, RawHeaders, Scope

_log = logging.getLogger("asgi_patterns.asking")


@final
@dataclass(slots=True)
class Asked:
    """What came of a request."""

    status: int = 0
    """0 where there was no answer."""
    headers: RawHeaders = field(default_factory=list)
    body: bytes | None = None
    """All of it, where it was wanted and is no longer than the limit."""


async def ask(
    app: ASGIApp, scope: Scope, *, limit: int, wants_body: Callable[[int, RawHeaders], bool]
) -> Asked:
    """Send a request without content to ``app``; ``scope`` is that of a child exchange.

    Once enough is known, the app is cancelled as if the client had left: it is for safe methods only. Whether the body
    is wanted, of at most ``limit`` bytes, ``wants_body`` says by status and fields. What the app raises is no answer.
    An app that does not answer is waited for: whoever cannot wait for ever says so around it.
    """
    asking = _Asking(limit, wants_body)
    with asking.enough:
        try:
            await app(scope, asking.receive, asking.send)
        except Exception:
            _log.debug("a request of our own failed", exc_info=True)
            if not asking.enough.cancel_called:  # otherwise it is how the app takes being cancelled
                asking.asked = Asked()
    return asking.asked


@final
class _Asking:
    def __init__(self, limit: int, wants_body: Callable[[int, RawHeaders], bool]) -> None:
        self.enough = anyio.CancelScope()
        self.asked = Asked()
        self._limit = limit
        self._wants_body = wants_body
        self._chunks: list[bytes] = []
        self._size = 0
        self._has_asked = False

    async def receive(self) -> Message:
        if not self._has_asked:
            self._has_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await anyio.sleep_forever()
        raise AssertionError("slept for ever")

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.asked = Asked(message["status"], [*message.get("headers", ())])
            if not self._wants_body(self.asked.status, self.asked.headers):
                self.enough.cancel()
        elif message["type"] == "http.response.body":
            self._take(message.get("body", b""), more=message.get("more_body", False))
        elif message["type"] in ("http.response.pathsend", "http.response.zerocopysend"):
            self.enough.cancel()
        if self.enough.cancel_called:
            await anyio.lowlevel.checkpoint()

    def _take(self, chunk: bytes, *, more: bool) -> None:
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > self._limit:
            self.enough.cancel()
        elif not more:
            self.asked.body = b"".join(self._chunks)
            self.enough.cancel()
