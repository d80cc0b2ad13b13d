"""Frameworks in frameworks, and apps that record their routes themselves."""

from typing import Any

import pytest
from litestar import Litestar, asgi, get
from litestar.types import Receive as LitestarReceive
from litestar.types import Scope as LitestarScope
from litestar.types import Send as LitestarSend
from quart import Quart
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from asgi_patterns import Pipeline, RequestId
from asgi_patterns.kernel.route_hooks import missing_hook, quart_routes
from asgi_patterns.kernel.routes import record_route
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.testing import Client, hello
from tests.routes.contract import Row, Watched, ask, table


async def plain(request: Request) -> Response:
    return PlainTextResponse("plain")


@get("/items/{item:int}")
async def item() -> str:
    return "item"


async def show(**parameters: object) -> str:
    return "shown"


async def by_hand(scope: Scope, receive: Receive, send: Send) -> None:
    if not scope["path"].endswith("/nothing"):
        record_route({**scope}, "/things/{thing}")
    await hello(scope, receive, send)


def mounted(path: str, app: Any, *, copy_scope: bool) -> Any:
    """A handler of Litestar that stands for an app."""

    @asgi(path, is_mount=True, copy_scope=copy_scope)
    async def handler(scope: LitestarScope, receive: LitestarReceive, send: LitestarSend) -> None:
        await app(scope, receive, send)

    return handler


quart = quart_routes(Quart(__name__))
quart.add_url_rule("/items/<int:item>", "item", show)
# Litestar puts a slash behind every path that it hands to a mount.
quart.add_url_rule("/news/<int:item>/", "news", show)
starlette = Starlette(
    routes=[Mount("/deep/{level}", routes=[Route("/{thing}/", plain)]), Mount("/bare", hello)]
)
litestar = Litestar([item, mounted("/bare", hello, copy_scope=True)], logging_config=None)

in_starlette: ASGIApp = Starlette(
    routes=[
        Mount("/quart/{tenant}", quart),  # type: ignore[arg-type]  # Quart has its own names for ASGI
        Mount("/litestar/{tenant}", RequestId()(litestar)),
        Mount("/hand/{tenant}", by_hand),
    ]
)
in_litestar: Any = Litestar(
    [
        mounted("/quart", quart, copy_scope=False),
        mounted("/open", starlette, copy_scope=False),
        mounted("/copied", starlette, copy_scope=True),
        mounted("/hand", by_hand, copy_scope=True),
    ],
    logging_config=None,
)

STARLETTE: list[Row] = [
    ("Quart", "GET /quart/acme/items/3", 200, "/quart/{tenant}/items/{item}"),
    ("no route of Quart", "GET /quart/acme/nothing", 404, "/quart/{tenant}/{path}"),
    ("Litestar", "GET /litestar/acme/items/3", 200, "/litestar/{tenant}/items/{item}"),
    ("no route of Litestar", "GET /litestar/acme/nothing", 404, None),
    ("an app in Litestar", "GET /litestar/acme/bare/x", 200, "/litestar/{tenant}/bare/{path}"),
    ("an app that records its routes", "GET /hand/acme/x", 200, "/hand/{tenant}/things/{thing}"),
    ("what it does not record", "GET /hand/acme/nothing", 200, "/hand/{tenant}/{path}"),
]

LITESTAR: list[Row] = [
    ("Quart", "GET /quart/news/3", 200, "/quart/news/{item}/"),
    ("Starlette with the scope of Litestar", "GET /open/deep/4/x", 200, "/open/deep/{level}/{thing}/"),
    ("an app in that", "GET /open/bare/4/x", 200, "/open/bare/{path}"),
    ("no route of that", "GET /open/deep/4", 404, None),
    ("nothing at all of that", "GET /open/nothing", 404, None),
    ("Starlette with a copy of the scope", "GET /copied/deep/4/x", 200, "/copied/{path}"),
    ("an app that records its routes", "GET /hand/x", 200, "/hand/things/{thing}"),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("request_line", "status", "template"), table(STARLETTE))
async def test_in_starlette(request_line: str, status: int, template: str | None) -> None:
    asked = await ask(in_starlette, request_line, root_path="/api")

    assert (asked.status, asked.template) == (status, None if template is None else "/api" + template)


@pytest.mark.asyncio
@pytest.mark.parametrize(("request_line", "status", "template"), table(LITESTAR))
async def test_in_litestar(request_line: str, status: int, template: str | None) -> None:
    asked = await ask(in_litestar, request_line)  # below a root_path Litestar's mounts find little

    assert (asked.status, asked.template) == (status, template)


@pytest.mark.anyio
async def test_an_app_of_its_own_kind_has_no_routes_but_those_it_records() -> None:
    silent = await ask(hello, "GET /items/3")
    recorded = await ask(by_hand, "GET /items/3", root_path="/api")

    assert (silent.template, recorded.template) == (None, "/api/things/{thing}")


@pytest.mark.anyio
async def test_two_requests_at_once_have_their_own_templates() -> None:
    first, second = Watched(in_starlette), Watched(in_starlette)

    async with Client(first).stream("GET", "/hand/a/x") as outer:
        async with Client(second).stream("GET", "/litestar/b/items/3") as inner:
            await inner.ended()
        await outer.ended()

    assert first.asked.template == "/hand/{tenant}/things/{thing}"
    assert second.asked.template == "/litestar/{tenant}/items/{item}"


@pytest.mark.parametrize(
    ("app", "missing"),
    [
        pytest.param(starlette, None, id="Starlette"),
        pytest.param(Pipeline(RequestId())(starlette), None, id="Starlette in a pipeline"),
        pytest.param(litestar, None, id="Litestar"),
        pytest.param(
            hello,
            'record_route(scope, "/orders/{order_id}") to handlers, from asgi_patterns.kernel.routes',
            id="a function",
        ),
    ],
)
def test_what_is_missing(app: ASGIApp, missing: str | None) -> None:
    assert missing_hook(app) == missing
