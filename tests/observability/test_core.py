"""What the core says of a request: outcome, sizes and times, whatever the app and the client do."""

import gc
import weakref
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
import pytest

from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.observing import observe
from asgi_patterns.kernel.record import Outcome, Record
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.pipeline import Pipeline
from asgi_patterns.request_id import RequestId
from asgi_patterns.testing import (
    BROKEN_APPS,
    RAISING_APPS,
    UNUSUAL_APPS,
    Client,
    Clock,
    Crash,
    chunk,
    echo,
    head,
    hello,
    scripted,
)
from tests.observability.observed import Observed, claims

pytestmark = pytest.mark.anyio

TRAILERS = {**head(), "trailers": True}
WITH_LENGTH = head(200, (b"content-length", b"4"))


def file_of(size: bytes | None) -> ASGIApp:
    headers = [] if size is None else [(b"content-length", size)]
    return scripted(head(200, *headers), {"type": "http.response.pathsend", "path": "/nowhere"})


ANSWERS: list[tuple[str, ASGIApp, int | None, Outcome, int | None, bool]] = [
    # what the app does                        status outcome      bytes stream
    ("one piece", hello, 200, "ok", 5, False),
    ("a 304", scripted(head(304), chunk(b"", more=False)), 304, "ok", 0, False),
    ("a 404", scripted(head(404), chunk(b"no", more=False)), 404, "client_error", 2, False),
    ("a 500", scripted(head(500), chunk(b"oh", more=False)), 500, "server_error", 2, False),
    ("a 503", scripted(head(503), chunk(b"oh", more=False)), 503, "server_error", 2, False),
    ("two parts", scripted(head(), chunk(b"ab"), chunk(b"cd", more=False)), 200, "ok", 4, True),
    (
        "two parts of a known length",
        scripted(WITH_LENGTH, chunk(b"ab"), chunk(b"cd", more=False)),
        200,
        "ok",
        4,
        False,
    ),
    ("an empty part first", scripted(head(), chunk(b""), chunk(b"cd", more=False)), 200, "ok", 2, True),
    (
        "trailers",
        scripted(TRAILERS, chunk(b"ab", more=False), {"type": "http.response.trailers", "headers": []}),
        200,
        "ok",
        2,
        False,
    ),
    ("no trailers come", scripted(TRAILERS, chunk(b"ab", more=False)), 200, "incomplete", 2, False),
    ("a file of known size", file_of(b"9000"), 200, "ok", 9000, False),
    ("a file of unknown size", file_of(None), 200, "ok", None, False),
    ("nothing at all", scripted(), None, "incomplete", 0, False),
    ("only a head", scripted(head()), 200, "incomplete", 0, False),
    ("no last message", scripted(head(), chunk(b"ab")), 200, "incomplete", 2, True),
    (
        "early hints first",
        scripted({"type": "http.response.early_hint", "links": []}, head(), chunk(b"a", more=False)),
        200,
        "ok",
        1,
        False,
    ),
]


def facts(record: Record) -> tuple[int | None, Outcome, int | None, bool]:
    return record.status, record.outcome, record.sent, record.is_stream


