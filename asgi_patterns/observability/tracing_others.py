"""Who else makes a span for the request: instrumentation around us, or in the app.

``current_span``: the span around us; ``instrumentation_in``: what is in the app; ``span_in``: the span that it makes.
"""

from collections.abc import Iterator
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, get_current_span, get_tracer_provider

from asgi_patterns.kernel.types import Scope

NAME: Final = "asgi_patterns"
"""What our own spans say that they were made by."""
_MARKS: Final = ("fastapi.telemetry", "starlette.opentelemetry")
_MIDDLEWARE: Final = {
    "opentelemetry.instrumentation.asgi": "opentelemetry-instrumentation-asgi",
    "starlette.middleware.opentelemetry": "Starlette",
}
_DEPTH: Final = 64
"""Layers of an app that are looked through."""


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


def instrumentation_in(app: object) -> str | None:
    """Return the name of what makes spans for requests in ``app``."""
    for each in _inward(app):
        if getattr(each, "_is_instrumented_by_opentelemetry", False):
            return "opentelemetry-instrumentation-asgi"
        if (name := _middleware(each)) is not None:
            return name
        if _is_native(each):
            return "FastAPI"
    return None


def span_in(scope: Scope, current: Context) -> Span | None:
    """Return the span that the app's instrumentation has made, seen from where the app sends its answer."""
    told = getattr(scope.get("fastapi.telemetry"), "span", None)
    span: Span = told or get_current_span()
    return span if span.get_span_context().is_valid and span is not get_current_span(current) else None


def _inward(app: object) -> Iterator[object]:
    """Yield what stands in an app, from the outside in."""
    for _ in range(_DEPTH):
        if app is None:
            return
        yield app
        yield from getattr(app, "user_middleware", ())
        built = getattr(app, "middleware_stack", None)
        inner = getattr(app, "app", None) or getattr(app, "_app", None)
        app = inner if built is None else built


def _middleware(each: object) -> str | None:
    """Return the name of a middleware that traces, or of what Starlette will make one of."""
    kind = getattr(each, "cls", None) or type(each)
    is_one = getattr(kind, "__name__", "") == "OpenTelemetryMiddleware"
    return _MIDDLEWARE.get(getattr(kind, "__module__", "")) if is_one else None


def _is_native(app: object) -> bool:
    """Whether FastAPI traces by itself: that is so as soon as there is a provider of spans."""
    config = getattr(getattr(app, "_native_telemetry", None), "config", None)
    if not isinstance(config, dict) or not config.get("tracing"):
        return False
    provider = config.get("tracer_provider") or get_tracer_provider()
    return type(provider).__name__ not in {"ProxyTracerProvider", "NoOpTracerProvider"}
