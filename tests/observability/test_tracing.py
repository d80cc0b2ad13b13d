"""``Tracing``: one span for whatever happens, with the right name, attributes and status."""

import contextvars
import gc
import logging
import types
import weakref
from collections.abc import Generator, Mapping
from contextlib import suppress
from typing import Any

import anyio
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, StatusCode
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from asgi_patterns import AccessLog, Deadline, Health, Pipeline, Problems, RateLimit, RequestId, Tracing
from asgi_patterns.kernel.exchange import KEY, Exchange
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.observability.tracing_attributes import _usual
from asgi_patterns.testing import (
    UNUSUAL_APPS,
    Client,
    Clock,
    chunk,
    head,
    hello,
    scripted,
)
from tests.observability.test_core import direct, scope_of
from tests.observability.traced import Spans, status_of, trace_of

pytestmark = pytest.mark.anyio

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def item(request: Request) -> PlainTextResponse:
    return PlainTextResponse(trace_id())


async def boom(request: Request) -> PlainTextResponse:
    raise LookupError("no such thing")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


def trace_id() -> str:
    return f"{trace.get_current_span().get_span_context().trace_id:032x}"


ROUTES = [
    Route("/items/{id:int}", item, methods=["GET", "POST"]),
    Route("/boom", boom),
    WebSocketRoute("/rooms/{room}", socket),
]
APP = Starlette(routes=[*ROUTES, Mount("/shops/{shop}", routes=[Mount("/v1", routes=ROUTES)])])


async def fails_late(scope: Scope, receive: Receive, send: Send) -> None:
    await send(head())
    await send(chunk(b"ab"))
    raise LookupError("in the middle")


async def fails_early(scope: Scope, receive: Receive, send: Send) -> None:
    raise LookupError("at once")


async def fails(scope: Scope, receive: Receive, send: Send) -> None:
    await send(head(500))
    await send(chunk(b"oh", more=False))
    raise LookupError("after an answer")


ANSWERS: list[tuple[str, ASGIApp, int | None, StatusCode, str | None, int]] = [
    # what the app does                  http  status             error.type             exceptions
    ("a 200", hello, 200, StatusCode.UNSET, None, 0),
    ("a 304", scripted(head(304), chunk(b"", more=False)), 304, StatusCode.UNSET, None, 0),
    ("a 404", scripted(head(404), chunk(b"no", more=False)), 404, StatusCode.UNSET, None, 0),
    ("a 503", scripted(head(503), chunk(b"oh", more=False)), 503, StatusCode.ERROR, "503", 0),
    ("an exception before the head", fails_early, 500, StatusCode.ERROR, "LookupError", 1),
    ("an exception after a 500", fails, 500, StatusCode.ERROR, "LookupError", 1),
    ("an exception after the head", fails_late, 200, StatusCode.ERROR, "LookupError", 1),
    ("no last message", scripted(head(), chunk(b"ab")), 200, StatusCode.ERROR, "incomplete", 0),
    ("nothing at all", scripted(), None, StatusCode.ERROR, "incomplete", 0),
]


