"""The span of a request that is made further in, by the app's own instrumentation, as seen from outside."""

import logging
from collections.abc import Callable, Sequence
from time import time_ns
from typing import Any, Final, final

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanContext

from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import Message
from asgi_patterns.observability.tracing_others import span_in
from asgi_patterns.observability.tracing_search import Tracers

MOST_EVENTS: Final = 128
"""Events that wait for a span; the SDK keeps no more in one."""

_log = logging.getLogger("asgi_patterns.tracing")


def say_found(label: str, tracers: Tracers) -> None:
    """Log that the app is traced already, or what is mounted in it."""
    where = "this app" if tracers.is_whole else "what is mounted in this app"
    _log.info(
        "%s: %s traces %s already; its spans are completed, and no others made", label, tracers.name, where
    )


@final
class Within:
    """Keeps what happens until the app sends a head: then its span is current, or it has none.

    It has none where one of our layers has answered in its place. ``make`` makes one of ours then. Where an app that
    was reached has none, it has ended already, or nobody wants one.
    """

    def __init__(
        self,
        exchange: Exchange,
        tracers: Tracers,
        current: Context,
        make: Callable[[], Span],
        links: Sequence[Link],
    ) -> None:
        self._exchange = exchange
        self._tracers = tracers
        self._current = current
        self._make = make
        self._links = links
        self._span: Span | None = None
        self._is_ours = False
        self._app = exchange.scope.get("app")
        self._events: list[tuple[str, Any, int]] = []

    def get_span_context(self) -> SpanContext:
        """Return the ids, invalid ones as long as there is no span."""
        return (self._span or INVALID_SPAN).get_span_context()

    def is_recording(self) -> bool:
        """Whether somebody may see what it is told."""
        return self._span is None or self._span.is_recording()

    def add_event(self, name: str, attributes: Any = None) -> None:
        """Note something that has happened just now."""
        if self._span is not None:
            self._span.add_event(name, attributes)
        elif len(self._events) < MOST_EVENTS:
            self._events.append((name, attributes, time_ns()))

    def on_head(self, head: Message) -> None:
        """Look for the span, as the head goes by."""
        span = span_in(self._exchange.scope, self._current)
        if span is None:
            if self._is_reached():
                return
            self._is_ours = True
            span = self._make()
        else:
            for link in self._links:
                span.add_link(link.context)
        self._span = span
        for event in self._events:
            span.add_event(*event)

    def _is_reached(self) -> bool:
        """Whether the app was called, as far as that can be seen: it says so, or it has raised."""
        exchange = self._exchange
        if not self._tracers.is_whole:
            return self._tracers.has(exchange.scope)
        return exchange.exception is not None or exchange.scope.get("app") is not self._app

    def found(self) -> tuple[Span, bool]:
        """Return the span, and whether we have to end it; what was answered to nobody has none."""
        return self._span or INVALID_SPAN, self._is_ours
