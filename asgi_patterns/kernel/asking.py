"""Requests that a layer makes itself of the app inside it.

``ask``: sends one and returns what of the answer is worth to be known.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, final

import anyio

from asgi_patterns.kernel.types import ASGIApp, Message, RawHeaders, Scope

GRACE: Final = 0.5
"""Seconds that an app has to end in, after it has said enough: frameworks clean up, and run what follows an answer."""

SWALLOWED: Final = 1024 * 1024
"""Bytes that it may go on to send meanwhile: a document of no more is over sooner than it could be broken off."""
NOTICE: Final = 0.05
"""Seconds between the word that the client has left, for those who listen, and an error, for those who do not."""

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

    Whether the body is wanted, of at most ``limit`` bytes, ``wants_body`` says by status and fields. Once enough is
    known, the client has left; an app that does not end then within ``GRACE`` seconds is cancelled. So it is for safe
    methods only. What the app raises before is no answer. One that does not answer is waited for: whoever cannot
    wait for ever says so around it.
    """
    asking = _Asking(limit, wants_body)
    # ASGI 2.4 would have ``send`` raise after the client has left. Ours waits, and ``receive`` says that it has.
    scope["asgi"] = {**scope.get("asgi", {"version": "3.0"}), "spec_version": "2.3"}
    with asking.patience:
        try:
            await app(scope, asking.receive, asking.send)
        except Exception:
            _log.debug("a request of our own failed", exc_info=True)
            if not asking.enough.is_set():  # otherwise it is how the app takes that nobody listens
                asking.asked = Asked()
    return asking.asked


@final
class _Asking:
    def __init__(self, limit: int, wants_body: Callable[[int, RawHeaders], bool]) -> None:
        self.patience = anyio.CancelScope()
        self.enough = anyio.Event()
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
        await self.enough.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.asked = Asked(message["status"], [*message.get("headers", ())])
            if not self._wants_body(self.asked.status, self.asked.headers):
                self._leave()
        elif message["type"] == "http.response.body":
            await self._take(message.get("body", b""), more=message.get("more_body", False))
        elif message["type"] in ("http.response.pathsend", "http.response.zerocopysend"):
            self._leave()

    async def _take(self, chunk: bytes, *, more: bool) -> None:
        self._size += len(chunk)
        if not self.enough.is_set():
            self._keep(chunk, more=more)
        if more and self._size > SWALLOWED:
            await anyio.sleep(NOTICE)
            raise OSError("the client has left")
        await anyio.lowlevel.checkpoint()

    def _keep(self, chunk: bytes, *, more: bool) -> None:
        self._chunks.append(chunk)
        if self._size > self._limit:
            self._leave()
        elif not more:
            self.asked.body = b"".join(self._chunks)
            self._leave()

    def _leave(self) -> None:
        if not self.enough.is_set():
            self.enough.set()
            self.patience.deadline = anyio.current_time() + GRACE
