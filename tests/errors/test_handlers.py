"""``problem_handlers()`` in Starlette and FastAPI: real problems, made inside the app."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from asgi_patterns import Pipeline, RequestId
from asgi_patterns.errors import Crashed, Problem, Problems, problem_handlers
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.testing import Client
from tests.errors import failing

pytestmark = pytest.mark.anyio

INTEGER = "Input should be a valid integer, unable to parse string as an integer"


def fastapi() -> FastAPI:
    return failing.fastapi(exception_handlers=problem_handlers())


ANSWERS: list[tuple[str, str, str, object, int, dict[str, Any]]] = [
    ("no route", "GET", "/nowhere", None, 404, {}),
    ("another method", "PUT", "/crash", None, 405, {}),
    ("a text", "GET", "/refused", None, 403, {"detail": "not yours"}),
    ("data of the app's own", "GET", "/coded", None, 400, {"extra": {"code": 7}}),
    ("a problem", "GET", "/problem", None, 409,
     {"type": "https://shop.example/problems/shipped", "detail": "shipped", "order": 7}),
    ("a crash", "GET", "/crash", None, 500, {}),
    ("a failed validation", "POST", "/orders?page=x", {"items": [{"price": 1, "kind": "hunter2"}, {}]}, 422, {
        "detail": "The request has 4 invalid values.",
        "errors": [
            {"detail": INTEGER, "type": "int_parsing", "parameter": "page", "in": "query"},
            {"detail": INTEGER, "type": "int_parsing", "pointer": "#/items/0/kind"},
            {"detail": "Input should be a valid list", "type": "list_type", "pointer": "#/items/0/kind"},
            {"detail": "Field required", "type": "missing", "pointer": "#/items/1/price"},
        ],
    }),
    ("no body", "POST", "/orders", None, 422, {
        "detail": "The request has 1 invalid value.",
        "errors": [{"detail": "Field required", "type": "missing", "pointer": "#"}],
    }),
]  # fmt: skip


@pytest.mark.parametrize(
    "pipeline",
    [
        pytest.param(Pipeline(RequestId()), id="no Problems layer"),
        pytest.param(Pipeline(RequestId(), Problems()), id="one around"),
        pytest.param(Pipeline(RequestId(), Problems(upgrade="all")), id="one that upgrades all"),
    ],
)
@pytest.mark.parametrize(
    ("method", "url", "content", "status", "said"), [r[1:] for r in ANSWERS], ids=[r[0] for r in ANSWERS]
)
async def test_fastapi(
    pipeline: Pipeline, method: str, url: str, content: object, status: int, said: dict[str, Any]
) -> None:
    body = b"" if content is None else json.dumps(content).encode()
    headers = {"content-type": "application/json"}

    answer = await Client(pipeline(fastapi()), headers=headers).request(
        method, url, content=body, raise_app_exceptions=False
    )

    members = answer.json()
    assert (answer.status, members.pop("status")) == (status, status)
    assert members.pop("requestId") == answer.header("x-request-id")
    del members["title"]
    assert members == {"type": "about:blank", **said}
    assert answer.all("content-type") == ["application/problem+json"]
    assert answer.header("x-why") == ("late" if url == "/refused" else None)
    assert answer.header("asgi-patterns-problem") is None
    assert answer.header("allow") == ("GET" if status == 405 else None)


async def test_what_is_no_error_stays_what_it_is() -> None:
    answer = await Client(fastapi()).get("/not-modified")

    assert (answer.status, answer.header("etag"), answer.body) == (304, '"1"', b"")


async def test_a_slug_gets_the_base_of_the_layer_around() -> None:
    answer = await Client(Problems(base="/problems/")(fastapi())).get("/slug")

    assert answer.json()["type"] == "/problems/sold-out"


async def test_a_failed_validation_has_its_type_where_there_is_a_base() -> None:
    answer = await Client(Problems(base="/problems/")(fastapi())).post("/orders")

    assert (answer.json()["type"], answer.json()["title"]) == (
        "/problems/invalid-request",
        "The request is not valid",
    )


async def test_a_handler_of_the_users_own_comes_first() -> None:
    async def own(request: Request, exc: Exception) -> Response:
        return PlainTextResponse("my own", 403)

    app = failing.fastapi(exception_handlers={**problem_handlers(), 403: own})

    answer = await Client(app).get("/refused")

    assert answer.text == "my own"


CRASHES: list[tuple[str, bool, bool]] = [
    ("around the app", False, False),
    ("around the app, with debug", False, True),
    ("among its middleware", True, False),
    ("among its middleware, with debug", True, True),
]


@pytest.mark.parametrize(("inside", "debug"), [r[1:] for r in CRASHES], ids=[r[0] for r in CRASHES])
async def test_a_crash_is_one_answer_and_one_event(inside: bool, debug: bool) -> None:
    heard: list[Event] = []
    pipeline = Pipeline(RequestId(), Problems(debug=debug), listeners=[lambda event, _: heard.append(event)])
    app: ASGIApp = fastapi()
    if inside:
        assert isinstance(app, FastAPI)
        app.add_middleware(pipeline)
    else:
        app = pipeline(app)

    answer = await Client(app).get("/crash", raise_app_exceptions=False)

    assert answer.json()["requestId"] == answer.header("x-request-id")
    assert ("hunter2" in answer.text) is debug
    assert [(type(event), getattr(event, "answered", None)) for event in heard] == [(Crashed, True)]
    assert repr(answer.exception) == repr(RuntimeError("the password is hunter2"))


async def test_with_reraise_off_an_answered_crash_ends_here(caplog: pytest.LogCaptureFixture) -> None:
    answer = await Client(Problems(reraise=False)(fastapi())).get("/crash")

    assert answer.status == 500
    assert [record.name for record in caplog.records] == ["asgi_patterns.errors"]


async def test_a_stream_that_breaks_is_raised_whatever_the_handlers_would_say() -> None:
    heard: list[Event] = []

    async def broken(request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            yield b"half"
            raise RuntimeError("the other half")

        return StreamingResponse(parts())

    app = Starlette(routes=[Route("/", broken)], exception_handlers=problem_handlers())
    pipeline = Pipeline(Problems(reraise=False), listeners=[lambda event, _: heard.append(event)])

    answer = await Client(pipeline(app)).get("/", raise_app_exceptions=False)

    assert (answer.body, answer.complete) == (b"half", False)
    assert answer.exception is not None
    assert [event.answered for event in heard if isinstance(event, Crashed)] == [False]


def starlette() -> Starlette:
    async def teapot(request: Request) -> Response:
        raise HTTPException(418, "short and stout", headers={"Content-Type": "text/tea", "X-Tea": "green"})

    async def before(websocket: WebSocket) -> None:
        raise HTTPException(403, "not yours")

    async def after(websocket: WebSocket) -> None:
        await websocket.accept()
        raise Problem(503)

    routes = [Route("/teapot", teapot), WebSocketRoute("/before", before), WebSocketRoute("/after", after)]
    return Starlette(routes=routes, exception_handlers=problem_handlers())


async def test_starlette() -> None:
    client = Client(starlette())

    get, head = await client.get("/teapot"), await client.head("/teapot")

    assert (get.status, get.header("x-tea"), get.json()["detail"]) == (418, "green", "short and stout")
    assert get.all("content-type") == ["application/problem+json"]
    assert get.all("content-length") == [str(len(get.body))]
    assert (head.headers, head.body) == (get.headers, b"")


async def test_a_websocket_is_denied_with_the_problem_before_it_is_accepted() -> None:
    async with Client(starlette()).websocket("/before") as socket:
        assert socket.denial is not None
        assert socket.denial.json()["detail"] == "not yours"


async def test_and_closed_for_a_policy_where_the_server_cannot_say_it() -> None:
    async with Client(starlette(), extensions=[]).websocket("/before") as socket:
        assert (socket.accepted, socket.close_code) == (None, 1008)


async def test_after_that_it_is_closed_for_an_error() -> None:
    async with Client(starlette()).websocket("/after") as socket:
        with pytest.raises(ConnectionError, match="1011"):
            await socket.receive_text()
