"""Makes one span for each request, or completes the one that somebody else makes.

``Traced``: an app in front of which that is done. Nothing here is imported before a layer asks for it: the package
that it needs comes with an extra.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Token
from functools import partial
from time import time_ns
from typing import Any, final

from opentelemetry import context as contexts
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.trace import Span as ApiSpan
from opentelemetry.trace import SpanKind, Status, StatusCode, get_tracer, set_span_in_context

from asgi_patterns.kernel.exchange import KEY, Exchange
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.observing import observe
from asgi_patterns.kernel.record import Record
from asgi_patterns.kernel.routes import route_template
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.observability.tracing_attributes import Attributes, bounded
from asgi_patterns.observability.tracing_others import NAME, current_span
from asgi_patterns.observability.tracing_parent import Arrival
from asgi_patterns.observability.tracing_result import Result, attributes_of, class_name, went_well
from asgi_patterns.observability.tracing_rules import Rules
from asgi_patterns.observability.tracing_search import Tracers, search
from asgi_patterns.observability.tracing_within import Within, say_found

SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
_SUPPRESSED = [
    key
    for name in ("_SUPPRESS_INSTRUMENTATION_KEY", "_SUPPRESS_HTTP_INSTRUMENTATION_KEY")
    if (key := getattr(contexts, name, None)) is not None
]
"""What is set in a context in which nobody shall make spans."""


@final
class Traced:
    """``app``, with a span for each request."""

    def __init__(self, app: ASGIApp, rules: Rules, provider: Any, label: str) -> None:
        self._app = app
        self._rules = rules
        self._label = label
        self._tracer = get_tracer(NAME, None, provider, SCHEMA)
        self._excludes = rules.excluded is not None
        self._looked = False
        self._within: Tracers | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app, with a span unless somebody has one already."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        exchange = scope.get(KEY)
        if exchange is not None:
            return await self._trace(exchange, scope, receive, send)
        exchange, scope = Exchange.of(scope)
        await self._trace(exchange, scope, receive, send)
        # Without it the scope holds itself, and the span, which are freed much later, by the collector.
        del scope[KEY]

    def _trace(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # Traced already, or a request of our own: what it does belongs to the span that is there.
        if exchange.span is not None or exchange.parent is not None:
            return self._app(scope, receive, send)
        arrival, current = Arrival(scope["headers"]), get_current()
        # Nearly always nothing is there yet, and nothing excluded.
        if (current or self._excludes) and self._leaves_alone(scope, arrival.host, current):
            return self._app(scope, receive, send)
        if current and (span := current_span(current, scope)) is not None:
            return self._complete(span, exchange, scope, receive, send)
        if not self._looked:
            self._look()
        run = self._run if self._within is None else self._beside(self._within, scope)
        return run(arrival, current, exchange, scope, receive, send)

    def _beside(self, tracers: Tracers, scope: Scope) -> Callable[..., Awaitable[None]]:
        return partial(self._run_within, tracers) if tracers.takes(scope) else self._run

    def _leaves_alone(self, scope: Scope, host: bytes | None, current: Context) -> bool:
        if current and any(current.get(key) for key in _SUPPRESSED):
            return True
        excluded = self._rules.excluded
        return excluded is not None and excluded(scope, host)

    def _look(self) -> None:
        """See whether the app makes spans itself. With the first request: an app may be changed until then."""
        self._looked = True
        with suppress(Exception):  # whatever stands in an app, to look at it must not break a request
            self._within = search(self._app)
        if self._within is not None:
            say_found(self._label, self._within)

    async def _run(
        self,
        arrival: Arrival,
        current: Context,
        exchange: Exchange,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        rules = self._rules
        context, links = rules.callers.context(arrival, exchange, scope, current)
        method, attributes = rules.describe.method(scope), self._begin(arrival, scope)
        began = self._now(exchange)
        span = self._tracer.start_span(method, context, SpanKind.SERVER, attributes, links, began[0])
        exchange.span = span
        token: Token[Context] | None = attach(set_span_in_context(span, context))
        try:
            if span.is_recording():
                await observe(
                    self._app, scope, receive, send, partial(self.end, span, method, began), rules.clock
                )
            else:
                await self._app(scope, receive, send)
        except GeneratorExit:
            token = None  # thrown away, perhaps from elsewhere: its context goes with it
            raise
        finally:
            if token is not None:
                detach(token)

    def _begin(self, arrival: Arrival, scope: Scope) -> Attributes:
        rules = self._rules
        attributes = rules.describe(scope, arrival.host, arrival.agent)
        if rules.request is not None:
            attributes.update(rules.request(scope["headers"]))
        return attributes

    async def _run_within(
        self,
        tracers: Tracers,
        arrival: Arrival,
        current: Context,
        exchange: Exchange,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """The app makes the span, unless the request does not get that far."""
        context, links = self._rules.callers.context(arrival, exchange, scope, current)
        if arrival.headers is not scope["headers"]:
            client = exchange.client(scope)
            scope["headers"] = arrival.headers
            exchange.settle_client(client, arrival.headers)
        attributes = self._begin(arrival, scope)
        began = self._now(exchange)

        def make() -> ApiSpan:
            method = self._rules.describe.method(scope)
            return self._tracer.start_span(method, context, SpanKind.SERVER, attributes, links, began[0])

        within = Within(exchange, tracers, current, make, links)
        exchange.span = within

        def ended(record: Record) -> None:
            span, is_ours = within.found()
            if is_ours:
                self.end(span, self._rules.describe.method(scope), began, record)
            elif span.is_recording():
                self.complete(span, record)

        await observe(self._app, scope, receive, Link(send, within.on_head), ended, self._rules.clock)

    async def _complete(
        self, span: ApiSpan, exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Somebody around us has the span, and ends it when the answer has gone by: the head is the time to speak."""
        exchange.span = span
        if not span.is_recording():
            return await self._app(scope, receive, send)

        def on_head(head: Message) -> None:
            observation = exchange.observation
            if observation is not None and span.is_recording():
                self._name(span, route_template(exchange), scope)
                self._say(span, Result.foreseen(observation.record), observation.record)

        observer = partial(self.complete, span)
        await observe(self._app, scope, receive, Link(send, on_head), observer, self._rules.clock)

    def complete(self, span: ApiSpan, record: Record) -> None:
        """Add what another one's span does not say; to end it is that one's affair."""
        if not span.is_recording():
            return
        self._name(span, record.route, record.exchange.scope)
        self._say(span, Result(record).attributes(), record)

    def _now(self, exchange: Exchange) -> tuple[int, float]:
        """Return when the request came, in nanoseconds since 1970, and on the clock that measures it."""
        observation = exchange.observation
        if observation is None:
            return time_ns(), self._rules.clock()
        return time_ns() - int(observation.elapsed() * 1e9), observation.began

    def end(self, span: ApiSpan, method: str, began: tuple[int, float], record: Record) -> None:
        """Say how the request has ended, and end the span when it did."""
        try:
            route = record.route
            if route is not None:
                span.update_name(f"{method} {route}")
            if went_well(record):
                self._say(span, attributes_of(record), record)
            else:
                result = Result(record)
                self._say(span, result.attributes(), record)
                _fail(span, result)
        finally:
            start, clock = began
            observation = record.exchange.observation
            # To make the span has taken time, too, which the record does not have where it began after that.
            late = 0.0 if observation is None else observation.began - clock
            span.end(start + int((late + record.seconds) * 1e9))

    def _name(self, span: ApiSpan, route: str | None, scope: Scope) -> None:
        method = self._rules.describe.method(scope)
        if route is not None:
            span.update_name(f"{method} {route}")
        elif str(getattr(span, "name", "")).endswith(f" {scope['path']}"):  # there is no end of such names
            span.update_name(method)

    def _say(self, span: ApiSpan, found: Attributes, record: Record) -> None:
        if self._rules.response is not None and record.headers:
            found.update(self._rules.response(record.headers))
        span.set_attributes(found)


def _fail(span: ApiSpan, result: Result) -> None:
    error = result.exception
    if isinstance(error, Exception):
        span.record_exception(error)
    if result.is_error:
        says = None if error is None else bounded(f"{class_name(error)}: {error}")
        span.set_status(Status(StatusCode.ERROR, says))