@pytest.mark.parametrize(
    ("app", "expected"), [(row[1], row[2:]) for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
async def test_status_and_error(
    app: ASGIApp, expected: tuple[object, ...], caplog: pytest.LogCaptureFixture
) -> None:
    spans = Spans()

    with suppress(LookupError):
        await direct(Tracing(tracer_provider=spans.provider)(app), scope_of())

    said = spans.attributes
    recorded = [event.name for event in spans.span.events]
    assert (
        said.get("http.response.status_code"),
        status_of(spans.span),
        said.get("error.type"),
        recorded.count("exception"),
    ) == expected
    assert caplog.records == []


NAMES: list[tuple[str, str, str, str, str | None]] = [
    # what is asked for            method   path                      name                            route
    ("a route", "GET", "/items/7", "GET /items/{id}", "/items/{id}"),
    ("HEAD of a route", "HEAD", "/items/7", "HEAD /items/{id}", "/items/{id}"),
    (
        "a route in two mounts",
        "GET",
        "/shops/9/v1/items/7",
        "GET /shops/{shop}/v1/items/{id}",
        "/shops/{shop}/v1/items/{id}",
    ),
    ("a path that nobody has", "GET", "/secret/12345", "GET", None),
    ("a method that the route lacks", "DELETE", "/items/7", "DELETE", None),
    ("a method that nobody knows", "BREW", "/items/7", "HTTP", None),
    ("a method in lower case", "get", "/items/7", "HTTP", None),
]


@pytest.mark.parametrize("row", NAMES, ids=[row[0] for row in NAMES])
async def test_a_span_is_called_after_method_and_route(row: tuple[str, str, str, str, str | None]) -> None:
    _, method, path, name, route = row
    spans = Spans()

    async with Client(Tracing(tracer_provider=spans.provider)(APP)) as client:
        await client.request(method, path)

    assert spans.span.name == name
    assert spans.attributes.get("http.route") == route
    assert spans.span.kind is SpanKind.SERVER


async def test_the_root_path_stands_in_front() -> None:
    spans = Spans()

    scope = scope_of(path="/api/items/7", root_path="/api")
    await direct(Tracing(tracer_provider=spans.provider)(APP), scope)

    assert spans.span.name == "GET /api/items/{id}"


async def test_an_unknown_method_is_named_aside() -> None:
    spans = Spans()

    async with Client(Tracing(tracer_provider=spans.provider)(hello)) as client:
        await client.request("BREW", "/")

    assert spans.attributes["http.request.method"] == "_OTHER"
    assert spans.attributes["http.request.method_original"] == "BREW"


@pytest.mark.parametrize("name", UNUSUAL_APPS)
async def test_what_is_unusual_passes_and_is_one_span(name: str) -> None:
    spans, plain = Spans(), UNUSUAL_APPS[name]

    async with Client(plain) as client:
        expected = await client.get("/")
    async with Client(Tracing(tracer_provider=spans.provider)(plain)) as client:
        answer = await client.get("/")

    assert (answer.status, answer.body) == (expected.status, expected.body)
    assert "asgi_patterns.outcome" not in spans.attributes


async def test_a_stream_of_30_seconds_is_one_span_until_its_last_byte() -> None:
    spans, clock = Spans(), Clock()

    async def ticks(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head())
        for _ in range(30):
            clock.advance(1)
            assert spans.ended == []
            await send(chunk(b"tick"))
        await send(chunk(b"", more=False))
        clock.advance(60)  # a background task

    async with Client(Tracing(tracer_provider=spans.provider, clock=clock)(ticks)) as client:
        await client.get("/")

    span = spans.span
    assert round((span.end_time or 0) - (span.start_time or 0), -8) == 30_000_000_000
    assert spans.attributes["asgi_patterns.stream.sent"] == 120
    assert spans.attributes["asgi_patterns.stream.first_byte"] == 1


async def test_a_client_that_hangs_up_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    spans = Spans()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head())
        await send(chunk(b"tick"))
        while (await receive())["type"] != "http.disconnect":
            pass

    async with (
        Client(Tracing(tracer_provider=spans.provider)(endless)) as client,
        client.stream("GET", "/") as stream,
    ):
        await stream.head()
        await stream.next_chunk()
        stream.disconnect()

    assert status_of(spans.span) is StatusCode.UNSET
    assert spans.attributes["error.type"] == "client_disconnect"
    assert spans.attributes["http.response.status_code"] == 200
    assert caplog.records == []


async def test_a_background_task_outlives_the_span_and_keeps_its_trace() -> None:
    spans = Spans()
    seen: list[tuple[int, str]] = []

    def later() -> None:
        seen.append((len(spans.ended), trace_id()))

    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse("", background=BackgroundTask(later))

    app = Starlette(routes=[Route("/", answer)])
    async with Client(Tracing(tracer_provider=spans.provider)(app)) as client:
        await client.get("/")

    assert seen == [(1, trace_of(spans.span))]


async def test_two_interleaved_requests_keep_their_spans_apart() -> None:
    spans, arrived, both = Spans(), [0], anyio.Event()

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await hello(scope, receive, send)
        arrived[0] += 1
        if arrived[0] == 2:
            both.set()
        await both.wait()
        await scripted(head(), chunk(trace_id().encode(), more=False))(scope, receive, send)

    answers: dict[str, str] = {}
    async with Client(Tracing(tracer_provider=spans.provider)(waits)) as client:

        async def ask(path: str) -> None:
            answers[path] = (await client.get(path)).body.decode()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, "/a")
            tasks.start_soon(ask, "/b")

    assert answers == {(span.attributes or {})["url.path"]: trace_of(span) for span in spans.ended}
    assert len(set(answers.values())) == 2


