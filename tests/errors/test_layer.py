"""``Problems`` in front of apps that fail in every way."""

import json
import logging
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from asgi_patterns import Pipeline, RequestId
from asgi_patterns.errors import Crashed, Problem, Problems
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange, switch_off
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.testing import RAISING_APPS, UNUSUAL_APPS, Client, hello
from tests.support.collected import left_to_the_collector

pytestmark = pytest.mark.anyio

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def crash(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("the password is hunter2")


def text(status: int, body: bytes, *headers: tuple[bytes, bytes], length: bool = True) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        own = [(b"Content-Type", b"text/plain; charset=utf-8")]
        if length:
            own.append((b"Content-Length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return app


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"image/png"), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body"})


async def test_a_crash_becomes_a_problem_that_leaks_nothing() -> None:
    answer = await Client(Pipeline(RequestId(), Problems())(crash)).get("/", raise_app_exceptions=False)

    assert answer.status == 500
    assert answer.json() == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "requestId": answer.header("x-request-id"),
    }


async def test_a_crash_is_raised_again_for_the_server_to_log() -> None:
    with pytest.raises(RuntimeError, match="hunter2"):
        await Client(Problems()(crash)).get("/")


async def test_with_reraise_off_it_is_logged_once_and_ends_here(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await Client(Problems(reraise=False)(crash)).get("/a%0Aline")

    assert answer.status == 500
    assert [record.name for record in caplog.records] == ["asgi_patterns.errors"]
    assert caplog.text.count("Traceback") == 1
    assert "GET '/a\\nline' failed" in caplog.text


async def test_what_was_raised_is_kept_for_observers() -> None:
    heard: list[tuple[Event, Exchange]] = []
    app = Pipeline(Problems(), listeners=[lambda event, exchange: heard.append((event, exchange))])(crash)

    await Client(app).get("/", raise_app_exceptions=False)

    ((event, exchange),) = heard
    assert isinstance(event, Crashed)
    assert event.answered
    assert exchange.exception is event.exception


async def test_a_raised_problem_is_the_answer_and_no_failure() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise Problem(403, "not yours", type="https://shop.example/problems/not-yours")

    answer = await Client(Problems()(app)).get("/")

    assert answer.status == 403
    assert answer.json()["type"] == "https://shop.example/problems/not-yours"
    assert "asgi-patterns-problem" not in {name.decode() for name, _ in answer.headers}


async def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("too late")

    answer = await Client(Problems(reraise=False)(app), lint=False).get("/", raise_app_exceptions=False)

    assert [message["type"] for message in answer.messages].count("http.response.start") == 1
    assert answer.body == b"half"
    assert isinstance(answer.exception, RuntimeError)


async def test_a_head_that_a_layer_further_out_cannot_read_has_not_begun_an_answer() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-alone",)]})

    answer = await Client(Pipeline(RequestId(), Problems())(app)).get("/", raise_app_exceptions=False)

    assert answer.status == 500
    assert answer.json()["requestId"] == answer.header("x-request-id")


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(hello, id="no error"),
        pytest.param(page, id="an error that stays"),
        pytest.param(text(404, b"none"), id="an error text"),
        pytest.param(Problem(409, "taken"), id="a problem"),
    ],
)
async def test_an_answered_request_holds_nothing_that_only_the_collector_frees(app: ASGIApp) -> None:
    assert await left_to_the_collector(Problems(), app) == []


async def test_an_error_text_that_the_app_never_finished_is_replaced_by_the_crash() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"9")]
        await send({"type": "http.response.start", "status": 404, "headers": headers})
        await send({"type": "http.response.body", "body": b"Not", "more_body": True})
        raise RuntimeError("half way")

    answer = await Client(Problems(reraise=False)(app)).get("/")

    assert answer.json()["status"] == 500


UPGRADES: list[tuple[str, ASGIApp, dict[str, str], str]] = [
    ("a plain 404 becomes a problem", text(404, b"Not Found"), {}, "problem"),
    ("a browser keeps its text", text(404, b"Not Found"), BROWSER, "as it was"),
    ("a good answer stays", text(200, b"fine"), {}, "as it was"),
    ("unknown length is left alone", text(500, b"oops", length=False), {}, "as it was"),
    ("a coded body is left alone", text(500, b"oops", (b"content-encoding", b"gzip")), {}, "as it was"),
    ("a report of several lines is left alone", text(500, b"Traceback:\n  File ..."), {}, "as it was"),
    ("64 KiB are short", text(500, b"x" * 65536), {}, "problem"),
    ("one byte more is not", text(500, b"x" * 65537), {}, "as it was"),
]


