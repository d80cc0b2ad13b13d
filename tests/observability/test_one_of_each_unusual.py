"""What is unusual but legal passes all that observes as it was, and is told once; and nothing keeps an app alive."""

import gc
import logging
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from asgi_patterns import AccessLog, Metrics, Pipeline, ServerTiming, Tracing
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.testing import UNUSUAL_APPS, UNUSUAL_SOCKETS, Client
from tests.observability.together import LOGGER, Together

pytestmark = pytest.mark.anyio

HEADS = ("http.response.start", "websocket.accept", "websocket.http.response.start")


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    logger = logging.getLogger(LOGGER)
    before = logger.level
    logger.setLevel(logging.INFO)
    yield
    logger.setLevel(before)


def watched(app: ASGIApp) -> Together:
    together = Together(app)
    logging.getLogger(LOGGER).addHandler(together.lines)
    return together


def without_fields(messages: list[Any]) -> list[Any]:
    """Return them without what each app makes anew, or we add to."""
    return [
        {
            key: value
            for key, value in each.items()
            if key != "file" and (key != "headers" or each["type"] not in HEADS)
        }
        for each in messages
    ]


@pytest.mark.parametrize("app", UNUSUAL_APPS.values(), ids=UNUSUAL_APPS)
async def test_an_unusual_answer_has_some_fields_more(app: ASGIApp) -> None:
    bare = await Client(app).get("/")
    together = watched(app)

    answer = await together.client.get("/")
    logging.getLogger(LOGGER).removeHandler(together.lines)

    assert without_fields(answer.messages) == without_fields(bare.messages)
    assert together.line() == together.span() == await together.count()


@pytest.mark.parametrize("app", UNUSUAL_SOCKETS.values(), ids=UNUSUAL_SOCKETS)
async def test_an_unusual_websocket_is_told_once(app: ASGIApp) -> None:
    together = watched(app)

    async with together.client.websocket("/") as socket:
        socket.disconnect()
        await socket.ended()
    logging.getLogger(LOGGER).removeHandler(together.lines)

    assert (len(together.lines.records), len(together.spans.ended)) == (1, 1)
    assert len(await together.counts()) == 1


async def traced(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{trace.get_current_span().get_span_context().span_id}")


async def test_layers_do_not_keep_an_app_alive() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    layers = (
        AccessLog(),
        Metrics(registry=CollectorRegistry(), token="let-me-in"),
        Tracing(tracer_provider=provider),
        ServerTiming(allow="always", layers=True),
    )

    async def used() -> list[weakref.ref[Any]]:
        inner = Starlette(routes=[Route("/a", traced)])
        app = Starlette(routes=[Mount("/in", inner)])
        wrapped = Pipeline(*layers)(app)
        assert (await Client(wrapped).get("/in/a")).status == 200
        return [weakref.ref(each) for each in (inner, app, wrapped)]

    seen = await used()
    gc.collect()

    assert [each() for each in seen] == [None, None, None]
