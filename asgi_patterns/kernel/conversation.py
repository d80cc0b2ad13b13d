"""A WebSocket that a layer listens to, and may close.

``Conversation``: the ``receive`` of one WebSocket, and a sink for what the app sends once it has accepted;
``Span``: how long one may last.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final, NamedTuple, final

import anyio

from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send


class Farewell(NamedTuple):
    """Why a WebSocket is closed: a code (RFC 6455 7.4) and a reason of at most 123 bytes."""

    code: int
    reason: str


Judge = Callable[[Message], Farewell | None]
"""Called with each message of the client before the app sees it; a farewell closes the WebSocket there."""

# RFC 6455 7.4.1: 1001 is for an endpoint that goes away. Clients that live on take it as a hint to connect again.
IDLE: Final = Farewell(1001, "idle for too long")
OVER: Final = Farewell(1001, "open for too long")


@final
@dataclass(frozen=True, slots=True)
class Span:
    """How long a WebSocket may last, in seconds since it was accepted."""

    idle: float = inf
    """Without a message in either direction."""
    life: float = inf
    grace: float = 5.0
    """How much longer the app may take to end before it is cancelled."""


ENDLESS: Final = Span()


@final
class Conversation:
    """One WebSocket. It is itself the ``receive`` that is handed inwards; ``send`` is a sink for a link.

    When it is closed, by ``judge`` or at the end of its ``span``, the app gets a disconnect instead of the message, as
    if the client had left, and what it still sends raises ``OSError``, as servers do then. ``tell`` learns why. Only
    ``run`` can end an app that neither receives nor sends.
    """

    # No slots: what only a span sets stands on the class.
    _farewell: Farewell | None = None
    _span = ENDLESS
    _end = inf
    _last = inf  # as long as nothing is timed
    _waiting: anyio.CancelScope | None = None
    _running: anyio.CancelScope | None = None

    def __init__(
        self,
        receive: Receive,
        send: Send,
        judge: Judge,
        *,
        span: Span = ENDLESS,
        tell: Callable[[Farewell], None] | None = None,
    ) -> None:
        self._receive = receive
        self._send = send
        self._judge = judge
        self._tell = tell
        if span != ENDLESS:
            self._span = span

    def accept(self) -> Send:
        """Begin to count time, and return where the app's acceptance goes, and all that follows.

        An app that refuses instead takes as long as it takes: there is no WebSocket to be closed.
        """
        if self._span is not ENDLESS:
            now = anyio.current_time()
            self._end = now + self._span.life
            self._move(now)
        return self.send

    async def __call__(self) -> Message:
        """Return the next message for the app."""
        if self._farewell is None:
            message = await (self._receive() if self._span is ENDLESS else self._receive_in_time())
            if message["type"] != "websocket.receive" or (farewell := self._judge(message)) is None:
                return message
            await self._close(farewell)
            return parting(farewell)
        return parting(self._farewell)

    async def send(self, message: Message) -> None:
        """Pass on what the app sends, as long as somebody is there to get it."""
        if self._farewell is None and self._span is not ENDLESS:
            await self._spend(message)
        if self._farewell is not None:
            raise OSError(f"the WebSocket has been closed: {self._farewell.reason}")
        await self._send(message)

    async def run(self, app: ASGIApp, scope: Scope, send: Send) -> None:
        """Call ``app`` with this conversation, and cancel it where it does not end with its span."""
        with anyio.CancelScope(deadline=self._due + self._span.grace) as self._running:
            await app(scope, self, send)
        if self._running.cancelled_caught and self._farewell is None:
            # What kept the app may keep this as well: a client that does not read.
            with anyio.move_on_after(self._span.grace):
                await self._close(self._lateness)

    async def _close(self, farewell: Farewell) -> None:
        self._farewell = farewell
        if self._tell is not None:
            self._tell(farewell)
        await self._send({"type": "websocket.close", "code": farewell.code, "reason": farewell.reason})

    async def _receive_in_time(self) -> Message:
        """Return the next message, or the parting where none comes in time."""
        with anyio.CancelScope(deadline=self._due) as self._waiting:
            message = await self._receive()
            if self._note(message):
                return message
        farewell = self._lateness
        await self._close(farewell)
        return parting(farewell)

    def _note(self, message: Message) -> bool:
        """Note that the client says something, and return whether it is not too late for that."""
        if message["type"] == "websocket.disconnect":
            self._move(inf)
        elif message["type"] == "websocket.receive":
            now = anyio.current_time()
            # Who always has a next message is never waited for, so that no deadline would be noticed.
            if now >= self._end:
                return False
            self._move(now)
        return True

    async def _spend(self, message: Message) -> None:
        """Note that the app says something, or close where it is too late for that."""
        now = anyio.current_time()
        if message["type"] == "websocket.close":
            self._move(inf)  # what the app has to do afterwards takes as long as it takes
        elif now >= self._due:
            await self._close(self._lateness)
        else:
            self._move(now)

    @property
    def _due(self) -> float:
        return min(self._last + self._span.idle, self._end)

    @property
    def _lateness(self) -> Farewell:
        return OVER if self._end <= self._last + self._span.idle else IDLE

    def _move(self, now: float) -> None:
        """Begin to count idle time anew; with ``inf``, count no time any more."""
        self._last = now
        if now == inf:
            self._end = inf
        if self._waiting is not None:
            self._waiting.deadline = self._due
        if self._running is not None:
            self._running.deadline = self._due + self._span.grace


def parting(farewell: Farewell) -> Message:
    """Return what an app gets once its WebSocket has been closed."""
    return {"type": "websocket.disconnect", "code": farewell.code, "reason": farewell.reason}