async def test_nothing_stays_attached() -> None:
    spans = Spans()

    async with Client(Tracing(tracer_provider=spans.provider)(hello)) as client:
        await client.get("/")
    with pytest.raises(LookupError):
        await direct(Tracing(tracer_provider=spans.provider)(fails_early), scope_of())

    assert not trace.get_current_span().get_span_context().is_valid


async def test_an_app_that_is_thrown_away_complains_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep_forever()

    spans = Spans()
    app = Tracing(tracer_provider=spans.provider)(never)

    with anyio.move_on_after(0):
        await direct(app, scope_of())

    assert spans.attributes["asgi_patterns.outcome"] == "incomplete"
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_websocket_is_one_span() -> None:
    spans = Spans()

    async with (
        Client(Tracing(tracer_provider=spans.provider)(APP)) as client,
        client.websocket("/rooms/7") as socket,
    ):
        for text in ("a", "b", "c"):
            await socket.send_text(text)
            await socket.receive_text()

    said = spans.attributes
    assert spans.span.name == "WS /rooms/{room}"
    assert said["network.protocol.name"] == "websocket"
    assert (said["asgi_patterns.stream.received"], said["asgi_patterns.stream.sent"]) == (3, 3)
    assert "http.response.status_code" not in said
    assert "http.request.method" not in said


async def test_what_layers_report_are_events() -> None:
    spans = Spans()
    layers = [
        Tracing(tracer_provider=spans.provider),
        RateLimit(quotas=["1/minute"]),
        Problems(),
        RequestId(),
    ]

    async with Client(Pipeline(*layers)(hello)) as client:
        await client.get("/")
        refused = await client.get("/")

    first, second = spans.ended
    said = dict(second.attributes or {})
    assert refused.status == 429
    assert "asgi_patterns.ratelimit.limited" in [event.name for event in second.events]
    assert (said["asgi_patterns.outcome"], said["asgi_patterns.answered_by"]) == ("rejected", "rate_limit")
    assert said["asgi_patterns.request_id"] == refused.header("x-request-id")
    assert status_of(second) is StatusCode.UNSET
    assert status_of(first) is StatusCode.UNSET


async def test_a_timeout_is_an_error_and_an_event() -> None:
    spans = Spans()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await hello(scope, receive, send)
        await anyio.sleep_forever()

    layers = [Tracing(tracer_provider=spans.provider), Deadline(start=0.01), Problems()]
    async with Client(Pipeline(*layers)(slow)) as client:
        answer = await client.get("/")

    assert answer.status in (503, 504)
    assert [event.name for event in spans.span.events] == ["asgi_patterns.protection.timed_out"]
    assert spans.attributes["asgi_patterns.outcome"] == "timeout"
    assert spans.attributes["error.type"] == str(answer.status)


async def test_an_exception_that_became_a_problem_is_recorded_once() -> None:
    spans = Spans()

    layers = [Tracing(tracer_provider=spans.provider), Problems()]
    async with Client(Pipeline(*layers)(APP)) as client:
        await client.get("/boom", raise_app_exceptions=False)

    assert [event.name for event in spans.span.events].count("exception") == 1
    assert spans.attributes["error.type"] == "LookupError"
    assert spans.span.name == "GET /boom"


async def test_probes_have_no_span() -> None:
    spans = Spans()

    async with Client(Pipeline(Health(), Tracing(tracer_provider=spans.provider))(hello)) as client:
        await client.get("/health/live")

    assert spans.ended == []


