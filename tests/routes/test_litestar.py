"""The routes of Litestar apps."""

from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar, Router, WebSocket, asgi, get, post, websocket
from litestar.static_files import create_static_files_router
from litestar.types import Receive, Scope, Send

from asgi_patterns.testing import Client, hello
from tests.routes.contract import EVERYWHERE, REFUSED, SOCKETS, Row, Watched, ask, table

pytestmark = pytest.mark.anyio


@get(["/orders", "/same/{order_id:int}"])
async def orders() -> str:
    return "orders"


@post("/orders", status_code=200)
async def add_order() -> str:
    return "added"


@get("/orders/{order_id:int}")
async def order() -> str:
    return "order"


@get("/orders/{order_id:int}/lines/{line:str}")
async def order_line() -> str:
    return "line"


@get("/files/{rest:path}")
async def files() -> str:
    return "file"


@get("/items/{item:int}")
async def item() -> str:
    return "item"


@get("/crash")
async def crash() -> None:
    raise RuntimeError("as it must")


@websocket("/rooms/{room:str}")
async def room(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    await socket.close()


@asgi("/bare", is_mount=True, copy_scope=True)
async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    await hello(scope, receive, send)  # type: ignore[arg-type]  # Litestar has its own names for these


@asgi(["/two", "/other"], is_mount=True, copy_scope=True)
async def bare_twice(scope: Scope, receive: Receive, send: Send) -> None:
    await hello(scope, receive, send)  # type: ignore[arg-type]  # as above


app: Any = Litestar(
    [
        orders,
        add_order,
        order,
        order_line,
        files,
        crash,
        room,
        bare,
        Router("/v1", route_handlers=[item, bare_twice]),
        Router("/v2", route_handlers=[item]),
        Router("/tenants/{tenant:str}", route_handlers=[item]),
        create_static_files_router("/static", [Path(__file__).parent]),
    ],
    logging_config=None,
)

OWN: list[Row] = [
    ("one handler on two paths", "GET /same/7", 200, "/same/{order_id}"),
    ("a slash at the end means nothing", "GET /orders/", 200, "/orders"),
    ("OPTIONS, which Litestar answers", "OPTIONS /orders", 204, "/orders"),
    ("an app without routes", "GET /bare/a/b/c", 200, "/bare/{path}"),
    ("the root of a mount", "GET /bare", 200, "/bare/{path}"),
    ("an app mounted twice", "GET /v1/two/x", 200, "/v1/two/{path}"),
    ("the same at its other place", "GET /v1/other/x", 200, "/v1/other/{path}"),
    ("files", "GET /static/test_litestar.py", 200, "/static/{file_path}"),
    ("no such file", "GET /static/nothing", 404, "/static/{file_path}"),
]

ROWS = table(EVERYWHERE, REFUSED, SOCKETS, OWN)


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


async def test_a_layer_may_stand_in_its_middleware() -> None:
    seen: list[Watched] = []

    def watched(app: Any) -> Any:
        seen.append(Watched(app))
        return seen[-1]

    inside: Any = Litestar([order], middleware=[watched], logging_config=None, openapi_config=None)
    await Client(inside, lint=False).get("/orders/7")

    assert "/orders/{order_id}" in [each.asked.template for each in seen]


async def test_a_layer_may_stand_around_its_handler() -> None:
    inside: Any = Litestar([order], logging_config=None)
    inside.asgi_handler = watched = Watched(inside.asgi_handler)

    await Client(inside, lint=False).get("/orders/7")

    assert watched.asked.template == "/orders/{order_id}"
