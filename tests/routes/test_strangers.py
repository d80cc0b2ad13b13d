"""What no framework of today does: other internals, broken ones, none. There is no template, and no error."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, Router

from asgi_patterns.kernel import routes
from asgi_patterns.kernel.exchange import KEY, Exchange
from asgi_patterns.kernel.routes import ROUTE, record_route, route_template
from asgi_patterns.kernel.types import Scope
from asgi_patterns.testing import hello
from tests.routes.contract import ask

LOGGER = "asgi_patterns.routes"


class Moved:
    """A framework's object, all of whose attributes are called something else now."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"{name} has moved")


class Slotted:
    """An app or a handler of Litestar, which takes no further attribute."""

    __slots__ = ("is_mount", "routes")

    def __init__(self, *, routes: Any = (), is_mount: bool = True) -> None:
        self.routes = routes
        self.is_mount = is_mount


def endpoint() -> None:
    """The end of a route."""


class End(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("the end")


def request(**keys: object) -> Scope:
    return {"type": "http", "method": "GET", "path": "/x", "root_path": "", "headers": [], **keys}


def router(*listed: object) -> Any:
    return SimpleNamespace(routes=list(listed))


mount, plain = Slotted(), Slotted(is_mount=False)

SILENT = [
    ("an empty scope", {}),
    ("nothing but the request", request()),
    ("a router alone", request(router=Moved())),
    ("an endpoint alone", request(endpoint=endpoint)),
    ("a route alone", request(route=Moved())),
]

TOLD = [
    ("files of FastAPI's elsewhere", request(fastapi={"frontend_path": "y", "frontend_specificity": 0})),
    ("files of FastAPI's and no path", request(fastapi={"frontend_specificity": 0})),
    ("another size of the path to the files", request(fastapi={"frontend_path": "x", "frontend_specificity": "1"})),
    ("no scope", None),
    ("a scope of another kind", Moved()),
    ("somebody else's exchange", request(**{KEY: "taken"})),
    ("a route whose endpoint has moved", request(router=router(), endpoint=endpoint, route=Moved())),
    ("a route without path", request(router=router(), endpoint=endpoint, route=SimpleNamespace(endpoint=endpoint))),
    ("something of FastAPI's that is no dictionary", request(router=router(), endpoint=endpoint, fastapi="new")),
    ("a router without routes", request(router=SimpleNamespace(), endpoint=endpoint)),
    ("a router whose routes have moved", request(router=Moved(), endpoint=endpoint)),
    ("a router that takes no attribute", request(router=object(), endpoint=endpoint)),
    ("routes that are no list", request(router=SimpleNamespace(routes=7), endpoint=endpoint)),
    ("routes of an unknown kind", request(router=router(object(), None), endpoint=endpoint)),
    ("a route whose path has moved", request(router=router(Moved()), endpoint=endpoint)),
    ("an endpoint on no route", request(router=Router([Route("/x", hello)]), endpoint=endpoint)),
    ("an endpoint of a route for another path", request(router=Router([Route("/y", hello)]), endpoint=hello)),
    ("a mount and no endpoint", request(app_root_path="", root_path="/m", route_handler=plain, path_template="/")),
    ("a handler of Litestar without template", request(route_handler=plain)),
    ("a template that is no text", request(route_handler=plain, path_template=["/x"])),
    ("a template that is empty", request(route_handler=plain, path_template="")),
    ("a mount of Litestar without its app", request(route_handler=mount)),
    ("a mount of Litestar on no route", request(route_handler=mount, litestar_app=Slotted())),
    ("a Litestar app without routes", request(route_handler=mount, litestar_app=object())),
]  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "_said", set())


@pytest.mark.parametrize("scope", [pytest.param(scope, id=name) for name, scope in SILENT])
def test_where_no_route_shows_there_is_none(scope: Scope, caplog: pytest.LogCaptureFixture) -> None:
    assert route_template(scope) is None
    assert caplog.records == []


@pytest.mark.parametrize("scope", [pytest.param(scope, id=name) for name, scope in TOLD])
def test_what_cannot_be_read_is_no_route_and_told_once(scope: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert [route_template(scope) for _ in range(20)] == [None] * 20
    assert [(record.name, record.levelno) for record in caplog.records] == [(LOGGER, logging.WARNING)]


def test_what_cannot_be_recorded_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    scope = request(router=Moved(), endpoint=endpoint)

    record_route(scope, "/x")
    record_route(scope, "/x")

    assert ROUTE not in scope
    assert len(caplog.records) == 1


class Counting:
    """A router that counts how often its routes are listed."""

    def __init__(self, *routes: Any) -> None:
        self.reads = 0
        self._routes = [*routes]

    @property
    def routes(self) -> list[Any]:
        self.reads += 1
        return self._routes


def test_routes_are_listed_once_and_not_for_every_request() -> None:
    counting = Counting(Mount("/m/{key}", routes=[Route("/x", End)]))
    scope = request(router=counting, endpoint=End, app_root_path="", root_path="/m/7", path="/m/7/x")

    templates = {route_template({**scope}) for _ in range(100)}

    assert templates == {"/m/{key}/x"}
    assert counting.reads == 1


def test_routes_that_are_not_found_are_listed_less_and_less_often() -> None:
    counting = Counting(Moved())

    for _ in range(100):
        route_template(request(router=counting, endpoint=endpoint))

    assert counting.reads == 7  # the 1st, 2nd, 4th ... 64th


@pytest.mark.anyio
async def test_a_router_that_is_mounted_in_itself() -> None:
    loop = Router([Route("/x", End)])
    loop.routes.append(Mount("/again", app=loop))

    asked = await ask(loop, "GET /again/again/x")

    assert (asked.status, asked.template) == (200, "/again/again/x")


def test_a_template_is_kept_on_the_exchange() -> None:
    exchange, scope = Exchange.of(request(root_path="/api"))

    record_route({**scope}, "/orders/{order_id}")

    assert (
        route_template(exchange)
        == route_template(scope)
        == route_template({**scope})
        == "/api/orders/{order_id}"
    )
    assert exchange.scope[ROUTE] == "/api/orders/{order_id}"
