"""The same features three times in front of one app: by hand, as people put them together today, and ours.

``stacks``: all that can be measured here. Each is made in the process that measures it, and can tell what it has done.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.util import find_spec
from typing import Any, Final, final

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from asgi_patterns import (
    AccessLog,
    BodyLimit,
    Compression,
    ConditionalRequests,
    Deadline,
    Metrics,
    Pipeline,
    Problems,
    RateLimit,
    RequestId,
    Tracing,
)
from asgi_patterns.kernel.layer import Layer
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from benchmarks import rate_limits
from benchmarks.request_id import ByHand as Identified
from benchmarks.whole_floors import Coded, Measured, Spanned
from benchmarks.whole_floors_plus import LOGGER, Answered, Bounded, Logged, Tagged, Timed

PLENTY: Final = 1_000_000
ACCEPTS: Final = b"gzip, deflate, br, zstd"
"""What browsers say that they read."""

FOUR: Final = ("id", "metrics", "limit", "coding")
FIVE: Final = ("id", "metrics", "tracing", "limit", "coding")
PLUS: Final = ("id", "log", "metrics", "tracing", "problems", "body", "limit", "deadline", "coding", "tag")
"""Features, outermost first."""

_PEERS: Final = ("asgi_correlation_id", "prometheus_fastapi_instrumentator", "slowapi", "starlette_compress")

ITEMS: Final = [
    {"id": number, "name": f"teapot {number}", "price": number * 37 % 9973 / 100, "in stock": number % 3 == 0}
    for number in range(35)
]


@final
class Nowhere(SpanExporter):
    """Takes all spans, counts them, and keeps none."""

    def __init__(self) -> None:
        self.spans = 0

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        self.spans += len(spans)
        return SpanExportResult.SUCCESS


@final
class Formatting(logging.Handler):
    """Formats, as every handler does that writes, and writes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.format(record)
        self.lines += 1


@final
class Instruments:
    """Where the spans, numbers and lines of one stack go."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.exporter = Nowhere()
        self.handler = Formatting()
        self.registry = CollectorRegistry() if registry is None else registry

    @cached_property
    def provider(self) -> TracerProvider:
        """What makes spans, and hands them over in batches, from a thread of its own."""
        made = TracerProvider()
        made.add_span_processor(BatchSpanProcessor(self.exporter))
        return made

    def spans(self) -> int:
        """Return how many spans have been exported."""
        self.provider.force_flush()
        return self.exporter.spans

    def requests(self) -> int:
        """Return how many requests have been counted."""
        counts = [
            sum(each.value for each in family.samples if each.name.endswith(("_count", "_total")))
            for family in self.registry.collect()
            if not family.name.startswith(("python_", "process_"))
        ]
        return int(max(counts, default=0))

    def lines(self) -> int:
        """Return how many lines have been logged."""
        return self.handler.lines

    def listen(self, name: str) -> None:
        """Let a logger format what it is told, and throw it away."""
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.setLevel(logging.INFO)
        logger.handlers = [self.handler]


@final
@dataclass(frozen=True, slots=True)
class Stack:
    """One contender, and what it tells of itself."""

    app: ASGIApp
    features: Sequence[str]
    instruments: Instruments


MakeStack = Callable[[], Stack]


def shop() -> Starlette:
    """Return the app: one route, which answers with 2 KB of JSON."""

    async def item(request: Request) -> JSONResponse:
        return JSONResponse(ITEMS)

    return Starlette(routes=[Route("/items/{id:int}", item)])


@final
class Asking:
    """Calls an app for a client that reads all codings, with state of the request's own, as servers do."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.line = (b"accept-encoding", ACCEPTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["headers"] = [*scope["headers"], self.line]
        scope["state"] = {}
        await self.app(scope, receive, send)


def stacks() -> Mapping[str, MakeStack]:
    """Return all that can be measured: without peers what they need is not installed."""
    found: dict[str, MakeStack] = {"app": partial(alone)}
    for name, features in {"five": FIVE, "four": FOUR, "plus": PLUS}.items():
        found[f"{name}: by hand"] = partial(by_hand, features)
        found[f"{name}: ours"] = partial(ours, features)
        if features is not PLUS and all(map(find_spec, _PEERS)):
            found |= _peers(name, features)
    return found


def _peers(name: str, features: Sequence[str]) -> dict[str, MakeStack]:
    from benchmarks.whole_peers import starlettes, tuned, usual

    found: dict[str, MakeStack] = {f"{name}: today": partial(_made, features, usual)}
    if "tracing" in features:
        found[f"{name}: today, tuned"] = partial(_made, features, tuned)
        found[f"{name}: today, Starlette's spans"] = partial(_made, features, starlettes)
    return found


def _made(features: Sequence[str], make: Callable[[Sequence[str], Instruments], ASGIApp]) -> Stack:
    instruments = Instruments()
    return Stack(make(features, instruments), features, instruments)


def alone() -> Stack:
    """Return the app with nothing in front of it."""
    return Stack(shop(), (), Instruments())


def by_hand(features: Sequence[str]) -> Stack:
    """Return the app behind functions by hand, nested."""
    instruments = Instruments()
    makers: dict[str, Callable[[ASGIApp], ASGIApp]] = {
        "id": Identified,
        "log": Logged,
        "metrics": partial(Measured, registry=instruments.registry),
        "tracing": partial(Spanned, provider=instruments.provider),
        "problems": Answered,
        "body": Bounded,
        "limit": rate_limits.Floor,
        "deadline": Timed,
        "coding": Coded,
        "tag": Tagged,
    }
    app: ASGIApp = shop()
    for feature in reversed(features):
        app = makers[feature](app)
    if "log" in features:
        instruments.listen(LOGGER)
    return Stack(app, features, instruments)


def ours(features: Sequence[str]) -> Stack:
    """Return the app behind one pipeline."""
    instruments = Instruments()
    layers = [layer(feature, instruments) for feature in features]
    if "log" in features:
        instruments.listen("asgi_patterns.access_log.whole")
    return Stack(Pipeline(*layers)(shop()), features, instruments)


def layer(feature: str, instruments: Instruments) -> Layer:
    """Return our layer for a feature, with its defaults wherever it has any."""
    makers: dict[str, Callable[[], Layer]] = {
        "id": RequestId,
        "log": partial(AccessLog, name="whole"),  # a logger of its own
        "metrics": partial(Metrics, registry=instruments.registry, networks=["127.0.0.0/8"]),
        "tracing": partial(Tracing, tracer_provider=instruments.provider),
        "problems": Problems,
        "body": BodyLimit,
        "limit": partial(RateLimit, quotas=[f"{PLENTY}/second"]),
        "deadline": Deadline,
        "coding": Compression,
        "tag": ConditionalRequests,
    }
    return makers[feature]()
