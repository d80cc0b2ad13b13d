"""The layer ``BodyLimit``."""

from collections.abc import Awaitable, Sequence
from functools import cached_property
from typing import Annotated, ClassVar, Final, final

from pydantic import Field

from asgi_patterns.kernel.body import Body
from asgi_patterns.kernel.context import Context
from asgi_patterns.kernel.durations import PositiveDuration, seconds
from asgi_patterns.kernel.entering import Entered
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.refusing import HTTP_1, Drain, refuse
from asgi_patterns.kernel.sizes import Size, octets
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.protection.body_limit_events import ContentRefused, HeadRefused
from asgi_patterns.protection.body_limit_forecast import doubts, forecast, outline
from asgi_patterns.protection.body_limit_refusals import head_too_large, too_large
from asgi_patterns.protection.body_rule import ContentLimits, Rules
from asgi_patterns.protection.request_head import Excess, HeadLimits, measure
from asgi_patterns.protection.sockets import Sockets
from asgi_patterns.protection.upload import Upload
from asgi_patterns.protection.websockets import WebSocketLimits

_SOCKETS: Final = WebSocketLimits()


@final
@settings
class BodyLimit(Layer):
    """Refuses what is larger than the app is made for."""

    place: ClassVar[Place] = Place.BODY_LIMIT

    limit: Size = "1 MB"
    """How large the content of a request may be, on the wire, where no rule fits: bytes, `10 MB` or `64 KiB`."""
    rules: Rules = ()
    """What is different for some paths or media types; the first that fits wins."""
    max_uri_length: Size = "8 KiB"
    """How long path and query may be together."""
    max_header_count: Annotated[int, Field(ge=1)] = 100
    """How many header fields a request may have."""
    max_header_size: Size = "32 KiB"
    """How large all names and values of its header fields may be together."""
    websocket: WebSocketLimits | None = None
    """What a WebSocket may have, if it is not what its table below has as defaults."""
    drain_size: Size = "64 KiB"
    """How much of the content is thrown away after a refusal, so that its client can read the answer."""
    drain_timeout: PositiveDuration = 1
    """For how long that may take."""

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        drain = Drain(octets(self.drain_size), seconds(self.drain_timeout))
        return _Bounded(
            app, self._head, self._content, drain, Sockets(app, self._head, self._websocket, self.label)
        )

    def doubts(self, context: Context) -> Sequence[str]:
        """Say what is allowed but probably not meant."""
        return [*doubts(self.rules, self._websocket)]

    @property
    def outline(self) -> Sequence[str]:
        """Its limits."""
        return [*outline(self._content.default, self.rules)]

    def explain(self, scope: Scope) -> Forecast:
        """Say which limit a request falls under, and whether it keeps it as far as its head tells."""
        return forecast(self._head, self._content, scope)

    @property
    def _websocket(self) -> WebSocketLimits:
        return self.websocket or _SOCKETS

    @cached_property
    def _head(self) -> HeadLimits:
        return HeadLimits(
            uri=octets(self.max_uri_length), count=self.max_header_count, size=octets(self.max_header_size)
        )

    @cached_property
    def _content(self) -> ContentLimits:
        return ContentLimits(octets(self.limit), self.rules)


@final
class _Bounded(Entered):
    __slots__ = ("_app", "_content", "_drain", "_head", "_label", "_sockets")

    def __init__(
        self, app: ASGIApp, head: HeadLimits, content: ContentLimits, drain: Drain, sockets: Sockets
    ) -> None:
        self._app = app
        self._head = head
        self._content = content
        self._drain = drain
        self._sockets = sockets
        self._label = sockets.label

    def enter(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._sockets(scope, receive, send)
        size, length = measure(scope["headers"])
        if (excess := self._head.excess(scope, size)) is not None:
            return self._refuse_head(*excess, scope, Body.of(receive), send, length)
        # On HTTP/2 and HTTP/3 content may come that no field tells of.
        if length == 0 and scope.get("http_version", "1.1") in HTTP_1:
            return self._app(scope, receive, send)
        content = self._content
        limit = content.find(scope)[0] if content.has_rules else content.default
        body = Body.of(receive)
        if length is not None and length > limit:
            return self._refuse(scope, body, send, limit, length)
        body.limit(limit)
        return Upload(scope, body, send, limit, self._drain, self._label).run(self._app)

    async def _refuse(self, scope: Scope, body: Body, send: Send, limit: int, length: int) -> None:
        exchange, scope = Exchange.of(scope)
        exchange.answered(self._label, "rejected")
        exchange.emit(ContentRefused(limit=limit, received=length, announced=True))
        problem = too_large(limit, length)
        await refuse(problem, scope, body, send, self._drain, length)

    async def _refuse_head(
        self, excess: Excess, found: int, scope: Scope, body: Body, send: Send, rest: int | None
    ) -> None:
        exchange, scope = Exchange.of(scope)
        limit: int = getattr(self._head, excess)
        exchange.answered(self._label, "rejected")
        exchange.emit(HeadRefused(excess=excess, limit=limit, received=found))
        problem = head_too_large(excess, limit, found)
        await refuse(problem, scope, body, send, self._drain, rest)
