"""An app as a server sees it that does not end what it has in hand by itself.

hypercorn waits for connections without a limit (Python 3.12.1 and later), granian for connections but not for
what an app does after its answer, and also for a client that never ends its request.
"""

import logging
from typing import final

import anyio
from anyio import CancelScope

from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.serving.commands import Commands
from asgi_patterns.serving.phases import Phase

__all__ = ["Hosted"]

CLEANING_UP = 1.0
"""Seconds for cancelled requests to clean up, and for the server to notice, before it is left alone."""

_SHUTDOWN: Message = {"type": "lifespan.shutdown"}


@final
class Hosted:
    """``app`` with an eye on what it has in hand: requests, WebSockets, and its lifespan."""

    def __init__(self, app: ASGIApp, log: logging.Logger) -> None:
        self._app = app
        self._log = log
        self._in_hand: set[CancelScope] = set()
        self._one_less = anyio.Event()
        self._left_alone = anyio.Event()
        self._ended = anyio.Event()
        self.has_started = False
        """Whether the app's lifespan said so."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app; who is given up returns without having answered."""
        if scope["type"] == "lifespan":
            return await self._live(scope, receive, send)
        with anyio.CancelScope() as in_hand:
            self._in_hand.add(in_hand)
            try:
                await self._app(scope, receive, send)
            finally:
                self._in_hand.discard(in_hand)
                self._one_less.set()

    async def end(self, commands: Commands, seconds: float) -> None:
        """Cancel what is in hand when its time is over; then see to it that the lifespan comes to its end."""
        with anyio.move_on_after(seconds):
            await commands.reached(Phase.GIVING_UP)
        if self._in_hand:
            self._log.error("Giving up %d running request(s)", len(self._in_hand))
        for in_hand in self._in_hand:
            in_hand.cancel()
        await anyio.sleep(CLEANING_UP)
        self._left_alone.set()
        await self._ended.wait()

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            self.has_started = self.has_started or message["type"] == "lifespan.startup.complete"
            await send(message)

        async def received() -> Message:
            return await self._next(receive)

        try:
            await self._app(scope, received, sent)
        finally:
            self._ended.set()

    async def _next(self, receive: Receive) -> Message:
        """Return the server's next word to the lifespan. The last one waits until nothing is in hand."""
        message = _SHUTDOWN
        async with anyio.create_task_group() as group:
            group.start_soon(self._interrupt, group.cancel_scope)
            message = await receive()
            while message["type"] == _SHUTDOWN["type"] and self._in_hand:
                self._one_less = anyio.Event()
                await self._one_less.wait()
            group.cancel_scope.cancel()
        return message

    async def _interrupt(self, waiting: CancelScope) -> None:
        await self._left_alone.wait()
        waiting.cancel()
