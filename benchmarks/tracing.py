"""What a span for each request costs: ours, one by hand, and what others make, with the SDK and a batch processor."""

from collections.abc import Mapping
from typing import Any, final

from opentelemetry import context
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.propagate import extract
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

from asgi_patterns import AccessLog, Pipeline, RequestId, Tracing
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.harness import Contender, Times, measure, table

SHARES = {"always": 1.0, "10 %": 0.1}


@final
class Nowhere(SpanExporter):
    """Takes all spans, and keeps none."""

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS


@final
class ByHand:
    """One span, by hand, with the attributes that the convention requires and recommends. No more than that."""

    def __init__(self, app: ASGIApp, provider: TracerProvider) -> None:
        self.app = app
        self.tracer = provider.get_tracer("by hand")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        parent = extract(headers)
        method = scope["method"]
        span = self.tracer.start_span(
            method,
            parent,
            SpanKind.SERVER,
            {
                "http.request.method": method,
                "url.path": scope["path"],
                "url.scheme": scope["scheme"],
                "server.address": headers.get("host", ""),
                "server.port": scope["server"][1],
                "client.address": scope["client"][0],
                "client.port": scope["client"][1],
                "network.protocol.version": scope["http_version"],
                "user_agent.original": headers.get("user-agent", ""),
            },
        )
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                span.set_attribute("http.response.status_code", status)
                if status >= 500:
                    span.set_status(StatusCode.ERROR)
                span.end()

        token = context.attach(set_span_in_context(span, parent))
        try:
            await self.app(scope, receive, sending)
        finally:
            context.detach(token)


def provider(share: float) -> TracerProvider:
    made = TracerProvider(sampler=TraceIdRatioBased(share))
    made.add_span_processor(BatchSpanProcessor(Nowhere()))
    return made


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with two bytes."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


def contenders(share: float) -> Mapping[str, Contender]:
    """Return who makes spans, for that share of requests."""
    return {
        "alone": lambda: app,
        "by hand": lambda: ByHand(app, provider(share)),
        "ours": lambda: Tracing(tracer_provider=provider(share))(app),
        "ours, id, log": lambda: Pipeline(RequestId(), AccessLog(), Tracing(tracer_provider=provider(share)))(
            app
        ),
        "contrib, tuned": lambda: OpenTelemetryMiddleware(
            app, tracer_provider=provider(share), exclude_spans=["receive", "send"]
        ),
        "contrib": lambda: OpenTelemetryMiddleware(app, tracer_provider=provider(share)),
        "Starlette's": lambda: _starlettes(share),
    }


def _starlettes(share: float) -> ASGIApp:
    from starlette.middleware.opentelemetry import OpenTelemetryMiddleware as Own

    return Own(app, tracer_provider=provider(share))


def run(*, rounds: int = 40, calls: int = 1000) -> str:
    """Measure, and return the table."""
    rows = []
    for name, share in SHARES.items():
        times = measure(contenders(share), rounds=rounds, calls=calls)
        rows += [(f"{who}, {name}", *_over(times, who)) for who in times if who != "alone"]
    title = "Tracing, microseconds over the app alone"
    return table(title, rows, ("", "over", "of by hand"))


def _over(times: Mapping[str, Times], who: str) -> tuple[str, str]:
    over, floor = (times[each].minimum - times["alone"].minimum for each in (who, "by hand"))
    return f"{over:.2f}", f"{over / floor:.2f}"
