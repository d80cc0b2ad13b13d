"""``AccessLog``: which requests get a line, at which level, and what it says."""

import json
import logging
import logging.handlers
import queue
from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from asgi_patterns import (
    AccessLog,
    Health,
    Pipeline,
    Problems,
    RateLimit,
    RequestId,
    Settings,
    request_id,
)
from asgi_patterns.kernel.context import DEFAULT
from asgi_patterns.kernel.exchange import switch_off
from asgi_patterns.kernel.layer import Layer
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.ratelimit.access_log import parse
from asgi_patterns.testing import (
    UNUSUAL_APPS,
    UNUSUAL_SOCKETS,
    Client,
    Clock,
    Crash,
    chunk,
    echo,
    head,
    hello,
    scripted,
)

pytestmark = pytest.mark.anyio

LOGGER = "asgi_patterns.access_log"


@pytest.fixture(autouse=True)
def listening(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)


def lines(caplog: pytest.LogCaptureFixture, name: str = LOGGER) -> list[Any]:
    return [record for record in caplog.records if record.name == name]


async def one(
    caplog: pytest.LogCaptureFixture, app: ASGIApp, path: str = "/", method: str = "GET", **options: Any
) -> Any:
    await Client(app, lint=False).request(method, path, raise_app_exceptions=False, **options)
    (line,) = lines(caplog)
    return line


async def test_a_line_says_all_of_a_request(caplog: pytest.LogCaptureFixture) -> None:
    async def order(request: Request) -> PlainTextResponse:
        await request.body()
        clock.advance(0.25)
        return PlainTextResponse("done")

    clock = Clock()
    routes = [Mount("/api", routes=[Route("/orders/{order_id:int}", order, methods=["PUT"])])]
    app = Pipeline(AccessLog(clock=clock), RequestId())(Starlette(routes=routes))

    line = await one(
        caplog,
        app,
        "/api/orders/7?dry=1",
        "PUT",
        content=b"123",
        headers={"x-request-id": "abcdefgh", "user-agent": "test/1"},
    )

    said = json.loads(line.getMessage())
    del said["time"]
    assert said == {
        "level": "info",
        "request_id": "abcdefgh",
        "client": "127.0.0.1",
        "method": "PUT",
        "path": "/api/orders/7",
        "query": "dry=***",
        "route": "/api/orders/{order_id}",
        "status": 200,
        "outcome": "ok",
        "duration": 0.25,
        "head": 0.25,
        "first_byte": 0.25,
        "bytes_in": 3,
        "bytes_out": 4,
        "protocol": "1.1",
        "headers": {"user-agent": "test/1"},
    }


async def test_the_fields_are_attributes_of_the_record(caplog: pytest.LogCaptureFixture) -> None:
    line = await one(caplog, AccessLog()(hello), "/a?b=c")

    assert (line.path, line.query, line.status, line.outcome, line.route) == ("/a", "b=***", 200, "ok", None)


class Fails(Exception):
    pass


async def raises_late(scope: Scope, receive: Receive, send: Send) -> None:
    await send(head())
    raise Fails


async def raises(scope: Scope, receive: Receive, send: Send) -> None:
    raise Fails


REQUESTS: list[tuple[str, ASGIApp, int, str, str | None]] = [
    # what happens                     the app                                    level   outcome    error
    ("it is answered", hello, logging.INFO, "ok", None),
    (
        "there is no such thing",
        scripted(head(404), chunk(b"", more=False)),
        logging.INFO,
        "client_error",
        None,
    ),
    ("the app says 500", scripted(head(500), chunk(b"", more=False)), logging.WARNING, "server_error", None),
    ("the app raises", raises, logging.WARNING, "server_error", "Fails"),
    ("the app raises in its answer", raises_late, logging.WARNING, "server_error", "Fails"),
    ("a problem is made of what it raises", Problems()(raises), logging.WARNING, "server_error", "Fails"),
    ("the answer has no end", scripted(head(), chunk(b"a")), logging.WARNING, "incomplete", None),
    ("a limit refuses", RateLimit(quotas=["1/hour"], key="global")(hello), logging.INFO, "rejected", None),
]


