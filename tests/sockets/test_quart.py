"""The two places that a pipeline can have in a Quart app: around it, and around the part that answers requests."""

from collections.abc import Callable
from typing import Any

import pytest
from quart import Quart

from asgi_patterns import Health, Pipeline, Problems, RequestId
from asgi_patterns.pipeline import Wrapped, pipeline_of
from asgi_patterns.testing import Client
from examples.quart_app import build

pytestmark = pytest.mark.asyncio


def pipeline() -> Pipeline:
    return Pipeline(Health(), RequestId(), Problems())


def inside() -> Quart:
    app = build()
    app.asgi_app = pipeline()(app.asgi_app)  # type: ignore[method-assign]  # as Quart recommends
    return app


PLACES = pytest.mark.parametrize(
    "place",
    [
        pytest.param(lambda: pipeline()(build()), id="around the app"),
        pytest.param(inside, id="around its asgi_app"),
    ],
)


@PLACES
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/json", 200, id="a route"),
        pytest.param("GET", "/missing", 404, id="no route"),
        pytest.param("PUT", "/json", 405, id="another method"),
        pytest.param("GET", "/error", 500, id="a crash"),
        pytest.param("POST", "/orders", 409, id="a problem that was raised"),
    ],
)
async def test_every_answer_has_the_id(
    place: Callable[[], Quart | Wrapped], method: str, path: str, status: int
) -> None:
    async with Client(place()) as client:
        answer = await client.request(method, path, headers={"X-Request-ID": "quart-0001"})

    assert (answer.status, answer.all("x-request-id")) == (status, ["quart-0001"])
    assert status < 400 or answer.json()["requestId"] == "quart-0001"


@PLACES
async def test_start_up_is_seen_and_passed_on(place: Callable[[], Quart | Wrapped]) -> None:
    seen = []
    app = place()
    quart: Any = app.app if isinstance(app, Wrapped) else app
    quart.before_serving(lambda: seen.append("started"))
    quart.after_serving(lambda: seen.append("stopped"))

    async with Client(app) as client:
        probe = await client.get("/health/startup")

    assert probe.status == 200
    assert seen == ["started", "stopped"]


@PLACES
async def test_the_pipeline_is_found_so_that_nobody_wraps_the_app_again(
    place: Callable[[], Quart | Wrapped],
) -> None:
    found = pipeline_of(place())

    assert found is not None
    assert [layer.label for layer in found.layers] == ["health", "request_id", "problems"]


async def test_quarts_own_test_client_sees_the_pipeline_around_its_asgi_app() -> None:
    answer = await inside().test_client().get("/json", headers={"X-Request-ID": "client-0001"})

    assert answer.headers.getlist("X-Request-ID") == ["client-0001"]
