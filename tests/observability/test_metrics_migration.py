"""With its names, numbers are those of prometheus-fastapi-instrumentator: the same requests, measured by both."""

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_fastapi_instrumentator import Instrumentator

from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.testing import Client
from tests.observability.measured import Measured

pytestmark = [pytest.mark.anyio, pytest.mark.newer]

REQUESTS = [
    # method, path, content
    ("GET", "/items/7", None),
    ("GET", "/items/8", None),
    ("POST", "/items/8", b"abc"),
    ("GET", "/nowhere", None),
    ("GET", "/elsewhere", None),
    ("GET", "/items/seven", None),
    ("GET", "/v1/orders/3", None),
]
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def shop() -> Any:
    app, orders = FastAPI(), APIRouter(prefix="/orders")

    async def item(item_id: int, request: Request) -> int:
        await request.body()
        return item_id

    async def order(order_id: int) -> int:
        return order_id

    async def fails() -> None:
        raise LookupError

    app.add_api_route("/items/{item_id}", item, methods=["GET", "POST"])
    app.add_api_route("/fails", fails)
    orders.add_api_route("/{order_id}", order)
    app.include_router(orders, prefix="/v1")
    return app


def samples(text: str) -> Samples:
    """Return what can be compared: numbers and sizes, no times; nothing of what only we measure."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
        and not sample.name.startswith("asgi_patterns")
        and sample.name != "http_requests_inprogress"  # not theirs by default
        and not (sample.name.endswith(("seconds_sum", "seconds_bucket")))
    }


async def use(app: ASGIApp, *more: tuple[str, str, bytes | None]) -> None:
    client = Client(app, lint=False)
    for method, path, content in (*REQUESTS, *more):
        await client.request(method, path, content=content, raise_app_exceptions=False)


@pytest.fixture
def anyio_backend() -> str:
    """Once is enough: a second one of theirs in a process measures nothing."""
    return "asyncio"


async def test_the_same_requests_come_to_the_same_numbers() -> None:
    app, registry = shop(), CollectorRegistry()
    Instrumentator(registry=registry).instrument(app)
    measured = Measured(shop(), names="instrumentator", lint=False)

    await use(app)
    await use(measured.layer(shop()))
    theirs, ours = generate_latest(registry).decode(), (await measured.page()).text

    assert samples(ours) == samples(theirs)
    assert bounds(ours) == bounds(theirs)
    # And what differs: they take a size from a field, where nothing is sent, and a route although it has refused, and
    # what the client gets in place of an exception is not seen by them.
    further: Any = (("HEAD", "/items/7", None), ("GET", "/fails", None))
    await use(app, *further)
    await use(measured.layer(shop()), *further)
    theirs, ours = generate_latest(registry).decode(), (await measured.page()).text
    assert {name for name, _ in samples(theirs).items() ^ samples(ours).items()} == DIFFERENT


DIFFERENT = (
    {
        ("http_requests_total", (("handler", handler), ("method", "HEAD"), ("status", "4xx")))
        for handler in ("/items/{item_id}", "none")
    }
    | {
        (f"http_{which}_size_bytes_{part}", (("handler", handler),))
        for which, part, handler in (
            ("request", "count", "/items/{item_id}"),
            ("request", "count", "none"),
            ("response", "count", "/items/{item_id}"),
            ("response", "count", "none"),
            ("response", "sum", "/items/{item_id}"),
            ("response", "sum", "/fails"),
        )
    }
    | {
        ("http_request_duration_seconds_count", (("handler", handler), ("method", "HEAD")))
        for handler in ("/items/{item_id}", "none")
    }
)


def bounds(text: str) -> set[tuple[str, str]]:
    """Return the buckets of what both measure."""
    return {
        (sample.name, sample.labels["le"])
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.endswith("_bucket") and sample.name.startswith("http")
    }