@pytest.mark.parametrize(
    ("app", "headers", "expected"), [r[1:] for r in UPGRADES], ids=[r[0] for r in UPGRADES]
)
async def test_upgrade(app: ASGIApp, headers: dict[str, str], expected: str) -> None:
    bare = await Client(app, lint=False).get("/", headers=headers)

    answer = await Client(Problems()(app), lint=False).get("/", headers=headers)

    assert answer.status == bare.status
    if expected == "problem":
        assert answer.json()["status"] == bare.status
    else:
        assert answer.body == bare.body
        assert answer.header("content-type") == bare.header("content-type")


async def test_an_answer_that_could_have_differed_says_so() -> None:
    app = Problems()(text(404, b"Not Found"))

    answers = [await Client(app, lint=False).get("/", headers=headers) for headers in ({}, BROWSER)]

    assert [answer.all("vary") for answer in answers] == [["Accept"], ["Accept"]]


async def test_what_the_app_set_stays_except_what_described_its_body() -> None:
    extra = [(b"Allow", b"GET"), (b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2"), (b"ETag", b'"x"')]

    answer = await Client(Problems()(text(405, b"Method Not Allowed", *extra)), lint=False).get("/")

    assert answer.header("allow") == "GET"
    assert answer.all("set-cookie") == ["a=1", "b=2"]
    assert answer.header("etag") is None
    assert answer.all("content-type") == ["application/problem+json"]
    assert answer.all("content-length") == [str(len(answer.body))]


async def test_a_head_of_an_error_has_the_type_that_the_get_has() -> None:
    answer = await Client(Problems()(text(404, b"Not Found")), lint=False).head("/")

    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("content-length") is None
    assert answer.body == b""


async def test_upgrade_off_leaves_texts_alone() -> None:
    answer = await Client(Problems(upgrade="off")(text(404, b"Not Found")), lint=False).get("/")

    assert answer.text == "Not Found"
    assert answer.header("vary") is None


async def test_a_handler_can_switch_the_upgrade_off_for_its_own_answer() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        switch_off(scope, "problems")
        await text(404, b"Not Found")(scope, receive, send)

    answer = await Client(Problems()(app), lint=False).get("/")

    assert answer.text == "Not Found"


def starlette(**options: Any) -> Starlette:
    async def fail(request: Request) -> Response:
        raise RuntimeError("the password is hunter2")

    async def refuse(request: Request) -> Response:
        raise Problem(
            409, "shipped", type="https://shop.example/problems/shipped", headers={"X-Why": "late"}, order=7
        )

    async def classic(request: Request) -> Response:
        raise HTTPException(404, "no such order")

    async def page(request: Request) -> Response:
        return HTMLResponse("<h1>gone</h1>", 410)

    async def later(request: Request) -> Response:
        def broken() -> None:
            raise RuntimeError("in the background")

        return PlainTextResponse("accepted", background=BackgroundTask(broken))

    routes = [Route(f"/{each.__name__}", each) for each in (fail, refuse, classic, page, later)]
    return Starlette(routes=routes, **options)


async def test_starlette_answers_500_and_raises_and_the_client_gets_one_problem() -> None:
    answer = await Client(Problems()(starlette())).get("/fail", raise_app_exceptions=False)

    assert [message["type"] for message in answer.messages].count("http.response.start") == 1
    assert answer.json() == {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    assert answer.header("cache-control") == "no-store"
    assert isinstance(answer.exception, RuntimeError)


async def test_starlette_is_logged_once_with_reraise_off(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await Client(Problems(reraise=False)(starlette())).get("/fail")

    assert answer.json()["status"] == 500
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == [
        "the password is hunter2"
    ]


@pytest.mark.parametrize("inside", [False, True], ids=["around Starlette", "among its middleware"])
async def test_a_problem_raised_in_a_starlette_handler_arrives_whole(inside: bool) -> None:
    app: ASGIApp = starlette()
    if inside:
        assert isinstance(app, Starlette)
        app.add_middleware(Pipeline(Problems()))
    else:
        app = Problems()(app)

    answer = await Client(app).get("/refuse")

    assert answer.status == 409
    assert answer.header("x-why") == "late"
    assert answer.json() == {
        "type": "https://shop.example/problems/shipped",
        "title": "Conflict",
        "status": 409,
        "detail": "shipped",
        "order": 7,
    }
    assert b"asgi-patterns-problem" not in dict(answer.headers)


async def test_starlettes_own_http_exception_keeps_its_detail() -> None:
    answer = await Client(Problems()(starlette())).get("/classic")

    assert answer.json()["detail"] == "no such order"


async def test_a_browser_keeps_its_page() -> None:
    answer = await Client(Problems()(starlette())).get("/page", headers=BROWSER)

    assert answer.text == "<h1>gone</h1>"


async def test_a_failure_in_the_background_leaves_the_answer_alone() -> None:
    answer = await Client(Problems()(starlette())).get("/later", raise_app_exceptions=False)

    assert (answer.status, answer.text) == (200, "accepted")
    assert isinstance(answer.exception, RuntimeError)


async def test_among_starlettes_middleware_the_user_s_own_handler_answers() -> None:
    async def own(request: Request, exc: Exception) -> Response:
        return PlainTextResponse("my own page", 500)

    app = starlette(exception_handlers={Exception: own})
    app.add_middleware(Pipeline(Problems()))

    answer = await Client(app).get("/fail", raise_app_exceptions=False)

    assert answer.text == "my own page"


async def test_around_starlette_a_handler_that_fails_itself_is_answered() -> None:
    async def own(request: Request, exc: Exception) -> Response:
        raise RuntimeError("the handler failed too")

    answer = await Client(Problems()(starlette(exception_handlers={Exception: own}))).get(
        "/fail", raise_app_exceptions=False
    )

    assert answer.json()["status"] == 500


DEBUG: list[tuple[str, tuple[str, int], dict[str, str], bool]] = [
    ("a client on this machine sees the traceback", ("127.0.0.1", 1), {}, True),
    ("one on another machine does not", ("192.0.2.1", 1), {}, False),
    ("nor one behind a proxy on this machine", ("127.0.0.1", 1), {"x-forwarded-for": "192.0.2.1"}, False),
    ("whatever the proxy calls it", ("::1", 1), {"forwarded": "for=192.0.2.1"}, False),
]


@pytest.mark.parametrize("app", [crash, starlette()], ids=["bare", "starlette"])
@pytest.mark.parametrize(
    ("peer", "headers", "shown"), [row[1:] for row in DEBUG], ids=[row[0] for row in DEBUG]
)
async def test_debug(app: ASGIApp, peer: tuple[str, int], headers: dict[str, str], shown: bool) -> None:
    client = Client(Problems(debug=True)(app), client=peer)

    answer = await client.get("/fail", headers=headers, raise_app_exceptions=False)

    assert answer.json()["status"] == 500
    assert ("hunter2" in answer.text) is shown
    assert ("traceback" in answer.json()) is shown


async def test_with_debug_a_500_without_an_exception_still_arrives() -> None:
    answer = await Client(Problems(debug=True)(text(500, b"worn out")), lint=False).get("/")

    assert answer.json()["detail"] == "worn out"


@pytest.mark.parametrize("name", UNUSUAL_APPS)
async def test_the_unusual_passes_unchanged(name: str) -> None:
    app = UNUSUAL_APPS[name]
    bare = await Client(app, lint=False).get("/", raise_app_exceptions=False)

    answer = await Client(Problems()(app), lint=False).get("/", raise_app_exceptions=False)

    if bare.started:
        assert [_comparable(message) for message in answer.messages] == [
            _comparable(each) for each in bare.messages
        ]
    else:
        assert answer.status == 500
    assert repr(answer.exception) == repr(bare.exception)


def _comparable(message: Message) -> Message:
    """A head without headers is one with none; an open file is another one in each run."""
    filled = {"headers": [], **message} if message["type"] == "http.response.start" else {**message}
    return filled if "file" not in filled else {**filled, "file": type(filled["file"])}


@pytest.mark.parametrize("name", RAISING_APPS)
async def test_an_app_that_raises_is_answered_once(name: str) -> None:
    app = RAISING_APPS[name]
    bare = await Client(app, lint=False).get("/", raise_app_exceptions=False)

    answer = await Client(Problems()(app), lint=False).get("/", raise_app_exceptions=False)

    heads = [message for message in answer.messages if message["type"] == "http.response.start"]
    assert len(heads) == 1
    assert repr(answer.exception) == repr(bare.exception)
    if bare.started:
        assert answer.body == bare.body
    else:
        assert answer.json()["status"] == 500


async def test_one_layer_on_three_apps_and_two_interleaved_requests_do_not_mix() -> None:
    layer = Problems()
    apps = [layer(text(status, b"x")) for status in (400, 404, 500)]

    async with (
        Client(apps[0], lint=False).stream("GET", "/a") as first,
        Client(apps[1], lint=False).stream("GET", "/b") as second,
    ):
        one, two = await second.read(), await first.read()
    three = await Client(apps[2], lint=False).get("/")

    statuses = [json.loads(body)["status"] for body in (one, two, three.body)]
    assert statuses == [404, 400, 500]
