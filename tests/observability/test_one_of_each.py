"""However a request ends: one span, one line and one count, which say the same, and nothing stays open."""

import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, final

import anyio
import pytest
from opentelemetry import context as contexts
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from asgi_patterns import BodyLimit, ConditionalRequests, Cors, Deadline, LoadShedding, Problems, RateLimit
from asgi_patterns.kernel.layer import Layer
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.testing import Client, Clock, Crash, chunk, head, hello
from tests.observability.together import LOGGER, Together, Told, of_span

pytestmark = pytest.mark.anyio

MINUTE = 60.0


@final
class Ticks:
    """One a second. No generator: on trio one that nobody closes is a warning, and Starlette does not close it."""

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._left = most

    def __aiter__(self) -> "Ticks":
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        self._left -= 1
        self._clock.advance(1)
        return b"tick"


@final
class Shop:
    """An app whose requests end in all the ways that there are, on a clock of its own."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.entered = anyio.Event()
        self.background: list[int] = []
        self.look: Callable[[], int] = int
        items = [
            Route("/items/{item}", self.item, methods=["GET", "POST"]),
            Route("/streams/{id}", self.stream),
            Route("/endless", self.endless),
            Route("/waits", self.waits),
            Route("/hangs", self.hangs),
            Route("/stops", self.stops),
            Route("/raises", self.raises),
            Route("/raises-late", self.raises_late),
            Route("/says-500", self.says_500),
            Route("/refuses", self.refuses),
            Route("/background", self.with_background),
            WebSocketRoute("/rooms/{room}", self.room),
            WebSocketRoute("/closed", self.closed),
        ]
        self.app: ASGIApp = Starlette(
            routes=[Mount("/v1", routes=[Mount("/{tenant}", routes=items)]), Mount("/bare", app=self.bare)]
        )

    async def item(self, request: Request) -> PlainTextResponse:
        await request.body()
        self.clock.advance(0.25)
        return PlainTextResponse("hello")

    async def stream(self, request: Request) -> StreamingResponse:
        return StreamingResponse(Ticks(self.clock, 30))

    async def endless(self, request: Request) -> StreamingResponse:
        return StreamingResponse(Ticks(self.clock, 1_000_000))

    async def waits(self, request: Request) -> PlainTextResponse:
        self.entered.set()
        while (await request.receive())["type"] != "http.disconnect":
            pass
        return PlainTextResponse("to nobody")

    async def hangs(self, request: Request) -> PlainTextResponse:
        await anyio.sleep_forever()
        raise AssertionError

    async def stops(self, request: Request) -> StreamingResponse:
        async def part() -> AsyncIterator[bytes]:
            yield b"tick"
            await anyio.sleep_forever()

        return StreamingResponse(part())

    async def raises(self, request: Request) -> PlainTextResponse:
        self.clock.advance(0.5)
        raise Crash

    async def raises_late(self, request: Request) -> StreamingResponse:
        async def part() -> AsyncIterator[bytes]:
            yield b"tick"
            self.clock.advance(0.5)
            raise Crash

        return StreamingResponse(part())

    async def says_500(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("oh", 500)

    async def refuses(self, request: Request) -> PlainTextResponse:
        raise HTTPException(409)

    async def with_background(self, request: Request) -> PlainTextResponse:
        def work() -> None:
            self.clock.advance(MINUTE)
            self.background.append(self.look())

        self.clock.advance(0.25)
        return PlainTextResponse("hello", background=BackgroundTask(work))

    async def room(self, websocket: WebSocket) -> None:
        await websocket.accept()
        with suppress(WebSocketDisconnect):
            while (text := await websocket.receive_text()) != "raise":
                self.clock.advance(1)
                await websocket.send_text(text)
                if text.isdigit():
                    return await websocket.close(int(text))
            raise Crash

    async def closed(self, websocket: WebSocket) -> None:
        await websocket.close()

    async def bare(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An app that breaks the protocol: its path says how."""
        if "nothing" in scope["path"]:
            return
        await send(head())
        await send(chunk(b"ab"))


