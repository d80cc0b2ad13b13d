"""In which order the messages of an HTTP exchange may come."""

from typing import final

from asgi_patterns.kernel.types import Message, Scope
from asgi_patterns.testing.answer_rules import AnswerRules
from asgi_patterns.testing.violation import require


@final
class HttpRules:
    """One HTTP exchange: the request that an app is given and the answer that it sends."""

    def __init__(self, scope: Scope, *, any_case: bool) -> None:
        self.left = False
        self._answer = AnswerRules(scope["method"], scope.get("extensions") or {}, any_case=any_case)
        self._read = False

    def sent(self, message: Message) -> None:
        """Follow one message of the app."""
        kind = message["type"]
        foreign = kind.startswith(("websocket.", "lifespan."))
        require(not foreign, f"{kind} is no answer to an HTTP request")
        self._answer.sent(message)

    def received(self, message: Message) -> None:
        """Follow one message to the app: requests until one says that it is the last, then disconnects."""
        kind = message["type"]
        if kind == "http.disconnect":
            self.left = True
            return
        require(kind == "http.request", f"receive gave {kind}, which no HTTP request has")
        require(not self.left, "receive gave http.request after http.disconnect")
        require(not self._read, "receive gave http.request after the last one")
        body, more = message.get("body", b""), message.get("more_body", False)
        require(isinstance(body, bytes), f"receive gave a body that is not bytes: {body!r}")
        require(isinstance(more, bool), f"receive gave more_body {more!r}, which is not a boolean")
        self._read = not more

    def returned(self) -> None:
        """Check what is left when the app has returned. A client that has gone needs no complete answer."""
        if not self.left:
            self._answer.ended()