@pytest.mark.parametrize(
    ("app", "expected"), [(row[1], row[2:]) for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
async def test_what_an_answer_was(app: ASGIApp, expected: tuple[object, ...]) -> None:
    observed = Observed(app)
    extensions: dict[str, object] = {"http.response.pathsend": {}, "http.response.trailers": {}}

    await direct(observed, scope_of(extensions=extensions))

    assert facts(observed.record) == expected


def scope_of(method: str = "GET", **more: object) -> Scope:
    return {
        "type": "http",
        "method": method,
        "path": "/items/7",
        "query_string": b"",
        "headers": [],
        "client": ("192.0.2.1", 1),
        "state": {},
        **more,
    }


async def direct(
    app: ASGIApp, scope: Scope, send: Send | None = None, *, requests: tuple[bytes, ...] = (b"",)
) -> None:
    """Call without a client that judges: what is asked here is often broken."""
    messages: list[Message] = [
        {"type": "http.request", "body": each, "more_body": each is not requests[-1]} for each in requests
    ]

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def swallow(message: Message) -> None:
        return None

    await app(scope, receive, send or swallow)


async def test_a_head_request_has_no_content() -> None:
    observed = Observed(scripted(head(200, (b"content-length", b"5")), chunk(b"hello", more=False)))

    await direct(observed, scope_of("HEAD"))

    assert observed.record.sent == 0
    assert observed.record.first_byte is None


@pytest.mark.parametrize("app", UNUSUAL_APPS.values(), ids=UNUSUAL_APPS)
async def test_an_unusual_answer_passes_and_is_told_once(app: ASGIApp) -> None:
    observed = Observed(app)
    plain, behind = Client(app, lint=False), Client(observed, lint=False)

    expected, found = await plain.get("/"), await behind.get("/")

    assert (found.status, found.body) == (expected.status, expected.body)
    assert observed.record.status == expected.status


@pytest.mark.parametrize("app", BROKEN_APPS.values(), ids=BROKEN_APPS)
async def test_a_broken_answer_is_told_once(app: ASGIApp) -> None:
    observed = Observed(app)

    await direct(observed, scope_of())

    assert len(observed.records) == 1


RAISED: dict[str, tuple[int, Outcome]] = {
    "the app raises before the head": (500, "server_error"),
    "the app raises after it has read the body": (500, "server_error"),
    "the app raises after the head": (200, "server_error"),
    "the app raises in the middle of the body": (200, "server_error"),
    "the app raises after the answer": (200, "ok"),
}


@pytest.mark.parametrize("name", RAISED)
async def test_what_is_raised(name: str) -> None:
    observed = Observed(RAISING_APPS[name])

    with pytest.raises(Crash):
        await direct(observed, scope_of())

    record = observed.record
    assert (record.status, record.outcome) == RAISED[name]
    assert isinstance(record.exception, Crash) is (record.outcome != "ok")


async def test_a_500_that_is_raised_again_has_its_exception() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head(500))
        await send(chunk(b"oh", more=False))
        clock.advance(60)
        raise Crash

    clock = Clock()
    observed = Observed(app, clock)

    with pytest.raises(Crash):
        await direct(observed, scope_of())

    assert isinstance(observed.record.exception, Crash)
    assert observed.record.seconds == 0


async def test_times_are_those_of_head_first_byte_and_end() -> None:
    clock = Clock()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        clock.advance(1)
        await send(head())
        clock.advance(2)
        await send(chunk(b""))
        await send(chunk(b"a"))
        clock.advance(4)
        await send(chunk(b"", more=False))
        assert len(observed.records) == 1  # not when background work is done
        clock.advance(100)

    observed = Observed(app, clock)

    await direct(observed, scope_of())

    record = observed.record
    assert (record.head, record.first_byte, record.seconds) == (1, 3, 7)


Doing = Callable[[Scope, Receive, Send], Awaitable[None]]


async def goes_on(scope: Scope, receive: Receive, send: Send) -> None:
    """Notice nothing."""
    await send(head())
    await send(chunk(b"a"))
    await send(chunk(b"b", more=False))


async def notices(scope: Scope, receive: Receive, send: Send) -> None:
    """Stop when the client has left, as frameworks do."""
    await send(head())
    await send(chunk(b"a"))
    while (await receive())["type"] != "http.disconnect":
        pass


async def notices_and_ends(scope: Scope, receive: Receive, send: Send) -> None:
    await notices(scope, receive, send)
    await send(chunk(b"", more=False))


async def notices_early(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def fails_when_it_notices(scope: Scope, receive: Receive, send: Send) -> None:
    await notices_early(scope, receive, send)
    raise Crash


@pytest.mark.parametrize(
    ("app", "status"),
    [
        pytest.param(notices, 200, id="the app stops its stream"),
        pytest.param(notices_and_ends, 200, id="the app ends its stream properly"),
        pytest.param(notices_early, None, id="the app never answers"),
        pytest.param(fails_when_it_notices, None, id="the app fails because of that"),
    ],
)
async def test_a_client_that_has_left(app: Doing, status: int | None) -> None:
    observed = Observed(app)

    with suppress(Crash):
        await direct(observed, scope_of())

    assert (observed.record.status, observed.record.outcome) == (status, "client_disconnect")


@pytest.mark.parametrize("at", range(3), ids=["at the head", "in the middle", "at the end"])
async def test_a_server_that_says_that_the_client_has_left(at: int) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        if len(sent) == at:
            raise OSError("gone")
        sent.append(message)

    observed = Observed(goes_on)

    with pytest.raises(OSError, match="gone"):
        await direct(observed, scope_of(), send)

    assert observed.record.outcome == "client_disconnect"


async def test_an_app_that_goes_on_after_that_has_lost_its_client_all_the_same() -> None:
    async def send(message: Message) -> None:
        if message.get("more_body"):
            raise OSError("gone")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head())
        with suppress(OSError):
            await send(chunk(b"a"))
        await send(chunk(b"b", more=False))

    observed = Observed(app)

    await direct(observed, scope_of(), send)

    assert observed.record.outcome == "client_disconnect"


async def test_an_error_of_the_system_is_not_the_client() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head())
        raise FileNotFoundError("prices.csv")

    observed = Observed(app)

    with pytest.raises(FileNotFoundError):
        await direct(observed, scope_of())

    assert observed.record.outcome == "server_error"


