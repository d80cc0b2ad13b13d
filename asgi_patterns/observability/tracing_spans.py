"""Makes one span for each request, or completes the one that somebody else makes.

``Traced``: an app in front of which that is done. Nothing here is imported before a layer asks for it: the package
that it needs comes with an extra.
"""

from collections.abc import Awaitable, Sequence
from contextlib import suppress
from contextvars import Token
from functools import partial
from time import time_ns
from typing import Any, final

from opentelemetry import context as contexts
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.propagate import get_global_textmap
from opentelemetry.trace import Link as SpanLink
from opentelemetry.trace import Span as ApiSpan
from opentelemetry.trace import SpanKind, Status, StatusCode, get_tracer, set_span_in_context

from asgi_patterns.kernel.entering import Entered
from asgi_patterns.kernel.exchange import KEY, Exchange
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.observing import Observation, observe
from asgi_patterns.kernel.record import Record
from asgi_patterns.kernel.routes import route_template
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.observability.tracing_attributes import LONGEST, Attributes, bounded
from asgi_patterns.observability.tracing_others import NAME, current_span
from asgi_patterns.observability.tracing_parent import FIELDS, Arrival
from asgi_patterns.observability.tracing_result import FINE, Result, attributes_of, class_name
from asgi_patterns.observability.tracing_rules import Rules
from asgi_patterns.observability.tracing_search import Tracers, search
from asgi_patterns.observability.tracing_within import Within, say_found

SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
FEW = 2
"""Attributes that take the SDK less time one by one."""
_SERVER = SpanKind.SERVER
_SUPPRESSED = [
    key
    for name in ("_SUPPRESS_INSTRUMENTATION_KEY", "_SUPPRESS_HTTP_INSTRUMENTATION_KEY")
    if (key := getattr(contexts, name, None)) is not None
]
"""What is set in a context in which nobody shall make spans."""


