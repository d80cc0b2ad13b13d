"""What a span for each request costs: ours, one by hand, and what others make, with the SDK and a batch processor."""

from typing import Any, final

from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from asgi_patterns import AccessLog, Pipeline, RequestId, Tracing
from asgi_patterns.kernel.types import ASGIApp
from benchmarks.comparing import app, compare, floor, ours, peer
from benchmarks.harness import ROUNDS
from benchmarks.results import Budget, Case, Group
from benchmarks.shape import whole
from benchmarks.whole_floors import Spanned

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
        floor("a span by hand", lambda: Spanned(whole, provider(share))),
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
