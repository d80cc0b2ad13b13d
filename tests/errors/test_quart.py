"""The handlers for Quart, in a real app. Quart runs on asyncio."""

from typing import Any

import pytest
from quart import Quart, abort, websocket

from asgi_patterns import Pipeline, RequestId
from asgi_patterns.errors import Crashed, Problem, Problems
from asgi_patterns.errors.quart import register_problem_handlers
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.testing import Client


def shop(pipeline: Pipeline) -> ASGIApp:
    app = Quart(__name__)
    register_problem_handlers(app)

    @app.get("/refused")
    async def refuse() -> str:
        abort(403, "not yours")

    @app.get("/forbidden")
    async def forbid() -> str:
        abort(403)

    @app.get("/problem")
    async def problem() -> str:
        raise Problem(409, "shipped", type="sold-out", title="Sold out", headers={"X-Why": "late"}, order=7)

    @app.get("/crash")
    async def crash() -> str:
        raise RuntimeError("the password is hunter2")

    @app.websocket("/socket")
    async def socket() -> None:
        await websocket.receive()  # pragma: no cover - nobody gets here
        raise AssertionError

    @app.before_websocket
    async def refuse_socket() -> None:
        raise Problem(403, "not yours")

    asgi: Any = app
    wrapped: ASGIApp = pipeline(asgi)
    return wrapped


ANSWERS: list[tuple[str, str, str, int, dict[str, Any]]] = [
    ("no route", "GET", "/nowhere", 404, {}),
    ("another method", "PUT", "/crash", 405, {}),
    ("a text", "GET", "/refused", 403, {"detail": "not yours"}),
    ("no text but Quart's own", "GET", "/forbidden", 403, {}),
    ("a problem", "GET", "/problem", 409,
     {"type": "/problems/sold-out", "detail": "shipped", "order": 7}),
    ("a crash", "GET", "/crash", 500, {}),
]  # fmt: skip


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "url", "status", "said"), [r[1:] for r in ANSWERS], ids=[r[0] for r in ANSWERS]
)
async def test_answers(method: str, url: str, status: int, said: dict[str, Any]) -> None:
    app = shop(Pipeline(RequestId(), Problems(base="/problems/")))

    answer = await Client(app, lint=False).request(method, url)

    members = answer.json()
    assert (answer.status, members.pop("status")) == (status, status)
    assert members.pop("requestId") == answer.header("x-request-id")
    del members["title"]
    assert members == {"type": "about:blank", **said}
    assert answer.all("content-type") == ["application/problem+json"]
    assert answer.all("content-length") == [str(len(answer.body))]
    assert ("GET" in (answer.header("allow") or "")) is (status == 405)
    assert answer.header("x-why") == ("late" if status == 409 else None)


@pytest.mark.asyncio
@pytest.mark.parametrize("debug", [False, True])
async def test_a_crash_is_logged_by_quart_and_heard_by_observers(
    debug: bool, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Event] = []
    app = shop(Pipeline(Problems(debug=debug), listeners=[lambda event, _: heard.append(event)]))

    answer = await Client(app, lint=False).get("/crash")

    assert ("hunter2" in answer.text) is debug
    assert [repr(event.exception) for event in heard if isinstance(event, Crashed)] == [
        "RuntimeError('the password is hunter2')"
    ]
    assert [record.message for record in caplog.records] == ["Exception on request GET /crash"]


@pytest.mark.asyncio
async def test_a_websocket_is_denied_with_the_problem() -> None:
    async with Client(shop(Pipeline(RequestId())), lint=False).websocket("/socket") as socket:
        assert socket.denial is not None
        assert socket.denial.json()["detail"] == "not yours"


@pytest.mark.asyncio
async def test_a_head_has_the_length_of_the_get() -> None:
    client = Client(shop(Pipeline()), lint=False)

    head, get = await client.head("/nowhere"), await client.get("/nowhere")

    assert head.all("content-length") == get.all("content-length") == [str(len(get.body))]
    assert head.body == b""
