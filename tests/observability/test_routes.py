"""Whatever the framework, a line says the whole template of the route; what is not a route is no label."""

import logging
from typing import Any

import litestar
import pytest
import quart
from fastapi import APIRouter, FastAPI
from fastapi.responses import PlainTextResponse
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from asgi_patterns import AccessLog, Pipeline, Problems, RequestId
from asgi_patterns.kernel.route_hooks import quart_routes
from asgi_patterns.testing import Client

pytestmark = pytest.mark.anyio

LOGGER = "asgi_patterns.access_log"


async def answer(*_: Any) -> PlainTextResponse:
    return PlainTextResponse("hello")


def fastapi() -> Any:
    inner, outer, app = APIRouter(prefix="/orders"), APIRouter(prefix="/v1"), FastAPI()

    @inner.get("/{order_id}")
    async def order(order_id: int) -> str:
        return "hello"

    outer.include_router(inner)
    app.include_router(outer)
    return app


def mounted_fastapi() -> Any:
    return Starlette(routes=[Mount("/{tenant}", app=fastapi())])


def starlette() -> Any:
    inner = [Route("/orders/{order_id:int}", answer)]
    return Starlette(routes=[Mount("/v1", routes=[Mount("/{tenant}", routes=inner)])])


def of_litestar() -> Any:
    @litestar.get("/orders/{order_id:int}")
    async def order() -> str:
        return "hello"

    return litestar.Litestar([litestar.Router("/v1", route_handlers=[order])], logging_config=None)


ROUTES = [
    ("FastAPI, routers within routers", fastapi, "/v1/orders/7", "/v1/orders/{order_id}"),
    ("FastAPI, mounted", mounted_fastapi, "/a/v1/orders/7", "/{tenant}/v1/orders/{order_id}"),
    ("Starlette, mounts within mounts", starlette, "/v1/a/orders/7", "/v1/{tenant}/orders/{order_id}"),
    ("Litestar, a router", of_litestar, "/v1/orders/7", "/v1/orders/{order_id}"),
]


@pytest.mark.parametrize(
    ("make", "path", "route"), [row[1:] for row in ROUTES], ids=[row[0] for row in ROUTES]
)
async def test_the_line_has_the_whole_template(
    make: Any, path: str, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    client = Client(Pipeline(AccessLog(), RequestId(), Problems())(make()), lint=False)

    await client.get(path)
    await client.get(f"{path}/nowhere/at/all")

    found = [record.__dict__ for record in caplog.records if record.name == LOGGER]
    assert [(each["route"], each["status"]) for each in found] == [(route, 200), (None, 404)]


async def test_the_server_s_root_stands_in_front(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    client = Client(AccessLog()(fastapi()), lint=False)

    await client.get("/api/v1/orders/7", scope={"root_path": "/api"})

    assert [each.__dict__["route"] for each in caplog.records] == ["/api/v1/orders/{order_id}"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # all that Quart runs on
async def test_quart_says_it_with_its_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    app = quart.Quart("shop")
    quart_routes(app)

    @app.get("/orders/<int:order_id>")
    async def order(order_id: int) -> str:
        return "hello"

    await Client(AccessLog()(app), lint=False).get("/orders/7")

    assert [each.__dict__["route"] for each in caplog.records if each.name == LOGGER] == [
        "/orders/{order_id}"
    ]