@final
class Traced(Entered):
    """``app``, with a span for each request."""

    def __init__(self, app: ASGIApp, rules: Rules, provider: Any, label: str) -> None:
        self._app = app
        self._rules = rules
        self._label = label
        self._tracer = get_tracer(NAME, None, provider, SCHEMA)
        self._callers = rules.callers
        self._describe = rules.describe
        self._methods = rules.describe.methods
        self._clock = rules.clock
        self._response = rules.response
        self._looked = False
        self._within: Tracers | None = None
        self._is_ours = False
        """Whether every request gets a span of ours, as long as nothing stands around us. Known with the first one."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app, with a span unless somebody has one already."""
        if KEY in scope or scope["type"] not in ("http", "websocket"):
            return await self.enter(scope, receive, send)
        _, scope = Exchange.of(scope)
        await self.enter(scope, receive, send)
        # Without it the scope holds itself, and the span, which are freed much later, by the collector.
        del scope[KEY]

    def enter(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Do the same, for a layer around us."""
        if scope["type"] not in ("http", "websocket"):
            return self._app(scope, receive, send)
        exchange = scope.get(KEY)
        if exchange is None:
            return self(scope, receive, send)
        # Traced already, or a request of our own: what it does belongs to the span that is there.
        if exchange.span is not None or exchange.parent is not None:
            return self._app(scope, receive, send)
        current = get_current()
        # Nearly always nothing is there yet.
        if self._is_ours and not current:
            return self._run(current, exchange, scope, receive, send)
        return self._choose(current, exchange, scope, receive, send)

    def _choose(
        self, current: Context, exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> Awaitable[None]:
        """Find out who makes the span, if anybody does."""
        if self._leaves_alone(scope, current):
            return self._app(scope, receive, send)
        if current and (span := current_span(current, scope)) is not None:
            return self._complete(span, exchange, scope, receive, send)
        if not self._looked:
            self._look()
        within = self._within
        if within is not None and within.takes(scope):
            return self._run_within(within, current, exchange, scope, receive, send)
        return self._run(current, exchange, scope, receive, send)

    def _leaves_alone(self, scope: Scope, current: Context) -> bool:
        if current and any(current.get(key) for key in _SUPPRESSED):
            return True
        excluded = self._rules.excluded
        if excluded is None:
            return False
        host = dict(scope["headers"]).get(b"host")
        return excluded(scope, host and host[:LONGEST])

    def _look(self) -> None:
        """See whether the app makes spans itself. With the first request: an app may be changed until then."""
        self._looked = True
        with suppress(Exception):  # whatever stands in an app, to look at it must not break a request
            self._within = search(self._app)
        if self._within is not None:
            say_found(self._label, self._within)
        self._is_ours = self._within is None and self._rules.excluded is None

    # Every request comes by here, and its end by ``end``: what costs a call is asked for only where it is needed.
    async def _run(
        self, current: Context, exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        fields = dict(scope["headers"])
        context: Context = current
        links: Sequence[SpanLink] = ()
        if get_global_textmap() is not self._callers.silent or not fields.keys().isdisjoint(FIELDS):
            arrival = Arrival(scope["headers"])
            context, links = self._callers.context(arrival, exchange, scope, current)
        attributes = self._describe.attributes(scope, fields)
        name: str = scope["method"] if scope["type"] == "http" else ""
        if name not in self._methods:
            name = self._describe.method(scope)
        observation = exchange.observation
        began: float | None = None
        if observation is None:
            start, began = time_ns(), self._clock()
        else:  # as _now says it
            start = time_ns() - int((observation.clock() - observation.began) * 1e9)
        span = exchange.span = self._tracer.start_span(name, context, _SERVER, attributes, links, start)
        token: Token[Context] | None = attach(set_span_in_context(span, context))
        try:
            if not span.is_recording():
                await self._app(scope, receive, send)
            elif observation is None:
                ended = partial(self.end, span, name, start, began)
                await observe(self._app, scope, receive, send, ended, self._clock)
            else:
                observation.observers.append(partial(self.end, span, name, start, began))
                await self._app(scope, receive, send)
        except GeneratorExit:
            token = None  # thrown away, perhaps from elsewhere: its context goes with it
            raise
        finally:
            if token is not None:
                detach(token)

    async def _run_within(
        self,
        tracers: Tracers,
        current: Context,
        exchange: Exchange,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """The app makes the span, unless the request does not get that far."""
        arrival, fields = Arrival(scope["headers"]), dict(scope["headers"])
        context, links = self._callers.context(arrival, exchange, scope, current)
        if arrival.headers is not scope["headers"]:
            client = exchange.client(scope)
            scope["headers"] = arrival.headers
            exchange.settle_client(client, arrival.headers)
        attributes, name = self._describe.attributes(scope, fields), self._describe.method(scope)
        start, began = self._now(exchange.observation)

        def make() -> ApiSpan:
            return self._tracer.start_span(name, context, _SERVER, attributes, links, start)

        within = Within(exchange, tracers, current, make, links)
        exchange.span = within

        def ended(record: Record) -> None:
            span, is_ours = within.found()
            if is_ours:
                self.end(span, name, start, began, record)
            elif span.is_recording():
                self.complete(span, record)

        await observe(self._app, scope, receive, Link(send, within.on_head), ended, self._clock)

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
        await observe(self._app, scope, receive, Link(send, on_head), observer, self._clock)

    def complete(self, span: ApiSpan, record: Record) -> None:
        """Add what another one's span does not say; to end it is that one's affair."""
        if not span.is_recording():
            return
        self._name(span, record.route, record.exchange.scope)
        self._say(span, Result(record).attributes(), record)

    def _now(self, observation: Observation | None) -> tuple[int, float | None]:
        """Return when the request came, in nanoseconds since 1970, and on our clock if nobody measures it yet."""
        if observation is None:
            return time_ns(), self._clock()
        return time_ns() - int((observation.clock() - observation.began) * 1e9), None

    def end(self, span: ApiSpan, method: str, start: int, began: float | None, record: Record) -> None:
        """Say how the request has ended, and end the span when it did."""
        try:
            route = record.route
            if route is not None:
                span.update_name(f"{method} {route}")
            if record.outcome in FINE and record.exception is None and record.exchange.exception is None:
                found = attributes_of(record)
                if self._response is None and len(found) > FEW:
                    span.set_attributes(found)
                else:
                    self._say(span, found, record)
            else:
                result = Result(record)
                self._say(span, result.attributes(), record)
                _fail(span, result)
        finally:
            seconds = record.seconds
            # To make the span has taken time, too, which the record does not have where it began after that.
            if began is not None and (observation := record.exchange.observation) is not None:
                seconds += observation.began - began
            span.end(start + int(seconds * 1e9))

    def _name(self, span: ApiSpan, route: str | None, scope: Scope) -> None:
        method = self._describe.method(scope)
        if route is not None:
            span.update_name(f"{method} {route}")
        elif str(getattr(span, "name", "")).endswith(f" {scope['path']}"):  # there is no end of such names
            span.update_name(method)

    def _say(self, span: ApiSpan, found: Attributes, record: Record) -> None:
        if self._response is not None and record.headers:
            found.update(self._response(record.headers))
        if len(found) > FEW:
            return span.set_attributes(found)
        for name, value in found.items():
            span.set_attribute(name, value)


def _fail(span: ApiSpan, result: Result) -> None:
    error = result.exception
    if isinstance(error, Exception):
        span.record_exception(error)
    if result.is_error:
        says = None if error is None else bounded(f"{class_name(error)}: {error}")
        span.set_status(Status(StatusCode.ERROR, says))
