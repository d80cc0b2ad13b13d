"""One request, told in several ways: what a log line, a span and an exemplar say of it is the same."""

import logging
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from asgi_patterns import AccessLog, Metrics, Pipeline, Tracing
from asgi_patterns.testing import Client, Crash, hello
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


async def test_without_a_span_a_line_names_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    await Client(AccessLog()(hello)).get("/")

    assert line(caplog).trace_id is None
