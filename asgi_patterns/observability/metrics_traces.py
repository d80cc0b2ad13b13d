"""Names the trace that a measured request belongs to, for exemplars."""

from collections.abc import Callable
from importlib.util import find_spec

from asgi_patterns.kernel.optional import require


def exemplar() -> Callable[[], dict[str, str] | None] | None:
    """Return what names the current span, if that is sampled; ``None`` where OpenTelemetry is not installed."""
    if find_spec("opentelemetry") is None:
        return None
    current = require("opentelemetry.context", "otel").get_current
    span_in = require("opentelemetry.trace", "otel").get_current_span

    def named() -> dict[str, str] | None:
        here = current()
        if not here:  # the usual case where nobody traces
            return None
        context = span_in(here).get_span_context()
        if not context.is_valid or not context.trace_flags.sampled:
            return None
        return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}

    return named
