"""An app for requests of bounded size."""

from typing import Final, final

from asgi_patterns.kernel.body import Body, BodyTooLarge
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.patterns import route_path
from asgi_patterns.kernel.problems import Problem
from asgi_patterns.kernel.refusing import Drain, is_http_1, refuse
from asgi_patterns.kernel.standin import StandIn
from asgi_patterns.kernel.types import ASGIApp, RawHeaders, Receive, Scope, Send
from asgi_patterns.protection.body_limit_events import ContentRefused, HeadRefused
from asgi_patterns.protection.body_limit_refusals import head_too_large, too_large
from asgi_patterns.protection.body_rule import ContentLimits
from asgi_patterns.protection.request_head import Excess, HeadLimits
from asgi_patterns.protection.sockets import Sockets

_DIGITS: Final = 18
_ENDLESS: Final = 10**_DIGITS


@final
class Bounded:
    """Refuses what its head tells to be too large, and has the rest counted while the app reads it."""

    __slots__ = ("_app", "_content", "_drain", "_head", "_sockets")

    def __init__(
        self, app: ASGIApp, head: HeadLimits, content: ContentLimits, drain: Drain, sockets: Sockets
    ) -> None:
        self._app = app
        self._head = head
        self._content = content
        self._drain = drain
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app, or refuse."""
        if scope["type"] != "http":
            return await self._sockets(scope, receive, send)
        if (excess := self._head.excess(scope)) is not None:
            return await self._refuse_head(*excess, scope, receive, send)
        for name, _ in scope["headers"]:
            if name == b"content-length" or name == b"transfer-encoding":
                length = announced(scope["headers"])
                break
        else:
            # On HTTP/2 and HTTP/3 content may come that no field tells of.
            length = 0 if is_http_1(scope) else None
        if length == 0:
            return await self._app(scope, receive, send)
        limit = self._limit(scope)
        body = Body.of(receive)
        if length is not None and length > limit:
            return await self._refuse(scope, body, send, limit, length)
        body.limit(limit)
        await Upload(scope, body, send, limit, self._drain).run(self._app)

    def _limit(self, scope: Scope) -> int:
        content = self._content
        if not content:
            return content.default
        kind = next((value for name, value in scope["headers"] if name == b"content-type"), None)
        return content.find(scope["method"], route_path(scope), kind)[0]

    async def _refuse(self, scope: Scope, body: Body, send: Send, limit: int, length: int) -> None:
        exchange, scope = Exchange.of(scope)
        exchange.emit(ContentRefused(limit=limit, received=length, announced=True))
        await refuse(too_large(limit, length), scope, body, send, self._drain, length)

    async def _refuse_head(
        self, excess: Excess, found: int, scope: Scope, receive: Receive, send: Send
    ) -> None:
        exchange, scope = Exchange.of(scope)
        limit: int = getattr(self._head, excess)
        exchange.emit(HeadRefused(excess=excess, limit=limit, received=found))
        rest = announced(scope["headers"]) if is_http_1(scope) else None
        problem = head_too_large(excess, limit, found)
        await refuse(problem, scope, Body.of(receive), send, self._drain, rest)


@final
class Upload(StandIn):
    """One request whose content is counted as it comes."""

    __slots__ = ("_body", "_drain", "_limit")

    cause = BodyTooLarge

    def __init__(self, scope: Scope, body: Body, send: Send, limit: int, drain: Drain) -> None:
        super().__init__(scope, body, send)
        self._body = body
        self._limit = limit
        self._drain = drain

    def due(self) -> Problem | None:
        """Return the refusal, once somebody has read as far as the limit."""
        received = self._body.received
        # Layers further in may set limits of their own, and answer for these.
        if self._body.exceeded is None or received <= self._limit:
            return None
        return too_large(self._limit, received)

    async def answer(self, problem: Problem) -> None:
        """Send the problem, and see to what still comes."""
        exchange, scope = Exchange.of(self.scope)
        exchange.emit(ContentRefused(limit=self._limit, received=self._body.received, announced=False))
        await refuse(problem, scope, self._body, self.send, self._drain, None)


def announced(headers: RawHeaders) -> int | None:
    """Return how many bytes of content a request announces; ``None`` where it comes in chunks, or nobody can tell.

    Servers refuse two different lengths; of those of one that does not, the larger one counts.
    """
    length = 0
    for name, value in headers:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            if not value.isdigit():
                return None
            length = max(length, int(value) if len(value) <= _DIGITS else _ENDLESS)
    return length