@pytest.fixture(autouse=True)
def nothing_detached(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """OpenTelemetry logs a context that is detached elsewhere, and nothing may stay attached."""
    before = contexts.get_current()
    yield
    assert contexts.get_current() == before
    assert [each.getMessage() for each in caplog.records if each.name.startswith("opentelemetry")] == []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@contextmanager
def behind(app: ASGIApp, clock: Clock, *layers: Layer) -> Iterator[Together]:
    together = Together(app, *layers, clock=clock, lint=False)
    logger = logging.getLogger(LOGGER)
    level = logger.level
    logger.addHandler(together.lines)
    logger.setLevel(logging.INFO)
    try:
        yield together
    finally:
        logger.removeHandler(together.lines)
        logger.setLevel(level)


Doing = Callable[[Together, Shop], Coroutine[Any, Any, None]]


def get(path: str, method: str = "GET", **options: Any) -> Doing:
    async def asks(together: Together, shop: Shop) -> None:
        await together.client.request(method, path, raise_app_exceptions=False, **options)

    return asks


async def hangs_up_on_a_stream(together: Together, shop: Shop) -> None:
    async with together.client.stream("GET", "/v1/tea/endless", raise_app_exceptions=False) as stream:
        await stream.head()
        await stream.next_chunk()
        stream.disconnect()


async def hangs_up_before_the_head(together: Together, shop: Shop) -> None:
    async with together.client.stream("GET", "/v1/tea/waits") as stream:
        await shop.entered.wait()
        stream.disconnect()


async def leaves_where_send_says_so(together: Together, shop: Shop) -> None:
    await together.client.get("/v1/tea/streams/7", leave_after=3, raise_app_exceptions=False)


def talks(*texts: str, closes: int | None = None, path: str = "/v1/tea/rooms/7") -> Doing:
    async def talking(together: Together, shop: Shop) -> None:
        with suppress(Crash):
            async with together.client.websocket(path) as socket:
                for text in texts:
                    await socket.send_text(text)
                    if text != "raise":
                        await socket.receive_text()
                if closes is not None:
                    await socket.close(closes)
                elif not texts:
                    socket.disconnect()
                await socket.ended()

    return talking


LIMIT, ROOM_FOR_ONE = RateLimit(quotas=["1/hour"]), LoadShedding(limit=1, queue=0)


async def is_over_its_quota(together: Together, shop: Shop) -> None:
    await Client(LIMIT(hello)).get("/")  # what a layer counts, it counts for all its apps
    await together.client.get("/v1/tea/items/7")


async def finds_no_room(together: Together, shop: Shop) -> None:
    async def holds(scope: Scope, receive: Receive, send: Send) -> None:
        shop.entered.set()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Client(ROOM_FOR_ONE(holds), lint=False).get, "/")
        await shop.entered.wait()
        await together.client.get("/v1/tea/items/7")
        tasks.cancel_scope.cancel()


HTTP = "/v1/{tenant}"
ITEM, STREAM, ROOM = f"{HTTP}/items/{{item}}", f"{HTTP}/streams/{{id}}", f"{HTTP}/rooms/{{room}}"
PREFLIGHT = {"origin": "https://shop.example", "access-control-request-method": "GET"}

Row = tuple[str, Doing, tuple[Layer, ...], str, str | None, int | None, str, float]
ENDINGS: list[Row] = [
    # what happens, what is done, further layers                    method  route  status  outcome  seconds
    ("an answer", get("/v1/tea/items/7"), (), "GET", ITEM, 200, "ok", 0.25),
    ("a HEAD", get("/v1/tea/items/7", "HEAD"), (), "HEAD", ITEM, 200, "ok", 0.25),
    ("an upload", get("/v1/tea/items/7", "POST", content=b"abc"), (), "POST", ITEM, 200, "ok", 0.25),
    ("a 404", get("/v1/tea/nothing"), (), "GET", None, 404, "client_error", 0),
    ("a 405", get("/v1/tea/items/7", "DELETE"), (), "DELETE", None, 405, "client_error", 0),
    ("a 409", get("/v1/tea/refuses"), (), "GET", f"{HTTP}/refuses", 409, "client_error", 0),
    ("a stream of 30 s", get("/v1/tea/streams/7"), (), "GET", STREAM, 200, "ok", 30),
    (
        "a client that hangs up",
        hangs_up_on_a_stream,
        (),
        "GET",
        f"{HTTP}/endless",
        200,
        "client_disconnect",
        2,
    ),
    (
        "a client that hangs up before the head",
        hangs_up_before_the_head,
        (),
        "GET",
        f"{HTTP}/waits",
        200,
        "client_disconnect",
        0,
    ),
    (
        "a client that has left, as send says",
        leaves_where_send_says_so,
        (),
        "GET",
        STREAM,
        200,
        "client_disconnect",
        3,
    ),
    ("a crash before the head", get("/v1/tea/raises"), (), "GET", f"{HTTP}/raises", 500, "server_error", 0.5),
    (
        "a crash that became a problem",
        get("/v1/tea/raises"),
        (Problems(),),
        "GET",
        f"{HTTP}/raises",
        500,
        "server_error",
        0.5,
    ),
    (
        "a crash after the head",
        get("/v1/tea/raises-late"),
        (),
        "GET",
        f"{HTTP}/raises-late",
        200,
        "server_error",
        0.5,
    ),
    (
        "a crash after the head, with problems",
        get("/v1/tea/raises-late"),
        (Problems(),),
        "GET",
        f"{HTTP}/raises-late",
        200,
        "server_error",
        0.5,
    ),
    (
        "an app that says 500",
        get("/v1/tea/says-500"),
        (),
        "GET",
        f"{HTTP}/says-500",
        500,
        "server_error",
        0,
    ),
    (
        "a background task that outlives it",
        get("/v1/tea/background"),
        (),
        "GET",
        f"{HTTP}/background",
        200,
        "ok",
        0.25,
    ),
    ("an answer without an end", get("/bare/half"), (), "GET", "/bare/{path}", 200, "incomplete", 0),
    ("no answer at all", get("/bare/nothing"), (), "GET", "/bare/{path}", None, "incomplete", 0),
    (
        "too large a body",
        get("/v1/tea/items/7", "POST", content=b"abc"),
        (BodyLimit(limit=2),),
        "POST",
        None,
        413,
        "rejected",
        0,
    ),
    (
        "nothing new",
        get("/v1/tea/items/7", headers={"if-none-match": "*"}),
        (ConditionalRequests(),),
        "GET",
        ITEM,
        304,
        "ok",
        0.25,
    ),
    (
        "a preflight",
        get("/v1/tea/items/7", "OPTIONS", headers=PREFLIGHT),
        (Cors(allow_origins=["https://shop.example"]),),
        "OPTIONS",
        None,
        204,
        "ok",
        0,
    ),
    ("too many requests", is_over_its_quota, (LIMIT,), "GET", None, 429, "rejected", 0),
    ("no room", finds_no_room, (ROOM_FOR_ONE,), "GET", None, 503, "shed", 0),
    (
        "too late an answer",
        get("/v1/tea/hangs"),
        (Deadline(start=0.01),),
        "GET",
        f"{HTTP}/hangs",
        504,
        "timeout",
        0,
    ),
    (
        "a stream that stops",
        get("/v1/tea/stops"),
        (Deadline(gap=0.01),),
        "GET",
        f"{HTTP}/stops",
        200,
        "timeout",
        0,
    ),
    ("a WebSocket, closed by the app", talks("hi", "1000"), (), "WS", ROOM, 101, "ok", 2),
    ("a WebSocket, closed by the client", talks("hi", closes=1000), (), "WS", ROOM, 101, "ok", 1),
    ("a WebSocket, lost", talks(), (), "WS", ROOM, 101, "client_disconnect", 0),
    ("a WebSocket that raises", talks("hi", "raise"), (), "WS", ROOM, 101, "server_error", 1),
    (
        "a WebSocket that is refused",
        talks(path="/v1/tea/closed"),
        (),
        "WS",
        f"{HTTP}/closed",
        403,
        "client_error",
        0,
    ),
    ("a WebSocket that nobody knows", talks(path="/v1/tea/none"), (), "WS", None, 403, "client_error", 0),
]


