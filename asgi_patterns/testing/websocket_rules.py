"""In which order the messages of a WebSocket may come, and what may be in them."""

from enum import Enum
from typing import assert_never, final

from asgi_patterns.kernel.types import Message, Scope
from asgi_patterns.testing.answer_rules import AnswerRules
from asgi_patterns.testing.field_rules import check_fields
from asgi_patterns.testing.violation import ProtocolViolation, require

DENIAL = "websocket.http.response."
NEVER_SENT = frozenset({1005, 1006, 1015})
"""Codes that only stand for what happened; no close frame carries them (RFC 6455, 7.4.1)."""


class Phase(Enum):
    """How far the app's side of a connection has come."""

    HANDSHAKE = "before accept"
    OPEN = "after accept"
    DENYING = "in the denial"
    CLOSED = "after close"


@final
class WebSocketRules:
    """One WebSocket: what the app is given and what it sends."""

    def __init__(self, scope: Scope, *, any_case: bool) -> None:
        self.left = False
        self._extensions = scope.get("extensions") or {}
        self._subprotocols = list(scope.get("subprotocols") or ())
        self._any_case = any_case
        self._phase = Phase.HANDSHAKE
        self._denial = AnswerRules("GET", self._extensions, prefix=DENIAL, any_case=any_case)
        self._connected = False

    def sent(self, message: Message) -> None:
        """Follow one message of the app. Raises ``ProtocolViolation`` when it may not come now or ever."""
        kind = message["type"]
        require(not kind.startswith(("http.", "lifespan.")), f"{kind} is no answer on a WebSocket")
        if self._phase is Phase.CLOSED and not self.left:
            raise ProtocolViolation(f"{kind} after the connection was closed or denied")
        if kind.startswith(DENIAL):
            self._deny(message)
        elif kind == "websocket.accept":
            self._accept(message)
        elif kind == "websocket.send":
            self._send(message)
        elif kind == "websocket.close":
            self._close(message)

    def _deny(self, message: Message) -> None:
        offered = "websocket.http.response" in self._extensions
        require(
            offered, f"the app sends {message['type']}, but the scope does not offer websocket.http.response"
        )
        require(self._phase is not Phase.OPEN, f"{message['type']} after accept")
        self._denial.sent(message)
        self._phase = Phase.CLOSED if self._denial.complete else Phase.DENYING

    def _accept(self, message: Message) -> None:
        require(self._phase is Phase.HANDSHAKE, f"websocket.accept {self._phase.value}")
        check_fields(message.get("headers", ()), "websocket.accept", any_case=self._any_case)
        chosen = message.get("subprotocol")
        require(
            chosen is None or chosen in self._subprotocols,
            f"websocket.accept: the client did not offer the subprotocol {chosen!r}, only {self._subprotocols}",
        )
        self._phase = Phase.OPEN

    def _send(self, message: Message) -> None:
        require(self._phase in {Phase.OPEN, Phase.CLOSED}, f"websocket.send {self._phase.value}")
        _check_data(message, "websocket.send")

    def _close(self, message: Message) -> None:
        require(self._phase is not Phase.DENYING, "websocket.close in the denial")
        code = message.get("code", 1000)
        require(
            isinstance(code, int) and 1000 <= code <= 4999,
            f"websocket.close: code {code!r} is not in 1000 to 4999",
        )
        require(code not in NEVER_SENT, f"websocket.close: code {code} is never sent")
        self._phase = Phase.CLOSED

    def received(self, message: Message) -> None:
        """Follow one message to the app: one connect, data, then disconnects."""
        kind = message["type"]
        if kind == "websocket.disconnect":
            self.left = True
            return
        require(not self.left, f"receive gave {kind} after websocket.disconnect")
        if kind == "websocket.connect":
            require(not self._connected, "receive gave a second websocket.connect")
            self._connected = True
            return
        require(kind == "websocket.receive", f"receive gave {kind}, which no WebSocket has")
        require(self._connected, "receive gave websocket.receive before websocket.connect")
        _check_data(message, "receive gave websocket.receive")

    def returned(self) -> None:
        """Check what is left when the app has returned. An open connection may end with its app."""
        match self._phase:
            case Phase.HANDSHAKE:
                require(self.left, "the app returned without an answer to the handshake")
            case Phase.DENYING:
                require(self.left, "the app returned without the last message of its denial")
            case Phase.OPEN | Phase.CLOSED:
                pass
            case _:
                assert_never(self._phase)


def _check_data(message: Message, where: str) -> None:
    data, text = message.get("bytes"), message.get("text")
    require((data is None) != (text is None), f"{where}: exactly one of bytes and text, not {message}")
    require(data is None or isinstance(data, bytes | bytearray | memoryview), f"{where}: bytes is {data!r}")
    require(text is None or isinstance(text, str), f"{where}: text is {text!r}")
