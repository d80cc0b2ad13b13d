"""``upgrade="all"``: FastAPI's and Litestar's JSON errors become problems, and nothing else does."""

import json
from typing import Any

import pytest

from asgi_patterns.errors import Problems
from asgi_patterns.errors.core import Upgrade
from asgi_patterns.kernel.exchange import switch_off
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.testing import Client
from tests.errors import failing

pytestmark = pytest.mark.anyio

TEXT = b'{"detail":"no such order"}'


def answering(
    status: int,
    body: bytes,
    *headers: tuple[bytes, bytes],
    type: bytes = b"application/json",
    length: bool = True,
) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        own = [(b"content-type", type)]
        if length:
            own.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return app


PADDING = 64 * 1024 - len(b'{"detail":""}')
ANSWERS: list[tuple[str, ASGIApp, Upgrade, str, bool]] = [
    ("FastAPI's form", answering(404, TEXT), "all", "*/*", True),
    ("only if asked for", answering(404, TEXT), "text", "*/*", False),
    ("another form of JSON", answering(404, b'{"error":"x"}'), "all", "*/*", False),
    ("another type of JSON", answering(404, TEXT, type=b"application/vnd.api+json"), "all", "*/*", False),
    ("a problem", answering(404, TEXT, type=b"application/problem+json"), "all", "*/*", False),
    ("a good answer", answering(200, TEXT), "all", "*/*", False),
    ("of unknown length", answering(404, TEXT, length=False), "all", "*/*", False),
    ("coded", answering(404, TEXT, (b"content-encoding", b"gzip")), "all", "*/*", False),
    ("64 KiB", answering(404, b'{"detail":"%s"}' % (b"x" * PADDING)), "all", "*/*", True),
    ("one byte more", answering(404, b'{"detail":"%s"}' % (b"x" * (PADDING + 1))), "all", "*/*", False),
    ("for who takes JSON, since a problem is JSON", answering(404, TEXT), "all", "application/json", True),
    ("for who knows problems", answering(404, TEXT), "all", "application/problem+json", True),
    ("for a browser, which would get JSON anyway", answering(404, TEXT), "all", "text/html, */*;q=0.8", True),
    ("for who refuses JSON", answering(404, TEXT), "all", "text/html", False),
    ("Litestar's form under the type of a text route",
     answering(403, b'{"status_code":403,"detail":"not yours"}', type=b"text/plain"), "text", "*/*", True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("app", "upgrade", "accept", "expected"), [r[1:] for r in ANSWERS], ids=[r[0] for r in ANSWERS]
)
async def test_what_becomes_a_problem(app: ASGIApp, upgrade: Upgrade, accept: str, expected: bool) -> None:
    headers = {"accept": accept}
    bare = await Client(app, lint=False).get("/", headers=headers)

    answer = await Client(Problems(upgrade=upgrade)(app), lint=False).get("/", headers=headers)

    assert answer.status == bare.status
    if expected:
        assert answer.json()["detail"] in (bare.text[11:-2], "not yours")
        assert answer.header("content-type") == "application/problem+json"
        assert answer.header("vary") == "Accept"
    else:
        assert answer.body == bare.body
        assert answer.header("content-type") == bare.header("content-type")


async def test_a_body_of_another_form_keeps_its_whole_head() -> None:
    app = answering(400, b'{"error":"x"}', (b"ETag", b'"1"'))
    bare = await Client(app, lint=False).get("/")

    answer = await Client(Problems(upgrade="all")(app), lint=False).get("/")

    assert [(name.lower(), value) for name, value in answer.headers] == [
        (name.lower(), value) for name, value in bare.headers
    ]


async def test_who_refuses_json_is_told_that_it_mattered() -> None:
    answer = await Client(Problems(upgrade="all")(answering(404, TEXT))).get(
        "/", headers={"accept": "text/html"}
    )

    assert (answer.body, answer.header("vary")) == (TEXT, "Accept")


async def test_a_head_stays_since_its_body_is_not_known() -> None:
    answer = await Client(Problems(upgrade="all")(answering(404, TEXT))).head("/")

    assert answer.header("content-type") == "application/json"
    assert answer.header("content-length") == str(len(TEXT))


async def test_a_handler_can_switch_it_off_for_its_own_answer() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        switch_off(scope, "problems")
        await answering(404, TEXT)(scope, receive, send)

    answer = await Client(Problems(upgrade="all")(app)).get("/")

    assert answer.body == TEXT


async def test_half_a_character_from_elsewhere_is_answered_all_the_same() -> None:
    answer = await Client(Problems(upgrade="all")(answering(400, b'{"detail":"\\ud800!"}'))).get("/")

    assert answer.json()["detail"] == "?!"


FASTAPI: list[tuple[str, str, str, object, int, dict[str, Any]]] = [
    ("no route", "GET", "/nowhere", None, 404, {}),
    ("another method", "PUT", "/orders", None, 405, {}),
    ("an exception with a text", "GET", "/refused", None, 403, {"detail": "not yours"}),
    ("a failed validation", "POST", "/orders?page=x", {"items": [{"price": "hunter2"}, {}]}, 422, {
        "detail": "The request has 3 invalid values.",
        "errors": [
            {"detail": "Input should be a valid integer, unable to parse string as an integer",
             "type": "int_parsing", "parameter": "page", "in": "query"},
            {"detail": "Input should be a valid number, unable to parse string as a number",
             "type": "float_parsing", "pointer": "#/items/0/price"},
            {"detail": "Field required", "type": "missing", "pointer": "#/items/1/price"},
        ],
    }),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "url", "content", "status", "said"), [r[1:] for r in FASTAPI], ids=[r[0] for r in FASTAPI]
)
async def test_fastapi(method: str, url: str, content: object, status: int, said: dict[str, Any]) -> None:
    app = Problems(upgrade="all")(failing.fastapi())

    answer = await Client(app).request(method, url, json=content)

    members = answer.json()
    assert (answer.status, members.pop("status"), members.pop("type")) == (status, status, "about:blank")
    del members["title"]
    assert members == said
    assert answer.header("x-why") == ("late" if status == 403 else None)