@pytest.mark.parametrize("row", ENDINGS, ids=[row[0] for row in ENDINGS])
async def test_it_is_told_once_and_everywhere_the_same(row: Row, clock: Clock) -> None:
    _, do, layers, method, route, status, outcome, seconds = row
    shop = Shop(clock)
    with behind(shop.app, clock, *layers) as together:
        shop.look = together.told

        await do(together, shop)

        span = together.span()
        expected = Told(
            method=method, route=route, status=status, outcome=outcome, seconds=seconds, trace=span.trace
        )
        assert span == expected
        assert together.line() == expected
        assert await together.count() == expected
        assert together.request_ids() == 1
        assert shop.background in ([], [2])  # both were there already when the task ran


@pytest.mark.parametrize(
    "path", ["/v1/tea/items/7", "/v1/tea/streams/7", "/v1/tea/nothing", "/v1/tea/says-500"]
)
async def test_the_answer_says_the_same_as_the_line(path: str, clock: Clock) -> None:
    with behind(Shop(clock).app, clock) as together:
        answer = await together.client.get(path)

        (line,) = together.lines.records
        said = answer.header("server-timing") or ""
        assert answer.header("x-request-id") == line["request_id"]
        assert said.split(", ")[0] == f"total;dur={line['head'] * 1000:g}"
        assert said.count("total") == 1


async def test_a_request_that_is_cancelled_is_told_once(clock: Clock) -> None:
    with behind(Shop(clock).app, clock) as together:
        with anyio.move_on_after(0.01):
            await together.client.get("/v1/tea/hangs")

        span = together.span()
        assert (span.outcome, together.line().outcome) == ("incomplete", "incomplete")
        assert (await together.count()).outcome == "incomplete"


async def test_many_at_once_are_each_told_once(clock: Clock) -> None:
    paths = [
        "/v1/tea/items/7",
        "/v1/tea/streams/7",
        "/v1/tea/raises",
        "/v1/tea/nothing",
        "/v1/tea/background",
    ]
    with behind(Shop(clock).app, clock) as together:
        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(get(paths[number % 5]), together, Shop(clock))

        told = [of_span(span) for span in together.spans.ended]
        traces = {each.trace for each in told}
        logged = {line["trace_id"]: (line["status"], line["outcome"]) for line in together.lines.records}
        assert (len(told), len(traces), len(together.lines.records)) == (50, 50, 50)
        assert {each.trace: (each.status, each.outcome) for each in told} == logged
        assert sum((await together.counts()).values()) == 50
