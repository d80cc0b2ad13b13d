"""An app for WebSockets of bounded size and time."""

from typing import Final, final

from asgi_patterns.kernel.conversation import ENDLESS, Conversation, Farewell, Span
from asgi_patterns.kernel.durations import seconds
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.problems import Problem
from asgi_patterns.kernel.sizes import octets
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.protection.body_limit_events import HeadRefused, OriginRefused, WebSocketEnded
from asgi_patterns.protection.body_limit_refusals import foreign, head_too_large
from asgi_patterns.protection.request_head import HeadLimits, measure
from asgi_patterns.protection.websockets import Origins, WebSocketLimits, message_size, shown, span_of

TOO_BIG: Final = Farewell(1009, "message too big")


@final
class Sockets:
    """Refuses handshakes, and closes what has been accepted."""

    __slots__ = ("_app", "_head", "_origins", "_size", "_span", "label")

    def __init__(self, app: ASGIApp, head: HeadLimits, limits: WebSocketLimits, label: str) -> None:
        self._app = app
        self.label = label
        self._head = head
        self._origins = Origins(limits.origins, requires=limits.require_origin)
        self._size = octets(limits.max_message_size)
        span = Span(
            idle=span_of(None if limits.idle_timeout is None else seconds(limits.idle_timeout)),
            life=span_of(None if limits.lifetime is None else seconds(limits.lifetime)),
            grace=seconds(limits.grace),
        )
        self._span = ENDLESS if span == Span(grace=span.grace) else span

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app, or refuse."""
        if scope["type"] != "websocket":
            return await self._app(scope, receive, send)
        exchange, scope = Exchange.of(scope)
        if (problem := self._refusal(exchange, scope)) is not None:
            exchange.answered(self.label, "rejected")
            return await problem(scope, receive, send)

        def tell(farewell: Farewell) -> None:
            exchange.answered(self.label, "rejected" if farewell is TOO_BIG else "timeout")
            exchange.emit(WebSocketEnded(code=farewell.code, reason=farewell.reason))

        conversation = Conversation(receive, send, self._judge, span=self._span, tell=tell)

        def on_head(head: Message) -> Send | None:
            return conversation.accept() if head["type"] == "websocket.accept" else None

        await conversation.run(self._app, scope, Link(send, on_head))

    def _refusal(self, exchange: Exchange, scope: Scope) -> Problem | None:
        if (found := self._head.excess(scope, measure(scope["headers"])[0])) is not None:
            excess, size = found
            limit: int = getattr(self._head, excess)
            exchange.emit(HeadRefused(excess=excess, limit=limit, received=size))
            return head_too_large(excess, limit, size)
        if not self._origins.has(scope["headers"]):
            exchange.emit(OriginRefused(origin=shown(scope["headers"])))
            return foreign()
        return None

    def _judge(self, message: Message) -> Farewell | None:
        return TOO_BIG if message_size(message) > self._size else None
