"""In every framework span, numbers and log call a request by one template, the whole of it; unknown paths by none."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import django
import litestar
import pytest
import quart
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.test.utils import override_settings
from django.urls import include, path
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, Router

from asgi_patterns.kernel.route_hooks import quart_routes
from asgi_patterns.kernel.routes import record_route
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.testing import Client
from tests.observability.together import LOGGER, Together, of_span, values_of
from tests.routes import test_django, test_fastapi, test_litestar, test_quart, test_starlette
from tests.routes.contract import EVERYWHERE, REFUSED, Row

pytestmark = pytest.mark.anyio

ORDER, TEMPLATE = "/v1/acme/orders/7", "/v1/{tenant}/orders/{order_id}"


@pytest.fixture
def anyio_backend() -> str:
    """Quart and Django are of asyncio alone."""
    return "asyncio"


async def answer(*_: Any) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def shown(tenant: str, order_id: int) -> str:
    return "hello"


async def view(request: HttpRequest, **named: Any) -> HttpResponse:
    return HttpResponse("hello")


class Nested:
    """A project whose patterns stand in patterns."""

    urlpatterns = (
        path("v1/", include([path("<slug:tenant>/", include([path("orders/<int:order_id>", view)]))])),
    )


@pytest.fixture(autouse=True)
def project(request: pytest.FixtureRequest) -> Iterator[None]:
    """Settings of Django for the test."""
    import_module("examples.django_app")  # configures Django, which can be done once in a process
    urls = test_django.Urls if "contract" in request.node.name else Nested
    with override_settings(
        ALLOWED_HOSTS=["*"], ROOT_URLCONF=urls, LOGGING_CONFIG=None, MIDDLEWARE=[test_django.ROUTES]
    ):
        django.setup()
        yield


def of_django() -> Any:
    return get_asgi_application()


def of_starlette() -> Any:
    orders = [Route("/orders/{order_id:int}", answer)]
    return Starlette(routes=[Mount("/v1", routes=[Mount("/{tenant}", app=Router(orders))])])


def of_fastapi() -> Any:
    app, tenants, orders = FastAPI(), APIRouter(prefix="/v1"), APIRouter(prefix="/{tenant}")
    orders.add_api_route("/orders/{order_id}", shown)
    tenants.include_router(orders)
    app.include_router(tenants)
    return app


def of_mounted_fastapi() -> Any:
    inner, orders = FastAPI(), APIRouter(prefix="/orders")
    orders.add_api_route("/{order_id}", view_of_fastapi)
    inner.include_router(orders)
    middle, outer = FastAPI(), FastAPI()
    middle.mount("/{tenant}", inner)
    outer.mount("/v1", middle)
    return outer


async def view_of_fastapi(order_id: int) -> str:
    return "hello"


def of_litestar() -> Any:
    @litestar.get("/orders/{order_id:int}")
    async def order() -> str:
        return "hello"

    tenants = litestar.Router("/{tenant:str}", route_handlers=[order])
    return litestar.Litestar([litestar.Router("/v1", route_handlers=[tenants])], logging_config=None)


def of_quart() -> Any:
    app: Any = quart.Quart("shop")
    quart_routes(app)
    outer, inner = quart.Blueprint("v1", "v1"), quart.Blueprint("tenants", "tenants")
    inner.add_url_rule("/orders/<int:order_id>", view_func=shown)
    outer.register_blueprint(inner, url_prefix="/<tenant>")
    app.register_blueprint(outer, url_prefix="/v1")
    return app


def of_nobody() -> Any:
    """A bare app, which says itself what it has taken."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found = scope["path"].endswith("/orders/7")
        if found:
            record_route(scope, TEMPLATE)
        await PlainTextResponse("hello", 200 if found else 404)(scope, receive, send)

    return app


NESTED = {
    "Starlette": of_starlette,
    "FastAPI": of_fastapi,
    "FastAPI, mounted twice": of_mounted_fastapi,
    "Litestar": of_litestar,
    "Quart": of_quart,
    "Django": of_django,
    "none": of_nobody,
}


@contextmanager
def watched(app: Any) -> Iterator[Together]:
    together = Together(app, lint=False)
    logger = logging.getLogger(LOGGER)
    level = logger.level
    logger.addHandler(together.lines)
    logger.setLevel(logging.INFO)
    try:
        yield together
    finally:
        logger.removeHandler(together.lines)
        logger.setLevel(level)


async def labels(together: Together) -> dict[str, int]:
    """Return how many requests were counted by route, streams among them."""
    found: dict[str, int] = {}
    for (name, of), count in values_of(await together.page()).items():
        if name.endswith(("request_duration_seconds_count", "stream_duration_seconds_count")):
            route = dict(of)["route"]
            found[route] = found.get(route, 0) + int(count)
    return found


@pytest.mark.parametrize("make", NESTED.values(), ids=NESTED)
@pytest.mark.parametrize("root", ["", "/api"], ids=["no root", "a root"])
async def test_what_is_nested_twice_has_its_whole_template(make: Any, root: str) -> None:
    with watched(make()) as together:
        client = Client(together.app, root_path=root, lint=False)
        statuses = [(await client.get(ORDER)).status, (await client.get(ORDER)).status]

        template = root + TEMPLATE
        assert statuses == [200, 200]
        assert [line["route"] for line in together.lines.records] == [template] * 2
        assert [span.name for span in together.spans.ended] == [f"GET {template}"] * 2
        assert await labels(together) == {template: 2}


@pytest.mark.parametrize("make", NESTED.values(), ids=NESTED)
async def test_all_unknown_paths_are_one(make: Any) -> None:
    unknown = ["/", "/nothing", "/v1/acme/nothing", "/v1/acme/orders/7/8", "/{path}", "/v1/a%2fb/x"]
    with watched(make()) as together:
        statuses = {(await together.client.get(each)).status for each in unknown}

        assert statuses == {404}
        assert {line["route"] for line in together.lines.records} == {None}
        assert {span.name for span in together.spans.ended} == {"GET"}
        assert await labels(together) == {"none": len(unknown)}


CONTRACT: dict[str, Any] = {
    "Starlette": test_starlette.app,
    "FastAPI": test_fastapi.app,
    "Litestar": test_litestar.app,
    "Quart": test_quart.app,
    "Django": None,
}
# Django's class of views refuses a method itself: that is its route's answer, and no row of this table.
ROWS: list[Row] = [*EVERYWHERE, *REFUSED]


@pytest.mark.parametrize("app", CONTRACT.values(), ids=CONTRACT)
@pytest.mark.parametrize("root", ["", "/api"], ids=["no root", "a root"])
async def test_the_contract_of_routes_is_kept_by_all_three(app: Any, root: str) -> None:
    rows = EVERYWHERE if app is None else ROWS
    with watched(app or of_django()) as together:
        client = Client(together.app, root_path=root, lint=False)
        expected: list[tuple[str, int, str | None]] = []
        for _, line, status, template in rows:
            method, _, target = line.partition(" ")
            await client.request(method, target, raise_app_exceptions=False)
            expected.append((method, status, None if template is None else root + template))

        told = [of_span(span) for span in together.spans.ended]
        assert [(each.method, each.status, each.route) for each in told] == expected
        lines = [(line["method"], line["status"], line["route"]) for line in together.lines.records]
        assert lines == expected
        counted = await labels(together)
        assert counted == {
            route: sum((each or "none") == route for _, _, each in expected)
            for route in {each or "none" for _, _, each in expected}
        }
