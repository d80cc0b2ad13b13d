"""What people put together today for the five features, each as its own pages say, on Starlette.

The outermost is added last. Imported only where all of them are installed.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import slowapi
from asgi_correlation_id import CorrelationIdMiddleware
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from prometheus_fastapi_instrumentator import Instrumentator
from slowapi.errors import RateLimitExceeded
from slowapi.middleware import SlowAPIASGIMiddleware
from slowapi.util import get_remote_address
from starlette_compress import CompressMiddleware

from asgi_patterns.kernel.types import ASGIApp
from benchmarks.whole_stacks import PLENTY, Instruments, shop

MakeTracing = Callable[..., ASGIApp]
"""Takes an app and the provider of its spans."""


def usual(features: Sequence[str], instruments: Instruments) -> ASGIApp:
    """Return the app behind them, with the defaults of each."""
    return _stacked(features, instruments, OpenTelemetryMiddleware)


def tuned(features: Sequence[str], instruments: Instruments) -> ASGIApp:
    """Return the same without the spans for each message, which is the first advice for a fast instrumentation."""
    return _stacked(
        features, instruments, partial(OpenTelemetryMiddleware, exclude_spans=["receive", "send"])
    )


def starlettes(features: Sequence[str], instruments: Instruments) -> ASGIApp:
    """Return the same with the spans that Starlette makes itself, which it calls experimental."""
    from starlette.middleware.opentelemetry import OpenTelemetryMiddleware as Own

    return _stacked(features, instruments, Own)


def _stacked(features: Sequence[str], instruments: Instruments, tracing: MakeTracing) -> ASGIApp:
    app: Any = shop()
    # Levels as ours has them: its own default for zstd is 4.
    app.add_middleware(CompressMiddleware, zstd_level=3)
    app.state.limiter = slowapi.Limiter(
        key_func=get_remote_address, default_limits=[f"{PLENTY}/second"], headers_enabled=True
    )
    app.add_exception_handler(RateLimitExceeded, slowapi._rate_limit_exceeded_handler)
    # The quicker of its two.
    app.add_middleware(SlowAPIASGIMiddleware)
    Instrumentator(registry=instruments.registry).instrument(app).expose(app)
    if "tracing" in features:
        app.add_middleware(tracing, tracer_provider=instruments.provider)
    app.add_middleware(CorrelationIdMiddleware)
    wrapped: ASGIApp = app
    return wrapped
