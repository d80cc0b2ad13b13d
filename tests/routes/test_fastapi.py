"""The routes of FastAPI apps: a tree of included routers since 0.137, a flat list before."""

from pathlib import Path

import fastapi
import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.responses import PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from asgi_patterns.testing import hello
from tests.routes.contract import EVERYWHERE, REFUSED, SOCKETS, Row, ask, table

pytestmark = pytest.mark.anyio

VERSION = tuple(map(int, fastapi.__version__.split(".")[:2]))


async def allowed() -> None:
    """A dependency, so that routes have what routes have."""


async def plain(request: Request) -> Response:
    return PlainTextResponse("plain")


async def room(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


class Through(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)


def show() -> str:
    return "shown"


def crash() -> str:
    raise RuntimeError("as it must")


items = APIRouter(prefix="/items")
items.add_api_route("/{item}", show, dependencies=[Depends(allowed)])
items.add_api_route("", show)
items.add_api_route("/{item}/parts/{part:path}", show, methods=["PUT", "GET"])
items.add_api_websocket_route("/{item}/news", room)
items.add_route("/plain/{thing}/x", plain)

sub = FastAPI()
sub.add_api_route("/direct/{number}", show)
sub.include_router(items, prefix="/{kind}")

bundle = APIRouter(prefix="/bundle")
bundle.include_router(items, prefix="/more")
# The own prefix of a router is not for what Starlette's methods add.
bundle.mount("/sub/{which}", sub)
bundle.mount("/bare", hello)
bundle.add_route("/old/{thing}", plain)
bundle.add_websocket_route("/old-room/{name}", room)

app = FastAPI(middleware=[Middleware(Through)])
app.add_api_route("/orders", show, methods=["GET"])
app.add_api_route("/orders", show, methods=["POST"])
app.add_api_route("/orders/{order_id:int}", show)
app.add_api_route("/orders/{order_id:int}/lines/{line}", show)
app.add_api_route("/files/{rest:path}", show)
app.include_router(items, prefix="/v1")
app.include_router(items, prefix="/v2")
app.include_router(items, prefix="/tenants/{tenant}")
app.add_api_route("/crash", crash)
app.add_api_websocket_route("/rooms/{room}", room)
app.include_router(bundle, prefix="/all")
app.include_router(bundle, prefix="/again")
app.mount("/sub", sub)
app.mount("/static", StaticFiles(directory=Path(__file__).parent))
app.mount("/starlette", Starlette(routes=[Route("/{thing}", plain), WebSocketRoute("/{name}/room", room)]))

OWN: list[Row] = [
    ("an empty path in a router", "GET /v1/items", 200, "/v1/items"),
    ("several parameters in a router", "GET /v2/items/3/parts/a/b", 200, "/v2/items/{item}/parts/{part}"),
    ("another method of that route", "PUT /v2/items/3/parts/a", 200, "/v2/items/{item}/parts/{part}"),
    ("a method that a router refuses", "DELETE /v2/items/3", 405, None),
    ("a WebSocket in a router", "WS /v2/items/3/news", 101, "/v2/items/{item}/news"),
    ("a plain route in a router", "GET /v2/plain/7/x", 200, "/v2/plain/{thing}/x"),
    ("a router in a router", "GET /all/bundle/more/items/3", 200, "/all/bundle/more/items/{item}"),
    ("the same, included again", "GET /again/bundle/more/items/3", 200, "/again/bundle/more/items/{item}"),
    ("a WebSocket deep in routers", "WS /all/bundle/more/items/3/news", 101, "/all/bundle/more/items/{item}/news"),
    ("a plain WebSocket in a router", "WS /all/old-room/x", 101, "/all/old-room/{name}"),
    ("a plain route in a router with a prefix", "GET /again/old/x", 200, "/again/old/{thing}"),
    ("no route in a router in a router", "GET /all/bundle/more/nothing", 404, None),
    ("the documentation", "GET /docs", 200, "/docs"),
    ("HEAD, which is not GET here", "HEAD /orders", 405, None),
    ("a mounted FastAPI app", "GET /sub/direct/5", 200, "/sub/direct/{number}"),
    ("a router in a mounted app", "GET /sub/big/items/5", 200, "/sub/{kind}/items/{item}"),
    ("no route in a mounted app", "GET /sub/nothing/at/all", 404, None),
    ("the documentation of a mounted app", "GET /sub/docs", 200, "/sub/docs"),
    ("files", "GET /static/test_fastapi.py", 200, "/static/{path}"),
    ("no such file", "GET /static/nothing", 404, "/static/{path}"),
    ("a mounted Starlette app", "GET /starlette/x", 200, "/starlette/{thing}"),
    ("a WebSocket of a mounted Starlette app", "WS /starlette/x/room", 101, "/starlette/{name}/room"),
]  # fmt: skip

# Before 0.137 a router that was included lost its mounts.
MOUNTED_IN_ROUTERS: list[Row] = [
    ("an app mounted in a router", "GET /all/sub/x/direct/5", 200, "/all/sub/{which}/direct/{number}"),
    ("a router in an app in a router", "GET /again/sub/x/big/items/5", 200, "/again/sub/{which}/{kind}/items/{item}"),
    ("no route in an app mounted in a router", "GET /again/sub/x/nothing", 404, None),
    ("an app without routes in a router", "GET /all/bare/x", 200, "/all/bare/{path}"),
]  # fmt: skip


ROWS = table(EVERYWHERE, REFUSED, SOCKETS, OWN, MOUNTED_IN_ROUTERS if VERSION >= (0, 137) else [])


@pytest.mark.parametrize(("request_line", "status", "template"), ROWS)
async def test_the_template(request_line: str, status: int, template: str | None) -> None:
    asked = await ask(app, request_line)

    assert (asked.status, asked.at_head, asked.template) == (status, template, template)


@pytest.mark.parametrize(("request_line", "status", "template"), ROWS)
async def test_the_root_of_the_server_stands_in_front(
    request_line: str, status: int, template: str | None
) -> None:
    asked = await ask(app, request_line, root_path="/api")

    assert (asked.status, asked.template) == (status, None if template is None else "/api" + template)


async def test_a_router_that_is_included_while_the_app_runs() -> None:
    growing = FastAPI()
    growing.add_api_route("/first", show)
    before = await ask(growing, "GET /first")

    growing.include_router(items, prefix="/late")
    after = await ask(growing, "GET /late/items/3")

    assert (before.template, after.template) == ("/first", "/late/items/{item}")


@pytest.mark.newer  # older versions have no frontend()
@pytest.mark.parametrize(
    ("prefix", "request_line", "status", "template"),
    [
        ("/", "GET /page.html", 200, "/{path}"),
        ("/", "GET /nothing.css", 404, "/{path}"),
        ("/", "GET /orders", 200, "/orders"),
        ("/web", "GET /web/page.html", 200, "/web/{path}"),
        ("/web", "GET /page.html", 404, None),
    ],
)
async def test_files_behind_all_routes(
    tmp_path: Path, prefix: str, request_line: str, status: int, template: str | None
) -> None:
    (tmp_path / "page.html").write_text("page")
    web = FastAPI()
    web.add_api_route("/orders", show)
    web.frontend(prefix, directory=tmp_path)
    outer = FastAPI()
    outer.mount("/in/{where}", web)

    alone = await ask(web, request_line)
    mounted = await ask(outer, request_line.replace(" ", " /in/x", 1))

    assert (alone.status, alone.template) == (status, template)
    assert (mounted.status, mounted.template) == (status, template and "/in/{where}" + template)