@pytest.mark.parametrize(
    ("app", "level", "outcome", "error"), [row[1:] for row in REQUESTS], ids=[row[0] for row in REQUESTS]
)
async def test_every_request_has_one_line(
    app: ASGIApp, level: int, outcome: str, error: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    logged = AccessLog()(app)
    if outcome == "rejected":
        await Client(logged).get("/")
        caplog.clear()

    line = await one(caplog, logged)

    assert (line.levelno, line.outcome, line.error) == (level, outcome, error)


@pytest.mark.parametrize("app", UNUSUAL_APPS.values(), ids=UNUSUAL_APPS)
async def test_an_unusual_answer_is_logged(app: ASGIApp, caplog: pytest.LogCaptureFixture) -> None:
    line = await one(caplog, AccessLog()(app))

    assert (line.status < 400, line.outcome) == (True, "ok")


@pytest.mark.parametrize("app", UNUSUAL_SOCKETS.values(), ids=UNUSUAL_SOCKETS)
async def test_an_unusual_websocket_is_logged(app: ASGIApp, caplog: pytest.LogCaptureFixture) -> None:
    async with Client(AccessLog()(app)).websocket("/"):
        pass

    (line,) = lines(caplog)
    assert line.websocket


async def test_a_websocket_is_one_line_with_its_code(caplog: pytest.LogCaptureFixture) -> None:
    async with Client(AccessLog()(echo)).websocket("/ws") as socket:
        await socket.send_text("one")
        await socket.receive_text()
        assert lines(caplog) == []
        await socket.close(1001)
        await socket.ended()

    (line,) = lines(caplog)
    assert (line.status, line.code, line.outcome, line.bytes_in) == (101, 1001, "ok", 3)


async def test_a_client_that_leaves_its_stream_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def ticks(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head())
        await send(chunk(b"tick"))
        while (await receive())["type"] != "http.disconnect":
            pass

    async with Client(AccessLog()(ticks)).stream("GET", "/") as stream:
        await stream.head()
        await stream.next_chunk()
        stream.disconnect()
        await stream.ended()

    (line,) = lines(caplog)
    assert (line.outcome, line.status, line.stream, line.levelno) == (
        "client_disconnect",
        200,
        True,
        logging.INFO,
    )


async def test_the_line_comes_with_the_end_of_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    found: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await hello(scope, receive, send)
        found.append(len(lines(caplog)))  # background work goes on here

    await Client(AccessLog()(app)).get("/")

    assert found == [1]


async def test_probes_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    await Client(Pipeline(AccessLog(), Health())(hello)).get("/health")

    assert lines(caplog) == []


CLIENTS: list[tuple[str, str, Sequence[str], str]] = [
    ("nobody is believed", "10.0.0.1", [], "10.0.0.1"),
    ("a proxy is", "10.0.0.1", ["10.0.0.0/8"], "203.0.113.7"),
    ("another one is not", "192.0.2.1", ["10.0.0.0/8"], "192.0.2.1"),
]


@pytest.mark.parametrize(
    ("peer", "trusted", "expected"), [row[1:] for row in CLIENTS], ids=[row[0] for row in CLIENTS]
)
async def test_the_client_is_the_one_that_the_proxies_name(
    peer: str, trusted: Sequence[str], expected: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Pipeline(AccessLog(), trusted_proxies=trusted)(hello)

    await Client(app, client=(peer, 1)).get("/", headers={"x-forwarded-for": "203.0.113.7"})

    (line,) = lines(caplog)
    assert line.client == expected


SAMPLES: list[tuple[str, AccessLog, ASGIApp, bool]] = [
    ("just below the share is logged", AccessLog(sample=0.5, random=lambda: 0.49), hello, True),
    ("the share itself is not", AccessLog(sample=0.5, random=lambda: 0.5), hello, False),
    ("of nothing nothing is", AccessLog(sample=0, random=lambda: 0.0), hello, False),
    ("what fails always is", AccessLog(sample=0, random=lambda: 0.9), raises, True),
    ("a refusal always is", AccessLog(sample=0), scripted(head(404), chunk(b"", more=False)), True),
]


@pytest.mark.parametrize(
    ("layer", "app", "is_logged"), [row[1:] for row in SAMPLES], ids=[row[0] for row in SAMPLES]
)
async def test_a_sample_is_of_those_that_are_ok(
    layer: AccessLog, app: ASGIApp, is_logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    await Client(layer(app)).get("/", raise_app_exceptions=False)

    assert bool(lines(caplog)) is is_logged


@pytest.mark.parametrize(
    ("head_after", "end_after", "streams", "is_slow"),
    [
        pytest.param(0.5, 0.5, False, True, id="the head is late, and with it the end"),
        pytest.param(0.1, 0.5, False, True, id="the end is late"),
        pytest.param(0.1, 0.4, False, False, id="in time"),
        pytest.param(0.1, 90.0, True, False, id="a stream lasts"),
        pytest.param(0.5, 90.0, True, True, id="a stream begins late"),
    ],
)
async def test_what_is_slow_is_a_warning_and_always_logged(
    head_after: float, end_after: float, streams: bool, is_slow: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        clock.advance(head_after)
        await send(head())
        if streams:
            await send(chunk(b"a"))
        clock.advance(end_after - head_after)
        await send(chunk(b"b", more=False))

    clock = Clock(0)

    await Client(AccessLog(slow="500ms", sample=0, clock=clock)(app)).get("/")

    assert [(line.slow, line.levelno) for line in lines(caplog)] == (
        [(True, logging.WARNING)] if is_slow else []
    )


async def test_without_paths_only_routes_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    line = await one(caplog, AccessLog(path=False)(hello), "/people/ann?mail=a@b")

    assert (line.path, line.query, line.route) == (None, None, None)
    assert "ann" not in line.getMessage()


async def test_chosen_fields_of_both_sides_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    layer = AccessLog(request_headers=["Accept", "Authorization"], response_headers=["Content-Type"])

    line = await one(caplog, layer(hello), headers={"authorization": "Bearer abc", "accept": "*/*"})

    assert line.headers == {"accept": "*/*", "authorization": "***"}
    assert line.response_headers == {"content-type": "text/plain"}


async def test_what_clients_write_stays_in_its_line(caplog: pytest.LogCaptureFixture) -> None:
    line = await one(
        caplog, AccessLog(format="text")(hello), "/a%0d%0ab%1b[31m", headers={"user-agent": "x\x7fy z"}
    )

    assert line.getMessage().isprintable()
    assert r"/a\r\nb\x1b[31m" in line.getMessage()


async def test_a_disabled_logger_costs_no_fields(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, LOGGER)

    await Client(AccessLog(query_values=["*"])(hello)).get("/")

    assert lines(caplog) == []


async def test_a_handler_can_keep_its_request_out(caplog: pytest.LogCaptureFixture) -> None:
    async def quiet(scope: Scope, receive: Receive, send: Send) -> None:
        switch_off(scope, "access_log")
        await hello(scope, receive, send)

    await Client(AccessLog()(quiet)).get("/")

    assert lines(caplog) == []


async def test_paths_can_be_left_out(caplog: pytest.LogCaptureFixture) -> None:
    client = Client(AccessLog(exclude=["/metrics"])(hello))

    await client.get("/metrics")
    await client.get("/other")

    assert [line.path for line in lines(caplog)] == ["/other"]


async def test_two_with_names_have_loggers_of_their_own(caplog: pytest.LogCaptureFixture) -> None:
    app = Pipeline(AccessLog(), AccessLog(name="audit", path=False, include=["/admin/**"]))(hello)

    await Client(app).get("/admin/x")

    (plain,), (audit,) = lines(caplog), lines(caplog, f"{LOGGER}.audit")
    assert (plain.path, audit.path) == ("/admin/x", None)
    assert plain.duration == audit.duration


async def test_a_broken_handler_breaks_no_request(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise Crash("disk full")

    handler = Broken()
    logging.getLogger(LOGGER).addHandler(handler)
    try:
        answer = await Client(AccessLog()(hello)).get("/")
    finally:
        logging.getLogger(LOGGER).removeHandler(handler)

    assert answer.text == "hello"
    assert "disk full" in caplog.text


async def test_a_queue_gets_a_line_that_is_text() -> None:
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    handler = logging.handlers.QueueHandler(waiting)
    logging.getLogger(LOGGER).addHandler(handler)
    try:
        await Client(AccessLog()(hello)).get("/")
    finally:
        logging.getLogger(LOGGER).removeHandler(handler)

    record = waiting.get()
    assert json.loads(record.msg)["status"] == 200
    assert (record.path, record.args) == ("/", None)  # values only: a queue may lead to another process


async def test_lines_can_be_replayed_against_quotas(caplog: pytest.LogCaptureFixture) -> None:
    line = await one(caplog, AccessLog()(echo), "/a?b=1", "POST", content=b"123")

    entry = parse(line.getMessage())

    assert (entry.client, entry.method, entry.target, entry.status, entry.content) == (
        "127.0.0.1",
        "POST",
        "/a",
        200,
        3,
    )


async def test_two_interleaved_requests_have_their_own_lines(caplog: pytest.LogCaptureFixture) -> None:
    both = anyio.Event()
    found: dict[str, str | None] = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found[scope["path"]] = request_id()
        if len(found) == 2:
            both.set()
        await both.wait()
        await hello(scope, receive, send)

    client = Client(Pipeline(AccessLog(), RequestId())(app))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.get, "/one")
        tasks.start_soon(client.get, "/two")

    assert {line.path: line.request_id for line in lines(caplog)} == found


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("a form that there is not", {"format": "xml"}, "format"),
    ("more than all", {"sample": 1.1}, "sample"),
    ("no time at all", {"slow": 0}, "slow"),
    ("a field that is none", {"request_headers": ["a b"]}, "request_headers"),
]


@pytest.mark.parametrize(("given", "named"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_setting_is_refused(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        AccessLog(**given)


DOUBTS: list[tuple[str, AccessLog, int]] = [
    ("the defaults", AccessLog(), 0),
    ("all values", AccessLog(query_values=["*"]), 1),
    ("a cookie, hidden", AccessLog(request_headers=["Cookie"]), 0),
    ("a cookie, shown", AccessLog(request_headers=["Cookie"], redact_headers=[]), 1),
]


@pytest.mark.parametrize(("layer", "count"), [row[1:] for row in DOUBTS], ids=[row[0] for row in DOUBTS])
def test_what_is_probably_not_meant(layer: Layer, count: int) -> None:
    assert len(layer.doubts(DEFAULT)) == count


def test_it_is_off_unless_it_is_asked_for() -> None:
    assert not any(isinstance(layer, AccessLog) for layer in Settings().pipeline().layers)


def test_nothing_is_configured_on_import() -> None:
    assert logging.getLogger(LOGGER).handlers == []