async def test_what_a_server_says_after_the_end_counts_no_more() -> None:
    receives: list[Receive] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            # As a server does that tells a waiting receive() while it is sending.
            await receives[0]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        receives.append(receive)
        await receive()
        await goes_on(scope, receive, send)

    observed = Observed(app)

    await direct(observed, scope_of(), send)

    assert observed.record.outcome == "ok"


async def test_an_app_that_is_cancelled_while_its_end_is_sent_has_answered() -> None:
    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            await receives[0]()
            tasks.cancel_scope.cancel()
            await anyio.sleep_forever()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        receives.append(receive)
        await receive()
        await goes_on(scope, receive, send)

    receives: list[Receive] = []
    observed = Observed(app)

    async with anyio.create_task_group() as tasks:
        await direct(observed, scope_of(), send)

    assert observed.record.outcome == "ok"


async def test_a_cancelled_app_is_incomplete() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head())
        await anyio.sleep_forever()

    observed = Observed(app)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(direct, observed, scope_of())
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert observed.record.outcome == "incomplete"
    assert observed.record.exception is None


async def test_the_content_of_the_request_is_counted() -> None:
    observed = Observed(echo)

    await direct(observed, scope_of("POST"), requests=(b"abc", b"", b"de"))

    assert observed.record.received == 5
    assert observed.record.sent == 5


CLAIMS: list[tuple[str, int, Outcome | None, Outcome]] = [
    ("a limit", 429, "rejected", "rejected"),
    ("no room", 503, "shed", "shed"),
    ("no room, in the form of events", 200, "shed", "shed"),
    ("no time", 504, "timeout", "timeout"),
    ("nothing new", 304, None, "ok"),
    ("a precondition", 412, None, "client_error"),
]


@pytest.mark.parametrize(
    ("status", "said", "outcome"), [row[1:] for row in CLAIMS], ids=[row[0] for row in CLAIMS]
)
async def test_a_layer_that_answers_is_named(status: int, said: Outcome | None, outcome: Outcome) -> None:
    observed = Observed(claims("mine", said, scripted(head(status), chunk(b"", more=False))))

    await direct(observed, scope_of())

    assert (observed.record.answered_by, observed.record.outcome) == ("mine", outcome)


async def test_layers_further_in_get_the_same_record() -> None:
    inner = Observed(hello)
    outer = Observed(inner)

    await direct(outer, scope_of())

    assert inner.record is outer.record


async def test_an_observer_that_raises_is_logged_and_the_next_one_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(record: Record) -> None:
        raise Crash("no disk")

    inner = Observed(hello)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await observe(inner, scope, receive, send, fails)

    answer = await Client(app, lint=False).get("/")

    assert answer.text == "hello"
    assert inner.record.outcome == "ok"
    assert "no disk" in caplog.text


async def test_two_interleaved_requests_have_their_own_records() -> None:
    gates = {"/slow": anyio.Event(), "/fast": anyio.Event()}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head(200 if scope["path"] == "/slow" else 404))
        await gates[scope["path"]].wait()
        await send(chunk(scope["path"].encode(), more=False))

    observed = Observed(app)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(direct, observed, scope_of(path="/slow"))
        tasks.start_soon(direct, observed, scope_of(path="/fast"))
        await anyio.wait_all_tasks_blocked()
        gates["/fast"].set()
        await anyio.wait_all_tasks_blocked()
        gates["/slow"].set()

    assert [(each.path, each.status) for each in observed.records] == [("/fast", 404), ("/slow", 200)]


