"""The layer ``Decompression``."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, ClassVar, final

from pydantic import Field

from asgi_patterns.compression.decoding import Bounds, Coding, Open, opener, openers
from asgi_patterns.compression.decompression_events import BodyNotDecoded
from asgi_patterns.compression.decompression_forecast import doubts, forecast, outline
from asgi_patterns.compression.decompression_reading import Reading
from asgi_patterns.compression.decompression_refusals import unsupported
from asgi_patterns.compression.request_coding import FIELD, Coded, Foreign, read_coding, without_coding
from asgi_patterns.kernel.body import Body
from asgi_patterns.kernel.context import Context
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.headers import request_lines
from asgi_patterns.kernel.layer import Lack, Layer, settings
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.optional import MissingExtra
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send


@final
@settings
class Decompression(Layer):
    """Hands the app the content of requests that clients sent smaller (RFC 9110 8.4)."""

    place: ClassVar[Place] = Place.DECOMPRESSION

    codings: Annotated[Sequence[Coding], Field(min_length=1)] | None = None
    """Content codings that are read. By default all three, as far as their packages are installed."""
    max_size: Annotated[int, Field(ge=1)] = 10 * 1024 * 1024
    """Bytes that a body may have once it is decoded."""
    max_ratio: Annotated[float, Field(ge=1, le=1_000_000)] = 100.0
    """How many times as long as what was sent a body may become."""
    ratio_from: Annotated[int, Field(ge=0)] = 1024 * 1024
    """Decoded bytes up to which the ratio does not count: short texts that repeat themselves are no bombs."""
    read_first: bool = False
    """Whether all of a body is decoded, in memory, before the app is called, which then gets a `Content-Length`."""

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app. Raises ``MissingExtra`` where the package of one of ``codings`` is not installed."""
        return _Wired(app, self, self._openers, self._bounds)

    def lacks(self, context: Context) -> Sequence[Lack]:
        """Return which codings have no package."""
        found = []
        for index, coding in enumerate(self.codings or ()):
            try:
                opener(coding)
            except MissingExtra as missing:
                wrong, _, right = str(missing).partition(": ")
                found.append(Lack(("codings", index), wrong, right))
        return found

    def doubts(self, context: Context) -> Sequence[str]:
        """Say what is allowed but probably not meant."""
        return [*doubts(self._bounds, read_first=self.read_first)]

    @property
    def outline(self) -> Sequence[str]:
        """What it reads, and how much of it."""
        return [outline(self._bounds, [*self._openers])]

    def explain(self, scope: Scope) -> Forecast:
        """Say what becomes of the body of a request."""
        known = [*self._openers]
        return forecast(read_coding(request_lines(scope["headers"], FIELD), known), self._bounds, known)

    @cached_property
    def _openers(self) -> dict[Coding, Open]:
        return openers(None if self.codings is None else tuple(self.codings))

    @cached_property
    def _bounds(self) -> Bounds:
        return Bounds(max_size=self.max_size, max_ratio=self.max_ratio, ratio_from=self.ratio_from)


@final
class _Wired:
    __slots__ = ("_app", "_bounds", "_label", "_openers", "_read_first")

    def __init__(
        self, app: ASGIApp, settings: Decompression, openers: dict[Coding, Open], bounds: Bounds
    ) -> None:
        self._app = app
        self._openers = openers
        self._bounds = bounds
        self._read_first = settings.read_first
        self._label = settings.label

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for name, _ in scope["headers"]:
                if name == FIELD:
                    return await self._look(scope, receive, send)
        await self._app(scope, receive, send)

    async def _look(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find out what the body is in."""
        found = read_coding(request_lines(scope["headers"], FIELD), self._openers)
        if found is None:
            return await self._app(scope, receive, send)
        exchange, scope = Exchange.of(scope)
        if isinstance(found, Foreign):
            # Nothing has been read: a client that waits for 100 (Continue) need not send its body at all.
            exchange.answered(self._label, "rejected")
            exchange.emit(BodyNotDecoded(reason=found.reason, coding=None))
            return await unsupported(found.reason, self._openers)(scope, receive, send)
        # Whoever looks at the exchange for what a router has found there has to look at the same scope.
        scope = exchange.scope = {**scope, "headers": without_coding(scope["headers"])}
        await self._decode(found, exchange, scope, receive, send)

    async def _decode(
        self, found: Coded, exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Call the app, which reads decoded bytes."""
        stream = self._openers[found.coding]()
        reading = Reading(found.coding, stream, self._bounds, exchange, receive, send, self._label)
        body = Body.of(receive)
        body.decode(reading)
        if self._read_first and not await reading.read_first(body, scope):
            return
        link = Link(send, reading.on_head)
        try:
            await self._app(scope, body, link)
        except Exception as error:
            if not await reading.answers_for(error, link):
                raise
        else:
            await reading.answers_for(None, link)
