"""An app that is traced already, around us or within: one server's span for each request, and it says what we know."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from opentelemetry import baggage
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind
from starlette.middleware.opentelemetry import OpenTelemetryMiddleware as StarlettesOwn

from asgi_patterns import Pipeline, RateLimit, RequestId, Tracing
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.testing import Client
from tests.observability.traced import Spans, trace_of

pytestmark = [pytest.mark.anyio, pytest.mark.newer]

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
Wrap = Callable[[Spans], ASGIApp]


def routes(**options: Any) -> FastAPI:
    app = FastAPI(**options)

    @app.get("/items/{id}")
    async def item(id: int) -> int:
        return id

    @app.get("/boom")
    async def boom() -> None:
        raise LookupError("no such thing")

    @app.websocket("/rooms/{room}")
    async def room(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    return app


def ours(spans: Spans, **options: Any) -> Pipeline:
    return Pipeline(
        RequestId(), Tracing(tracer_provider=spans.provider, **options), RateLimit(quotas=["3/minute"])
    )


def contrib_around(spans: Spans) -> ASGIApp:
    app: ASGIApp = OpenTelemetryMiddleware(
        ours(spans)(routes()), tracer_provider=spans.provider, exclude_spans=["receive", "send"]
    )
    return app


def contrib_within(spans: Spans) -> ASGIApp:
    app = routes()
    app.add_middleware(
        OpenTelemetryMiddleware, tracer_provider=spans.provider, exclude_spans=["receive", "send"]
    )
    return ours(spans)(app)


def starlettes_around(spans: Spans) -> ASGIApp:
    return StarlettesOwn(ours(spans)(routes()), tracer_provider=spans.provider)


def starlettes_within(spans: Spans) -> ASGIApp:
    app = routes()
    app.add_middleware(StarlettesOwn, tracer_provider=spans.provider)
    return ours(spans)(app)


def fastapis_around(spans: Spans) -> ASGIApp:
    app = routes(telemetry={"tracer_provider": spans.provider, "operation_spans": False})
    app.add_middleware(ours(spans))
    return app


def fastapis_within(spans: Spans) -> ASGIApp:
    return ours(spans)(routes(telemetry={"tracer_provider": spans.provider, "operation_spans": False}))


AROUND = [contrib_around, starlettes_around, fastapis_around]
WITHIN = [contrib_within, starlettes_within, fastapis_within]


def servers(spans: Spans) -> list[ReadableSpan]:
    return [span for span in spans.ended if span.kind is SpanKind.SERVER]


@pytest.mark.parametrize("wrap", [*AROUND, *WITHIN])
async def test_a_request_has_one_span_of_a_server(wrap: Wrap) -> None:
    spans = Spans()

    async with Client(wrap(spans)) as client:
        answer = await client.get("/items/7", headers={"traceparent": CALLER})

    (span,) = servers(spans)
    said = dict(span.attributes or {})
    assert span.name == "GET /items/{id}"
    assert trace_of(span) == CALLER[3:35]
    assert said["http.route"] == "/items/{id}"
    assert said["asgi_patterns.request_id"] == answer.header("x-request-id")


@pytest.mark.parametrize("wrap", [*AROUND, *WITHIN])
async def test_a_refusal_has_one_span_too(wrap: Wrap) -> None:
    spans = Spans()

    async with Client(wrap(spans)) as client:
        for _ in range(4):
            answer = await client.get("/items/7", headers={"traceparent": CALLER})

    *_, span = servers(spans)
    said = dict(span.attributes or {})
    assert answer.status == 429
    assert len(servers(spans)) == 4
    assert trace_of(span) == CALLER[3:35]
    assert said["http.response.status_code"] == 429
    assert said["asgi_patterns.answered_by"] == "rate_limit"
    assert "asgi_patterns.ratelimit.limited" in [event.name for event in span.events]


@pytest.mark.parametrize("wrap", [*AROUND, *WITHIN])
async def test_an_exception_has_one_span_and_is_recorded_once(wrap: Wrap) -> None:
    spans = Spans()

    async with Client(wrap(spans)) as client:
        await client.get("/boom", raise_app_exceptions=False)

    (span,) = servers(spans)
    assert not span.status.is_ok
    assert [event.name for event in span.events].count("exception") <= 1


@pytest.mark.parametrize("wrap", [contrib_around, fastapis_around, contrib_within, fastapis_within])
async def test_a_websocket_has_one_span(wrap: Wrap) -> None:
    spans = Spans()

    async with Client(wrap(spans)) as client, client.websocket("/rooms/7") as socket:
        await socket.send_text("a")
        await socket.receive_text()
        await socket.ended()

    assert len(servers(spans)) == 1


@pytest.mark.parametrize("wrap", [contrib_around, fastapis_around, *WITHIN])
async def test_what_they_do_not_sample_is_not_sampled(wrap: Wrap) -> None:
    spans = Spans(ALWAYS_OFF)

    async with Client(wrap(spans)) as client:
        answer = await client.get("/items/7")

    assert answer.status == 200
    assert spans.ended == []


async def test_a_stranger_is_restarted_there_too() -> None:
    spans = Spans()
    app = routes(telemetry={"tracer_provider": spans.provider, "operation_spans": False})
    seen: list[object] = []

    @app.get("/baggage")
    async def look() -> None:
        seen.append(baggage.get_baggage("shop"))

    async with Client(ours(spans, untrusted="restart")(app)) as client:
        await client.get("/baggage", headers={"traceparent": CALLER, "baggage": "shop=7"})

    (span,) = servers(spans)
    assert trace_of(span) != CALLER[3:35]
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [CALLER[3:35]]
    assert seen == [None]


async def test_what_is_illegal_goes_no_further_there_either() -> None:
    spans = Spans()
    app = routes(telemetry={"tracer_provider": spans.provider, "operation_spans": False})

    async with Client(ours(spans)(app)) as client:
        await client.get("/items/7", headers=[("traceparent", CALLER), ("tracestate", "a=1,A=2")])

    (span,) = servers(spans)
    context = span.get_span_context()
    assert trace_of(span) == CALLER[3:35]
    assert context is not None
    assert len(context.trace_state) == 0


async def test_fastapi_that_shall_not_trace_leaves_it_to_us() -> None:
    spans = Spans()
    app = routes(telemetry={"tracer_provider": spans.provider, "tracing": False})

    async with Client(ours(spans)(app)) as client:
        await client.get("/items/7")

    assert spans.span.instrumentation_scope is not None
    assert spans.span.instrumentation_scope.name == "asgi_patterns"
