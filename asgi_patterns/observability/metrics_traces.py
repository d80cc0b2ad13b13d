"""Names the trace that a measured request belongs to, for exemplars.

``Exemplars``: names what is current; ``Late``: makes the span current whose request is measured after it has gone.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Final, final

from asgi_patterns.kernel.optional import require
from asgi_patterns.kernel.record import Record
from asgi_patterns.kernel.spans import Span
from asgi_patterns.observability.metrics_series import Series

_IN_TIME: Final = frozenset({"ok", "client_error"})
"""What is measured as the last message goes by, where the span of the request is current. All else may be later."""


@final
class Exemplars:
    """Knows what an exemplar says."""

    __slots__ = ("_span", "traced")

    def __init__(self) -> None:
        """Raises ``MissingExtra`` where OpenTelemetry is not installed."""
        self.traced: Callable[[], object] = require("opentelemetry.context", "otel").get_current
        """Tells whether there may be a span, at less than the cost of looking for it."""
        self._span = require("opentelemetry.trace", "otel").get_current_span

    def named(self) -> dict[str, str] | None:
        """Name the current span, if that is sampled."""
        context = self._span().get_span_context()
        if not context.is_valid or not context.trace_flags.sampled:
            return None
        return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def exemplars() -> Exemplars | None:
    """Return what names traces; ``None`` where OpenTelemetry is not installed."""
    return None if find_spec("opentelemetry") is None else Exemplars()


def in_trace(series: Series, outcome: str) -> "Series | Late":
    """Return what measures in the trace of each request, also where it has this outcome."""
    return series if outcome in _IN_TIME or find_spec("opentelemetry") is None else Late(series)


@final
class Late:
    """A series whose requests are measured when the app has ended: a crash, or a client that has left.

    Whoever made the span has put the context away by then, and whatever names exemplars looks there.
    """

    def __init__(self, series: Series) -> None:
        self._series = series
        self._trace = require("opentelemetry.trace", "otel")

    def answer(self, record: Record) -> None:
        """Measure an answer."""
        with self._around(record.exchange.span):
            self._series.answer(record)

    def socket(self, record: Record) -> None:
        """Measure a WebSocket."""
        with self._around(record.exchange.span):
            self._series.socket(record)

    def _around(self, span: Span | None) -> AbstractContextManager[object]:
        if span is None or not (context := span.get_span_context()).trace_id:
            return nullcontext()
        around: AbstractContextManager[object] = self._trace.use_span(self._trace.NonRecordingSpan(context))
        return around