async def test_fastapis_own_data_in_detail_stays() -> None:
    answer = await Client(Problems(upgrade="all")(failing.fastapi())).get("/coded")

    assert answer.json() == {"detail": {"code": 7}}


LITESTAR: list[tuple[str, str, str, object, int, dict[str, Any]]] = [
    ("no route", "GET", "/nowhere", None, 404, {}),
    ("another method", "PUT", "/orders", None, 405, {}),
    ("an exception with data", "GET", "/refused", None, 403, {"detail": "not yours", "extra": {"code": 7}}),
    ("one on a text route", "GET", "/text", None, 403, {"detail": "not yours"}),
    ("a crash", "GET", "/crash", None, 500, {}),
    ("a missing parameter", "GET", "/page?token=hunter2", None, 400, {
        "detail": "The request has 1 invalid value.",
        "errors": [{"detail": "Required", "parameter": "page", "in": "query"}],
    }),
    ("a failed validation", "POST", "/plain-orders?page=hunter2", {"items": [{"price": "x"}]}, 400, {
        "detail": "The request has 2 invalid values.",
        "errors": [
            {"detail": "Expected `float`, got `str`", "pointer": "#/items/0/price"},
            {"detail": "Expected `int`, got `str`", "parameter": "number", "in": "query"},
        ],
    }),
    ("one of pydantic's, whose place Litestar does not tell", "POST", "/orders", {"items": [{}]}, 400, {
        "detail": "The request has 1 invalid value.",
        "errors": [{"detail": "Field required", "key": "items.0.price"}],
    }),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "url", "content", "status", "said"), [r[1:] for r in LITESTAR], ids=[r[0] for r in LITESTAR]
)
async def test_litestar(method: str, url: str, content: object, status: int, said: dict[str, Any]) -> None:
    app = Problems(upgrade="all")(failing.litestar())

    answer = await Client(app, lint=False).request(method, url, json=content)

    members = answer.json()
    assert (answer.status, members.pop("status"), members.pop("type")) == (status, status, "about:blank")
    del members["title"]
    assert members == said


async def test_two_interleaved_answers_do_not_mix() -> None:
    layer = Problems(upgrade="all")
    apps = [layer(answering(status, b'{"detail":"%d"}' % status)) for status in (404, 409)]

    async with Client(apps[0]).stream("GET", "/a") as first, Client(apps[1]).stream("GET", "/b") as second:
        bodies = [await second.read(), await first.read()]

    assert [json.loads(body)["detail"] for body in bodies] == ["409", "404"]