async def test_a_request_of_our_own_is_not_observed() -> None:
    observed = Observed(hello)

    async def parent(scope: Scope, receive: Receive, send: Send) -> None:
        exchange, scope = Exchange.of(scope)
        _, inner = exchange.child(scope)
        await observed(inner, receive, send)

    await direct(parent, scope_of())

    assert observed.records == []


async def test_the_id_of_the_request_is_there() -> None:
    observed = Observed(hello)

    await Client(Pipeline(RequestId())(observed)).get("/", headers={"x-request-id": "abcdefgh"})

    assert observed.record.request_id == "abcdefgh"


@pytest.mark.parametrize("scope_type", ["http", "websocket"])
async def test_nothing_waits_for_the_collector(scope_type: str) -> None:
    observed = Observed(hello)
    pipeline = Pipeline(RequestId())(observed)
    gc.disable()
    try:
        if scope_type == "http":
            await Client(pipeline).get("/")
        else:
            async with Client(pipeline).websocket("/") as socket:
                await socket.ended()
        gone = weakref.ref(observed.records.pop())
    finally:
        gc.enable()

    assert gone() is None


def socket_scope() -> Scope:
    return {
        "type": "websocket",
        "path": "/ws",
        "query_string": b"",
        "headers": [],
        "client": None,
        "state": {},
    }


CONNECT: Message = {"type": "websocket.connect"}
ACCEPT: Message = {"type": "websocket.accept"}


def left(code: int) -> Message:
    return {"type": "websocket.disconnect", "code": code}


def closes(code: int) -> Message:
    return {"type": "websocket.close", "code": code}


DENIED: list[Message] = [
    {"type": "websocket.http.response.start", "status": 404, "headers": []},
    {"type": "websocket.http.response.body", "body": b"no"},
]
SOCKETS: list[tuple[str, list[Message], list[Message], int | None, Outcome, int | None]] = [
    # what happens                what comes       what the app sends   status outcome          code
    ("the client is done", [left(1000)], [ACCEPT], 101, "ok", 1000),
    ("the client goes away", [left(1001)], [ACCEPT], 101, "ok", 1001),
    ("the client is lost", [left(1006)], [ACCEPT], 101, "client_disconnect", 1006),
    ("the app is done", [], [ACCEPT, closes(1000)], 101, "ok", 1000),
    ("the app fails", [], [ACCEPT, closes(1011)], 101, "server_error", 1011),
    ("the client says what it may not", [], [ACCEPT, closes(1008)], 101, "client_error", 1008),
    ("the app's own code", [], [ACCEPT, closes(4001)], 101, "ok", 4001),
    ("it is refused", [], [closes(1000)], 403, "client_error", None),
    ("it is refused with an answer", [], DENIED, 404, "client_error", None),
    ("the client leaves before", [left(1006)], [], None, "client_disconnect", 1006),
    ("nobody closes it", [], [ACCEPT], 101, "incomplete", None),
    ("nobody answers", [], [], None, "incomplete", None),
]


@pytest.mark.parametrize(
    ("comes", "sends", "expected"),
    [(row[1], row[2], row[3:]) for row in SOCKETS],
    ids=[row[0] for row in SOCKETS],
)
async def test_what_a_websocket_was(
    comes: list[Message], sends: list[Message], expected: tuple[object, ...]
) -> None:
    waiting = [CONNECT, *comes]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        for message in sends:
            await send(message)
        if waiting:
            await receive()

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        return None

    observed = Observed(app)

    await observed(socket_scope(), receive, send)

    record = observed.record
    assert (record.status, record.outcome, record.code) == expected
    assert record.is_websocket


async def test_the_messages_of_a_websocket_are_counted_in_one_record() -> None:
    observed = Observed(echo)

    async with Client(observed).websocket("/ws") as socket:
        await socket.send_text("hé")
        await socket.receive_text()
        await socket.send_bytes(b"1234")
        await socket.receive_bytes()
        await socket.close()
        await socket.ended()

    assert (observed.record.received, observed.record.sent) == (7, 7)


async def test_a_websocket_whose_app_raises() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        raise Crash

    observed = Observed(app)

    with pytest.raises(Crash):
        async with Client(observed).websocket("/ws") as socket:
            await socket.ended()

    assert observed.record.outcome == "server_error"
    assert isinstance(observed.record.exception, Crash)