async def test_the_access_log_measures_and_the_span_lasts_as_long() -> None:
    spans, clock = Spans(), Clock()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        clock.advance(2.5)
        await hello(scope, receive, send)

    pipeline = Pipeline(AccessLog(clock=clock), Tracing(tracer_provider=spans.provider))
    async with Client(pipeline(slow)) as client:
        await client.get("/")

    assert (spans.span.end_time or 0) - (spans.span.start_time or 0) == 2_500_000_000


async def test_one_request_has_one_span_however_many_layers() -> None:
    spans = Spans()
    layer = Tracing(tracer_provider=spans.provider)

    async with Client(layer(layer(hello))) as client:
        await client.get("/")

    assert len(spans.ended) == 1


class _Keen(Sampler):
    """Notes what it sees."""

    def __init__(self) -> None:
        self.seen: list[Mapping[str, Any]] = []

    def should_sample(self, parent_context: Any, trace_id: int, name: str, *more: Any, **named: Any) -> Any:
        self.seen.append(dict(more[1] if len(more) > 1 else named["attributes"]))
        return SamplingResult(Decision.DROP)

    def get_description(self) -> str:
        return "keen"


async def test_a_sampler_sees_what_it_may_go_by() -> None:
    sampler = _Keen()
    spans = Spans(sampler)

    async with Client(Tracing(tracer_provider=spans.provider)(hello)) as client:
        await client.get("/a?b=c", headers={"user-agent": "probe/1"})

    (seen,) = sampler.seen
    assert seen["url.path"] == "/a"
    assert seen["url.query"] == "b=c"
    assert seen["user_agent.original"] == "probe/1"


async def test_what_is_not_sampled_is_passed_on_all_the_same() -> None:
    spans = Spans(ALWAYS_OFF)

    async with Client(Tracing(tracer_provider=spans.provider)(APP)) as client:
        answer = await client.get("/items/7", headers={"traceparent": CALLER})

    assert spans.ended == []
    assert answer.body.decode() == CALLER[3:35]


async def test_nothing_grows_with_what_clients_invent() -> None:
    spans = Spans(ALWAYS_OFF)
    app = Tracing(tracer_provider=spans.provider, request_headers=["x-.*"])(hello)

    for number in range(20_000):
        name = b"%d" % number
        headers = [(b"x-" + name, b"a"), (b"host", name + b".example"), (b"user-agent", name)]
        await direct(app, scope_of(path=f"/{number}", headers=headers))

    assert _usual.cache_info().currsize <= 256


class _Mute(Exception):
    """Cannot be shown."""

    def __str__(self) -> str:
        raise ValueError("no text")


async def test_an_exception_that_cannot_be_shown_leaves_no_span_open() -> None:
    spans = Spans()

    async def fails_oddly(scope: Scope, receive: Receive, send: Send) -> None:
        raise _Mute

    with pytest.raises(_Mute):
        await direct(Tracing(tracer_provider=spans.provider)(fails_oddly), scope_of())

    assert spans.attributes["http.response.status_code"] == 500


async def test_no_circle_is_left_for_the_collector() -> None:
    spans = Spans()
    seen: list[weakref.ref[Exchange]] = []

    async def looks(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(weakref.ref(scope[KEY]))
        await hello(scope, receive, send)

    gc.disable()
    try:
        await direct(Tracing(tracer_provider=spans.provider)(looks), scope_of())
        assert seen[0]() is None
    finally:
        gc.enable()


async def test_without_an_sdk_the_trace_goes_on_and_nobody_records_it() -> None:
    async with Client(Tracing()(APP)) as client:
        answer = await client.get("/items/7", headers={"traceparent": CALLER})

    assert answer.body.decode() == CALLER[3:35]


@types.coroutine
def pause() -> Generator[None, None, None]:
    yield


def test_a_call_that_is_dropped_elsewhere_is_one_span(caplog: pytest.LogCaptureFixture) -> None:
    spans = Spans()

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        await pause()

    call: Any = Tracing(tracer_provider=spans.provider)(waits)(scope_of(), nothing, nothing)
    contextvars.copy_context().run(call.send, None)
    call.close()

    assert spans.attributes["asgi_patterns.outcome"] == "incomplete"
    assert caplog.records == []


async def nothing(*_: object) -> Any:
    """Neither receive nor send is called."""
