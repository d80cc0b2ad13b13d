"""A WebSocket that a layer listens to, and may close.

``Conversation``: the ``receive`` of one WebSocket, and a sink for what the app sends once it has accepted.
"""

from collections.abc import Callable
from typing import NamedTuple, final

from asgi_patterns.kernel.types import Message, Receive, Send


class Farewell(NamedTuple):
    """Why a WebSocket is closed: a code (RFC 6455 7.4) and a reason of at most 123 bytes."""

    code: int
    reason: str


Judge = Callable[[Message], Farewell | None]
"""Called with each message of the client before the app sees it; a farewell closes the WebSocket there."""


@final
class Conversation:
    """One WebSocket. It is itself the ``receive`` that is handed inwards; ``send`` is a sink for a link.

    When ``judge`` closes it, the app gets a disconnect instead of the message, as if the client had left, and what
    it still sends raises ``OSError``, as servers do then.
    """

    __slots__ = ("_farewell", "_judge", "_receive", "_send")

    def __init__(self, receive: Receive, send: Send, judge: Judge) -> None:
        self._receive = receive
        self._send = send
        self._judge = judge
        self._farewell: Farewell | None = None

    async def __call__(self) -> Message:
        """Return the next message for the app."""
        if self._farewell is None:
            message = await self._receive()
            if message["type"] != "websocket.receive" or (farewell := self._judge(message)) is None:
                return message
            self._farewell = farewell
            await self._send({"type": "websocket.close", "code": farewell.code, "reason": farewell.reason})
        return {"type": "websocket.disconnect", "code": self._farewell.code, "reason": self._farewell.reason}

    async def send(self, message: Message) -> None:
        """Pass on what the app sends, as long as somebody is there to get it."""
        if self._farewell is not None:
            raise OSError(f"the WebSocket has been closed: {self._farewell.reason}")
        await self._send(message)
