"""Five features by hand, each as a middleware of its own: all of what it is for, and as little as that can cost.

A request id and a rate limit by hand stand with the tables of their own.
"""

from time import perf_counter
from typing import Any, Final, final

from backports import zstd
from opentelemetry.context import attach, detach
from opentelemetry.propagate import extract
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
from prometheus_client import CollectorRegistry, Gauge, Histogram

from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send

LABELS: Final = ("method", "route", "status")
SMALL: Final = 1024
WORTH_IT: Final = frozenset({b"application/json", b"text/html", b"text/plain"})


@final
class Spanned:
    """One span, with what the convention requires and recommends, under the trace that the client names."""

    def __init__(self, app: ASGIApp, provider: TracerProvider) -> None:
        self.app = app
        self.tracer = provider.get_tracer("by hand")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        carrier: dict[str, str] = {}
        host = agent = b""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"user-agent":
                agent = value
            elif name in (b"traceparent", b"tracestate", b"baggage"):
                carrier[name.decode()] = value.decode("latin-1")
        parent = extract(carrier) if carrier else None
        method = scope["method"]
        attributes = {
            "http.request.method": method,
            "url.path": scope["path"],
            "url.scheme": scope["scheme"],
            "server.address": host.decode("latin-1"),
            "server.port": scope["server"][1],
            "client.address": scope["client"][0],
            "client.port": scope["client"][1],
            "network.protocol.version": scope["http_version"],
            "user_agent.original": agent.decode("latin-1"),
        }
        span = scope["span"] = self.tracer.start_span(method, parent, SpanKind.SERVER, attributes)
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                _end(span, scope, status)

        token = attach(set_span_in_context(span, parent))
        try:
            await self.app(scope, receive, sending)
        except Exception as error:
            span.record_exception(error)
            _end(span, scope, 500)
            raise
        finally:
            detach(token)


def _end(span: Any, scope: Scope, status: int) -> None:
    route = scope.get("route")
    if route is None:
        span.set_attribute("http.response.status_code", status)
    else:
        span.update_name(f"{scope['method']} {route.path}")
        span.set_attributes({"http.response.status_code": status, "http.route": route.path})
    if status >= 500:
        span.set_status(StatusCode.ERROR)
    span.end()


@final
class Measured:
    """The four instruments that ours has: duration, time to the first byte, size of the answer, and in hand."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self.app = app
        self.duration = Histogram("duration_seconds", "x", LABELS, registry=registry)
        self.first = Histogram("first_seconds", "x", LABELS, registry=registry)
        self.size = Histogram("size_bytes", "x", LABELS, registry=registry, buckets=(256, 1024, 4096, 65536))
        self.active = Gauge("active", "x", ("method",), registry=registry)
        self.children: dict[tuple[str, str, int], tuple[Histogram, Histogram, Histogram]] = {}
        self.gauges: dict[str, Gauge] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        status, size, first = 500, 0, 0.0
        method = scope["method"]
        gauge = self.gauges.get(method)
        if gauge is None:
            gauge = self.gauges[method] = self.active.labels(method)
        gauge.inc()

        async def sending(message: Message) -> None:
            nonlocal status, size, first
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                if not first:
                    first = perf_counter() - began
                size += len(message.get("body", b""))
            await send(message)

        began = perf_counter()
        try:
            await self.app(scope, receive, sending)
        finally:
            seconds = perf_counter() - began
            gauge.dec()
            route = scope.get("route")
            key = (method, "none" if route is None else route.path, status)
            found = self.children.get(key)
            if found is None:
                found = self.children[key] = self._children(*key)
            duration, to_first, answer = found
            duration.observe(seconds)
            to_first.observe(first)
            answer.observe(size)

    def _children(self, method: str, route: str, status: int) -> tuple[Histogram, Histogram, Histogram]:
        labels = (method, route, str(status))
        return self.duration.labels(*labels), self.first.labels(*labels), self.size.labels(*labels)


@final
class Coded:
    """Whole answers that are worth it, in zstd, for who reads that. A tag then belongs to what is sent."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.codec = zstd.ZstdCompressor(level=3)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        accepts = b""
        for name, value in scope["headers"]:
            if name == b"accept-encoding":
                accepts = value
        if b"zstd" not in accepts:
            return await self.app(scope, receive, send)
        start: Message | None = None

        async def sending(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            elif start is None:
                await send(message)
            else:
                head, start = start, None
                body = message.get("body", b"")
                if len(body) >= SMALL and not message.get("more_body"):
                    coded = self.codec.compress(body, zstd.ZstdCompressor.FLUSH_FRAME)
                    if (headers := _coded(head["headers"], len(coded))) is not None:
                        head, message = {**head, "headers": headers}, {**message, "body": coded}
                await send(head)
                await send(message)

        await self.app(scope, receive, sending)


def _coded(headers: list[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]] | None:
    """Return the fields of a coded answer; ``None`` where it is none that is worth it."""
    changed = [(b"content-encoding", b"zstd"), (b"vary", b"Accept-Encoding")]
    for line in headers:
        name, value = line
        if name == b"content-encoding" or (name == b"content-type" and value not in WORTH_IT):
            return None
        if name == b"content-length":
            line = (name, b"%d" % length)
        elif name == b"etag":
            line = (name, value[:-1] + b'-zstd"')
        changed.append(line)
    return changed
