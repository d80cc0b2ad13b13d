"""The same instruments through OpenTelemetry: its SDK says what it got."""

import gc
import weakref
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asgi_patterns import ConditionalRequests, LoadShedding, Metrics, Pipeline
from asgi_patterns.kernel.context import DEFAULT
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.observability.metrics_instruments import SECONDS
from asgi_patterns.testing import Client, chunk, echo, head, hello, scripted

pytestmark = pytest.mark.anyio


class Exported:
    """``app`` behind the layer, and what a reader of the SDK finds."""

    def __init__(self, app: ASGIApp, *further: Any, lint: bool = True) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader])
        self.layer = Metrics(backend="opentelemetry", meter_provider=self.provider)
        self.client = Client(Pipeline(self.layer, *further)(app), lint=lint)

    def points(self, name: str) -> list[Any]:
        return [
            point for metric in self._metrics() if metric.name == name for point in metric.data.data_points
        ]

    def names(self) -> set[str]:
        return {metric.name for metric in self._metrics()}

    def _metrics(self) -> list[Any]:
        data = self.reader.get_metrics_data()
        found = [] if data is None else data.resource_metrics
        return [each for resource in found for scope in resource.scope_metrics for each in scope.metrics]


async def item(request: Request) -> PlainTextResponse:
    return PlainTextResponse("12345")


ROUTED = Starlette(routes=[Route("/items/{item_id}", item)])
BASE: Mapping[str, object] = {"http.request.method": "GET", "url.scheme": "http"}


async def test_a_request_has_the_attributes_of_the_conventions() -> None:
    exported = Exported(ROUTED)

    await exported.client.get("/items/7")

    (point,) = exported.points("http.server.request.duration")
    assert dict(point.attributes) == {
        **BASE,
        "http.route": "/items/{item_id}",
        "http.response.status_code": 200,
        "asgi_patterns.outcome": "ok",
    }
    assert (point.count, tuple(point.explicit_bounds)) == (1, SECONDS)
    (active,) = exported.points("http.server.active_requests")
    assert (active.value, dict(active.attributes)) == (0, BASE)
    (size,) = exported.points("http.server.response.body.size")
    assert size.sum == 5


ERRORS: dict[str, tuple[ASGIApp, str | None]] = {
    "a 404": (scripted(head(404), chunk(b"", more=False)), None),
    "a 503": (scripted(head(503), chunk(b"", more=False)), "503"),
}


@pytest.mark.parametrize(("app", "error"), ERRORS.values(), ids=ERRORS)
async def test_an_error_has_a_type(app: ASGIApp, error: str | None) -> None:
    exported = Exported(app)

    await exported.client.get("/nowhere")

    (point,) = exported.points("http.server.request.duration")
    assert point.attributes.get("error.type") == error
    assert "http.route" not in point.attributes


async def test_methods_and_schemes_that_nobody_knows_are_one() -> None:
    exported = Exported(hello)

    for number in range(3):
        await exported.client.request(f"M{number}", "/", scope={"scheme": f"s{number}"})

    (point,) = exported.points("http.server.request.duration")
    assert point.count == 3
    assert point.attributes["http.request.method"] == point.attributes["url.scheme"] == "_OTHER"
    (active,) = exported.points("http.server.active_requests")
    assert active.value == 0


async def test_streams_and_websockets_are_apart() -> None:
    exported = Exported(echo)
    async with exported.client.websocket("/") as socket:
        await socket.send_text("four")
        await socket.receive_text()

    (point,) = exported.points("asgi_patterns.websocket.sent")
    assert point.value == 4
    assert "http.server.request.duration" not in exported.names()


async def test_events_and_gauges_are_there_too() -> None:
    tagged = scripted(head(200, (b"content-length", b"2"), (b"etag", b'"a"')), chunk(b"ab", more=False))
    exported = Exported(tagged, ConditionalRequests(), LoadShedding(limit=3))

    await exported.client.get("/", headers={"if-none-match": '"a"'})

    (saved,) = exported.points("asgi_patterns.caching.saved_bytes")
    (limit,) = exported.points("asgi_patterns.protection.limit")
    assert (saved.value, limit.value, dict(limit.attributes)) == (2, 3, {"pool": "main"})


async def test_there_is_no_page() -> None:
    exported = Exported(hello)

    assert (await exported.client.get("/metrics")).text == "hello"
    assert exported.layer.paths == []
    assert exported.layer.outline == ["hands numbers to OpenTelemetry"]
    assert exported.layer.alone(DEFAULT) == ()


async def test_two_pipelines_with_one_provider_count_together(caplog: pytest.LogCaptureFixture) -> None:
    first = Exported(hello)
    second = Client(Metrics(backend="opentelemetry", meter_provider=first.provider)(hello))

    await first.client.get("/")
    await second.get("/")

    (point,) = first.points("http.server.request.duration")
    assert point.count == 2
    assert caplog.records == []


async def test_a_provider_that_nobody_uses_is_freed() -> None:
    async def made() -> weakref.ref[Any]:
        exported = Exported(hello)
        await exported.client.get("/")
        exported.provider.shutdown()
        return weakref.ref(exported.layer)

    seen = await made()
    gc.collect()

    assert seen() is None


def test_what_it_has_no_use_for_is_doubted() -> None:
    layer = Metrics(backend="opentelemetry", token="a")

    assert layer.doubts(DEFAULT) == ["hands numbers to OpenTelemetry, and has no use for token"]
