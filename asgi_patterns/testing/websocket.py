"""One WebSocket, seen from the client."""

import json
from typing import Any, final

from asgi_patterns.kernel.types import Message
from asgi_patterns.testing.answer import Answer
from asgi_patterns.testing.wire import Wire

ABNORMAL = 1006
"""The code of a connection that ended without a close frame (RFC 6455, 7.1.5)."""


@final
class WebSocket:
    """A connection that the app has answered: accepted or denied.

    What the client sends waits in a queue; each ``send`` of the app returns when the test has received its
    message. Leaving the ``async with`` block closes with 1000. Every method that waits raises
    ``TimeoutError`` after the client's ``timeout``.
    """

    messages: list[Message]
    """Every message that the app sent and the client took, in order."""
    accepted: Message | None
    """The accept message with its ``headers`` and ``subprotocol``; ``None`` when the app denied."""
    denial: Answer | None
    """The HTTP answer instead: the app's own, or the bare 403 that a close before accept means."""
    close_code: int | None
    """The code the connection was closed with, by either side; 1006 when it just ended."""
    close_reason: str

    def __init__(self, wire: Wire) -> None:
        self.messages = []
        self.accepted = None
        self.denial = None
        self.close_code = None
        self.close_reason = ""
        self._wire = wire
        wire.post({"type": "websocket.connect"})

    async def handshake(self) -> None:
        """Take messages until the app has accepted or denied. Called by ``client.websocket``."""
        while self.accepted is None and not (self.denial and self.denial.complete):
            message = await self._take()
            if message is None:
                raise AssertionError("the app ended without an answer to the handshake")
            self._answered(message)
        if self.denial:
            # The app is told the same as by a server: there never was a connection to close with its code.
            self._closed(self.close_code or ABNORMAL, self.close_reason, told=ABNORMAL)

    def _answered(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self.accepted = message
        elif kind == "websocket.close":
            self.denial = Answer()
            self.denial.add({"type": "websocket.http.response.start", "status": 403, "headers": []})
            self.denial.add({"type": "websocket.http.response.body"})
            self.close_code, self.close_reason = message.get("code", 1000), message.get("reason") or ""
        elif kind.startswith("websocket.http.response."):
            self.denial = self.denial or Answer()
            self.denial.add(message)

    async def receive(self) -> Message:
        """Take the app's next message. Raises ``ConnectionError`` when there will be none."""
        message = None if self.close_code is not None else await self._take()
        if message is None:
            if self.close_code is None:
                self._closed(ABNORMAL, "")
            raise ConnectionError(f"the connection is closed: {self.close_code} {self.close_reason}".rstrip())
        if message["type"] == "websocket.close":
            self._closed(message.get("code", 1000), message.get("reason"))
        return message

    async def receive_text(self) -> str:
        """Take the next message, which must be text. Raises ``ConnectionError`` when the app closes."""
        return str(await self._data("text"))

    async def receive_bytes(self) -> bytes:
        """Take the next message, which must be binary. Raises ``ConnectionError`` when the app closes."""
        return bytes(await self._data("bytes"))

    async def receive_json(self) -> Any:
        """Take the next message, which must be text, and parse it as JSON."""
        return json.loads(await self.receive_text())

    async def _data(self, form: str) -> Any:
        message = await self.receive()
        if message["type"] == "websocket.close":
            raise ConnectionError(f"the app closed: {self.close_code} {self.close_reason}".rstrip())
        if message.get(form) is None:
            raise AssertionError(f"expected {form}, got {message}")
        return message[form]

    async def send_text(self, text: str) -> None:
        """Send a text message."""
        self._post({"type": "websocket.receive", "text": text})

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        self._post({"type": "websocket.receive", "bytes": data})

    async def send_json(self, value: object) -> None:
        """Send a value as JSON text."""
        await self.send_text(json.dumps(value))

    def _post(self, message: Message) -> None:
        if self.close_code is not None:
            raise ConnectionError(f"the connection is closed: {self.close_code}")
        self._wire.post(message)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close from the client's side: the app reads what was sent before, then ``websocket.disconnect``."""
        if self.close_code is None:
            self._closed(code, reason)
            self._wire.leave()

    def disconnect(self) -> None:
        """Vanish without a close frame: what the app has not read yet is lost."""
        if self.close_code is None:
            self._closed(ABNORMAL, "")
            self._wire.discard()
            self._wire.leave()

    async def ended(self) -> None:
        """Take whatever still comes until the app has returned."""
        while await self._take() is not None:
            pass
        await self._wire.finish()

    async def _take(self) -> Message | None:
        message = await self._wire.take()
        if message is not None:
            self.messages.append(message)
        else:
            self._wire.verdict(raise_app_exceptions=True)
        return message

    def _closed(self, code: int, reason: str | None, *, told: int | None = None) -> None:
        self.close_code, self.close_reason = code, reason or ""
        disconnect = {"type": "websocket.disconnect", "code": told or code, "reason": self.close_reason}
        self._wire.farewell = disconnect
        self._wire.close()
