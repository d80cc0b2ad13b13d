"""What a span for each request costs: ours, one by hand, and what others make, with the SDK and a batch processor."""

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
from benchmarks.comparing import app, compare, floor, ours, peer
from benchmarks.harness import ROUNDS
from benchmarks.results import Budget, Case, Group
from benchmarks.shape import whole

STRICT = (
    "it checks the caller's context strictly, bounds what it tells, and looks for spans that others begin; by hand "
    "nothing of that is done"
)
SHARES = {"a span for each request": 1.0, "a span for one request of ten": 0.1}


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


def run(*, rounds: int = ROUNDS, calls: int | None = None) -> Group:
    """Measure."""
    cases = tuple(_case(name, share, rounds, calls) for name, share in SHARES.items())
    return Group(name="tracing", title="Tracing, with the SDK and a batch processor", cases=cases)


def _case(name: str, share: float, rounds: int, calls: int | None) -> Case:
    contrib: Any = OpenTelemetryMiddleware
    all_of_them = share == 1
    return compare(
        name,
        app("the app alone", lambda: whole),
        floor("a span by hand", lambda: ByHand(whole, provider(share))),
        ours(
            "Tracing",
            lambda: Tracing(tracer_provider=provider(share))(whole),
            Budget(most=1.3 if all_of_them else 1.4, reason=STRICT),
            layer="Tracing" if all_of_them else "",
        ),
        ours("RequestId, AccessLog and Tracing", lambda: _pipeline(share)),
        peer("contrib", lambda: contrib(whole, tracer_provider=provider(share))),
        peer(
            "contrib, without spans of messages",
            lambda: contrib(whole, tracer_provider=provider(share), exclude_spans=["receive", "send"]),
        ),
        peer("Starlette's", lambda: _starlettes(share)),
        rounds=rounds,
        calls=calls,
    )


def _pipeline(share: float) -> ASGIApp:
    return Pipeline(RequestId(), AccessLog(), Tracing(tracer_provider=provider(share)))(whole)


def _starlettes(share: float) -> ASGIApp:
    from starlette.middleware.opentelemetry import OpenTelemetryMiddleware as Own

    return Own(whole, tracer_provider=provider(share))
