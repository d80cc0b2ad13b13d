"""The routes of Starlette apps."""

import pytest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Host, Mount, Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from asgi_patterns import Pipeline, RequestId
from asgi_patterns.testing import Client, hello
from tests.routes.contract import EVERYWHERE, REFUSED, SOCKETS, Row, Watched, ask, table

pytestmark = pytest.mark.anyio


async def show(request: Request) -> Response:
    return PlainTextResponse(request.url.path)


async def crash(request: Request) -> Response:
    raise RuntimeError("as it must")


async def room(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


class Things(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("things")


class Through(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)


class Kept:
    """Middleware of a mounted app that keeps it where most do."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def closed(app: ASGIApp) -> ASGIApp:
    """Middleware of a mounted app that nobody can look into."""

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    return middleware


items = Router([Route("/items/{item:int}", show), Route("/", show)])
both = Router([Route("/things", Things)])
inner = Starlette(routes=[Mount("/inner/{depth}", app=items), Route("/only", show)])

routes: list[BaseRoute] = [
    Route("/orders", show),
    Route("/orders", show, methods=["POST"]),
    Route("/orders/{order_id:int}", show),
    Route("/orders/{order_id:int}/lines/{line}", show),
    Route("/files/{rest:path}", show),
    Mount("/v1", app=items),
    Mount("/v2", app=items),
    Mount("/tenants/{tenant}", app=items),
    Route("/crash", crash),
    WebSocketRoute("/rooms/{room}", room),
    Route("/things", Things),
    Route("/slash/", show),
    Mount("/deep", app=inner),
    Mount("/bare/{kind}", app=hello),
    Mount("/kept", app=Kept(Kept(inner))),
    Mount("/layered", app=RequestId(include=["/**"])(inner)),
    Mount("/piped", app=Pipeline(RequestId())(inner)),
    Mount("/closed/{key}", app=closed(items)),
    Mount("/both", app=both),
    Mount("/closed-too/{key}", app=closed(both)),
    Mount("/named", routes=[Route("/a", show, name="a"), WebSocketRoute("/rooms/{room}", room)]),
]
app = Starlette(routes=routes, middleware=[Middleware(Through)])

OWN: list[Row] = [
    ("a class that answers all methods itself", "GET /things", 200, "/things"),
    ("a class that refuses a method itself", "DELETE /things", 405, "/things"),
    ("a slash that is redirected", "GET /slash", 307, None),
    ("the root of a mount", "GET /v1/", 200, "/v1/"),
    (
        "mounts in mounts, with parameters",
        "GET /deep/inner/4/items/3",
        200,
        "/deep/inner/{depth}/items/{item}",
    ),
    ("a mount in a mount and no route", "GET /deep/inner/4/nothing", 404, None),
    ("an app without routes", "GET /bare/x/y/z", 200, "/bare/{kind}/{path}"),
    ("an app in middleware", "GET /kept/only", 200, "/kept/only"),
    ("no route of an app in middleware", "GET /kept/nothing", 404, None),
    ("an app in one of our layers", "GET /layered/only", 200, "/layered/only"),
    ("an app in a pipeline of its own", "GET /piped/inner/4/", 200, "/piped/inner/{depth}/"),
    ("no route of an app that is hidden in a function", "GET /closed/9/nothing", 404, "/closed/{key}/{path}"),
    ("routes given to a mount", "GET /named/a", 200, "/named/a"),
    ("a WebSocket in a mount", "WS /named/rooms/blue", 101, "/named/rooms/{room}"),
    ("HEAD where there is GET", "HEAD /orders/7", 200, "/orders/{order_id}"),
]


@pytest.mark.parametrize(("request_line", "status", "template"), table(EVERYWHERE, REFUSED, SOCKETS, OWN))
async def test_the_template(request_line: str, status: int, template: str | None) -> None:
    asked = await ask(app, request_line)

    assert (asked.status, asked.at_head, asked.template) == (status, template, template)


@pytest.mark.parametrize(("request_line", "status", "template"), table(EVERYWHERE, REFUSED, SOCKETS, OWN))
async def test_the_root_of_the_server_stands_in_front(
    request_line: str, status: int, template: str | None
) -> None:
    asked = await ask(app, request_line, root_path="/api")

    assert (asked.status, asked.template) == (status, None if template is None else "/api" + template)


@pytest.mark.newer  # Starlette names the route since 1.7, before only its endpoint
@pytest.mark.parametrize(
    ("request_line", "template"),
    [
        ("GET /closed/9/items/3", "/closed/{key}/items/{item}"),
        ("GET /both/things", "/both/things"),
        ("GET /closed-too/9/things", "/closed-too/{key}/things"),
    ],
)
async def test_an_app_that_is_hidden_in_a_function(request_line: str, template: str) -> None:
    asked = await ask(app, request_line)

    assert (asked.status, asked.template) == (200, template)


async def test_a_route_that_is_added_while_the_app_runs() -> None:
    growing = Starlette(routes=[Mount("/v1", app=items)])
    before = await ask(growing, "GET /v1/items/3")

    growing.router.routes.append(Mount("/v3", routes=[Route("/{late}", Things)]))
    after = await ask(growing, "GET /v3/news")

    assert (before.template, after.template) == ("/v1/items/{item}", "/v3/{late}")


async def test_our_layers_may_stand_inside_a_mount() -> None:
    watched = Watched(inner)

    await Client(Starlette(routes=[Mount("/{where}", app=watched)])).get("/x/only")

    assert watched.asked.template == "/{where}/only"


async def test_a_route_of_a_host_has_the_template_of_its_path() -> None:
    hosts = Starlette(routes=[Host("{name}.example", app=Router([Mount("/v1", app=items)]))])
    watched = Watched(hosts)

    await Client(watched).get("http://shop.example/v1/items/3")

    assert watched.asked.template == "/v1/items/{item}"
