"""One request, told in several ways: what a log line, a span and an exemplar say of it is the same."""

import logging
from typing import Any

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from prometheus_client import CollectorRegistry

from asgi_patterns import AccessLog, Metrics, Pipeline, Tracing
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.testing import Client, Crash, chunk, head, hello, scripted
from tests.observability.measured import open_families
from tests.observability.test_metrics import crash, crash_after_head
from tests.observability.test_metrics_opentelemetry import Exported
from tests.observability.traced import Spans, trace_of

pytestmark = pytest.mark.anyio

OPENMETRICS = {"authorization": "Bearer let-me-in", "accept": "application/openmetrics-text"}


@pytest.fixture(autouse=True)
def listening(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "asgi_patterns.access_log")


def line(caplog: pytest.LogCaptureFixture) -> Any:
    (found,) = [record for record in caplog.records if record.name == "asgi_patterns.access_log"]
    return found


async def test_a_line_an_exemplar_and_a_span_name_one_trace(caplog: pytest.LogCaptureFixture) -> None:
    spans = Spans()
    numbers = Metrics(token="let-me-in", registry=CollectorRegistry())
    app = Pipeline(AccessLog(exclude=["/metrics"]), numbers, Tracing(tracer_provider=spans.provider))(hello)

    await Client(app).get("/")
    page = await Client(app).get("/metrics", headers=OPENMETRICS)

    (span,) = spans.ended
    assert line(caplog).trace_id == trace_of(span)
    assert f'trace_id="{trace_of(span)}"' in page.text


async def test_so_does_the_line_of_a_crash(caplog: pytest.LogCaptureFixture) -> None:
    spans = Spans()

    async def crashes(*_: object) -> None:
        raise Crash

    app = Pipeline(AccessLog(), Tracing(tracer_provider=spans.provider))(crashes)
    await Client(app).get("/", raise_app_exceptions=False)

    (span,) = spans.ended
    assert line(caplog).trace_id == trace_of(span)


LATE: list[tuple[str, ASGIApp]] = [
    # is measured when the app has ended, after the context of the span was put away
    ("a crash before the head", crash),
    ("a crash after the head", crash_after_head),
    ("a 500 of the app's own", scripted(head(500), chunk(b"oh", more=False))),
    ("an answer without an end", scripted(head(), chunk(b"ab"))),
    ("nothing at all", scripted()),
]
late = pytest.mark.parametrize("app", [row[1] for row in LATE], ids=[row[0] for row in LATE])


@late
async def test_an_exemplar_of_what_has_failed_names_the_same_trace(
    app: ASGIApp, caplog: pytest.LogCaptureFixture
) -> None:
    spans = Spans()
    numbers = Metrics(token="let-me-in", registry=CollectorRegistry())
    client = Client(
        Pipeline(AccessLog(exclude=["/metrics"]), numbers, Tracing(tracer_provider=spans.provider))(app),
        lint=False,
    )

    await client.get("/", raise_app_exceptions=False)
    page = await client.get("/metrics", headers=OPENMETRICS)

    (span,) = spans.ended
    named = [
        sample.exemplar.labels["trace_id"]
        for family in open_families(page.text)
        for sample in family.samples
        if sample.exemplar is not None
    ]
    assert line(caplog).trace_id == trace_of(span)
    assert named == [trace_of(span)]


@late
async def test_so_does_that_of_opentelemetry(app: ASGIApp) -> None:
    spans = Spans()
    exported = Exported(app, Tracing(tracer_provider=spans.provider), lint=False)

    await exported.client.get("/", raise_app_exceptions=False)

    (span,) = spans.ended
    # The SDK hands each exemplar to one reading only.
    points = [point for metric in exported._metrics() for point in metric.data.data_points]
    named = {f"{exemplar.trace_id:032x}" for point in points for exemplar in point.exemplars}
    assert named == {trace_of(span)}


async def test_what_is_not_sampled_is_no_exemplar_in_the_end_either() -> None:
    spans = Spans(ALWAYS_OFF)
    numbers = Metrics(token="let-me-in", registry=CollectorRegistry())
    client = Client(Pipeline(numbers, Tracing(tracer_provider=spans.provider))(crash))

    await client.get("/", raise_app_exceptions=False)
    page = await client.get("/metrics", headers=OPENMETRICS)

    assert 'status="500"' in page.text
    assert "trace_id" not in page.text


async def test_without_a_span_a_line_names_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    await Client(AccessLog()(hello)).get("/")

    assert line(caplog).trace_id is None
