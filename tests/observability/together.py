"""A pipeline with everything that observes, and what each says: the SDK's exporter and a parser of Prometheus judge."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from opentelemetry.sdk.trace import ReadableSpan
from prometheus_client import CollectorRegistry

from asgi_patterns import AccessLog, Metrics, Pipeline, RequestId, ServerTiming, Tracing
from asgi_patterns.kernel.layer import Layer
from asgi_patterns.kernel.record import of_status
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.testing import Client, Clock
from tests.observability.measured import DURATION, OPEN, TOKEN, open_families
from tests.observability.traced import Spans, trace_of

LOGGER = "asgi_patterns.access_log"
COUNTS = {
    f"{DURATION}_count": f"{DURATION}_sum",
    "asgi_patterns_stream_duration_seconds_count": "asgi_patterns_stream_duration_seconds_sum",
    "asgi_patterns_websocket_duration_seconds_count": "asgi_patterns_websocket_duration_seconds_sum",
}
Key = tuple[str, tuple[tuple[str, str], ...]]
"""The name of a sample, and its labels."""
OPENED = ("http_server_active_requests", "asgi_patterns_websocket_active")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What log, numbers and span say of one request, in the same words, to be compared."""

    method: str | None
    route: str | None
    status: int | None
    outcome: str
    seconds: float
    trace: str | None


@final
class Lines(logging.Handler):
    """Keeps the records of the access log, which one pipeline has to itself."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Mapping[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        record.getMessage()
        self.records.append(vars(record))


@final
class Together:
    """``app`` behind all that observes, and further layers."""

    def __init__(self, app: ASGIApp, *further: Layer, clock: Clock | None = None, lint: bool = True) -> None:
        self.clock = clock or Clock()
        self.spans = Spans()
        self.lines = Lines()
        self.registry = CollectorRegistry()
        layers = (
            RequestId(),
            AccessLog(clock=self.clock, exclude=["/metrics"]),
            Metrics(registry=self.registry, token=TOKEN),
            Tracing(tracer_provider=self.spans.provider, clock=self.clock),
            ServerTiming(allow="always", clock=self.clock, layers=True),
        )
        self.app = Pipeline(*layers, *further)(app)
        self.client = Client(self.app, lint=lint)

    def told(self) -> int:
        """Return how many lines and spans there are."""
        return len(self.lines.records) + len(self.spans.ended)

    def line(self) -> Told:
        """Return what the only line of the log says."""
        (line,) = self.lines.records
        method = "WS" if line["websocket"] else line["method"]
        return Told(
            method=method,
            route=line["route"],
            status=line["status"],
            outcome=line["outcome"],
            seconds=round(line["duration"], 3),
            trace=line["trace_id"],
        )

    def span(self) -> Told:
        """Return what the only span says."""
        (span,) = self.spans.ended
        return of_span(span)

    def request_ids(self) -> int:
        """Return how many ids lines and spans name."""
        named = {line["request_id"] for line in self.lines.records}
        return len(
            named | {(span.attributes or {}).get("asgi_patterns.request_id") for span in self.spans.ended}
        )

    async def page(self) -> str:
        """Return what Prometheus gets."""
        return (await self.client.get("/metrics", headers=OPEN)).text

    async def count(self) -> Told:
        """Return what the only count says; nothing may be open."""
        return counted(await self.page())

    async def counts(self) -> dict[Key, float]:
        """Return all counts; nothing may be open."""
        return {
            key: value for key, value in values_of(await self.page()).items() if key[0] in COUNTS and value
        }


def of_span(span: ReadableSpan) -> Told:
    """Return what a span says; its name, kind and attributes have to agree."""
    said = dict(span.attributes or {})
    method, _, route = span.name.partition(" ")
    assert (route or None) == said.get("http.route")
    status: Any = said.get("http.response.status_code")
    outcome = said.get("asgi_patterns.outcome") or ("ok" if status is None else of_status(status))
    return Told(
        method=method,
        route=route or None,
        status=101 if method == "WS" and status is None else status,
        outcome=str(outcome),
        seconds=round(((span.end_time or 0) - (span.start_time or 0)) / 1e9, 3),
        trace=trace_of(span),
    )


def values_of(text: str) -> dict[Key, float]:
    """Return the values on a page. What counts requests in hand has to be 0."""
    values = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in open_families(text)
        for sample in family.samples
    }
    for (name, _), value in values.items():
        assert value == 0 or name not in OPENED, f"{name} is {value}"
    return values


def counted(text: str) -> Told:
    """Return what a page says of the only request that it has counted, in one of the three histograms."""
    values = values_of(text)
    ((name, labels),) = [key for key, value in values.items() if key[0] in COUNTS and value]
    assert values[name, labels] == 1
    found = dict(labels)
    exemplars = {
        sample.exemplar.labels["trace_id"]
        for family in open_families(text)
        for sample in family.samples
        if sample.exemplar is not None
    }
    assert len(exemplars) <= 1
    return Told(
        method=found.get("method", "WS"),
        route=None if found["route"] == "none" else found["route"],
        status=None if found["status"] == "none" else int(found["status"]),
        outcome=found["outcome"],
        seconds=round(values[COUNTS[name], labels], 3),
        trace=next(iter(exemplars), None),
    )
