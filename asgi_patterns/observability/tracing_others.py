"""The spans that others make for the request: around us, or in the app.

``current_span``: the span around us; ``span_in``: the one that the app has made. ``tracing_search`` finds who does.
"""

from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, get_current_span

from asgi_patterns.kernel.types import Scope

NAME: Final = "asgi_patterns"
"""What our own spans say that they were made by."""
_MARKS: Final = ("fastapi.telemetry", "starlette.opentelemetry")


def current_span(current: Context, scope: Scope) -> Span | None:
    """Return the server's span that somebody around us has made for this very request."""
    span = get_current_span(current)
    if any(mark in scope for mark in _MARKS):
        return span if span.get_span_context().is_valid else None
    if not span.is_recording() or getattr(span, "kind", None) is not SpanKind.SERVER:
        return None
    if getattr(getattr(span, "instrumentation_scope", None), "name", None) == NAME:
        return None  # of another request, which has sent us this one
    attributes = getattr(span, "attributes", None) or {}
    return span if attributes.get("url.path", attributes.get("http.target")) == scope["path"] else None


def span_in(scope: Scope, current: Context) -> Span | None:
    """Return the span that the app's instrumentation has made, seen from where the app sends its answer."""
    told = getattr(scope.get("fastapi.telemetry"), "span", None)
    span: Span = told or get_current_span()
    return span if span.get_span_context().is_valid and span is not get_current_span(current) else None
