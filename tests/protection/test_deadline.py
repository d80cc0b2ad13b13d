"""Requests that take too long, through the layer: who is refused, who is broken off, and who runs on."""

import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from anyio import to_thread

from asgi_patterns import Deadline, DeadlineRule, Pipeline, Problems, remaining
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.protection import DeadlineExceeded, TimedOut
from asgi_patterns.testing import UNUSUAL_APPS, Answer, Client, chunk, head, hello, lint, read_body
from tests.support.collected import left_to_the_collector

pytestmark = pytest.mark.anyio

SHORT = 0.02
"""Seconds that a test waits for a limit to pass."""
OFF: dict[str, Any] = {"body": "off", "start": "off", "gap": "off", "whole": "off"}


def served(app: ASGIApp, **given: Any) -> Client:
    """Return a client of ``app`` behind the layer, with no limit but those given."""
    return Client(Deadline(**{**OFF, **given})(app))


class Handler:
    """Waits in a handler until it is let go, and remembers what became of it."""

    def __init__(self, answer: ASGIApp = hello) -> None:
        self.answer = answer
        self.begun = anyio.Event()
        self.release = anyio.Event()
        self.seen: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await hello(scope, receive, send)
        self.begun.set()
        try:
            await self.release.wait()
            self.seen.append("went on")
        except BaseException:
            self.seen.append("was cancelled")
            raise
        finally:
            self.seen.append("cleaned up")
        await self.answer(scope, receive, send)
        self.seen.append("answered")


def status_of(answer: Answer) -> tuple[int, str | None]:
    return answer.status, answer.json()["title"] if answer.status >= 400 else None


# --- the answer does not begin ---


@pytest.mark.parametrize("limit", ["start", "whole"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_a_late_safe_handler_is_cancelled_and_cleans_up(method: str, limit: str) -> None:
    handler = Handler()

    answer = await served(handler, **{limit: SHORT}).request(method, "/")

    assert answer.status == 504
    assert answer.complete
    assert handler.seen == ["was cancelled", "cleaned up"]


async def test_the_504_is_a_problem() -> None:
    layers = Pipeline(Problems(), Deadline(start=SHORT))

    answer = await Client(layers(Handler())).get("/")

    assert answer.header("content-type") == "application/problem+json"
    assert answer.json()["detail"] == "The answer did not begin in time. The request has been given up."


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_late_unsafe_handler_runs_on_behind_its_504(method: str) -> None:
    handler = Handler()
    async with served(handler, start=SHORT).stream(method, "/") as stream:
        answer = stream.answer
        await stream.read()

        assert status_of(answer) == (504, "Gateway Timeout")
        assert answer.json()["detail"].endswith("The request is still being worked on.")
        assert handler.seen == []
        handler.release.set()

    assert handler.seen == ["went on", "cleaned up", "answered"]
    assert len(answer.messages) == 2


RULES: list[tuple[str, dict[str, Any], str, bool]] = [
    ("a safe one is cancelled", {}, "GET", True),
    ("an unsafe one is not", {}, "POST", False),
    ("a rule says cancel", {"cancel": True}, "POST", True),
    ("a rule says not to cancel", {"cancel": False}, "GET", False),
]


@pytest.mark.parametrize(
    ("rule", "method", "cancelled"), [row[1:] for row in RULES], ids=[row[0] for row in RULES]
)
async def test_a_rule_decides_whether_a_handler_is_cancelled(
    rule: dict[str, Any], method: str, cancelled: bool
) -> None:
    handler = Handler()
    client = served(handler, start=SHORT, rules=[DeadlineRule(match="/**", **rule)])

    async with client.stream(method, "/") as stream:
        await stream.read()
        handler.release.set()

    assert ("was cancelled" in handler.seen) is cancelled
    assert stream.answer.status == 504


async def test_a_handler_in_a_thread_does_not_hold_up_the_504() -> None:
    release, ended = threading.Event(), threading.Event()

    def work() -> None:
        release.wait(10)
        ended.set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await to_thread.run_sync(work)
        await hello(scope, receive, send)

    async with served(app, start=SHORT).stream("GET", "/") as stream:
        await stream.read()
        answered_before = not ended.is_set()
        release.set()

    assert stream.answer.status == 504
    assert answered_before
    assert ended.wait(10)


async def test_a_handler_that_will_not_be_cancelled_is_not_answered_twice() -> None:
    released = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.CancelScope(shield=True):
            await released.wait()
            await hello(scope, receive, send)

    async with served(app, start=SHORT).stream("GET", "/") as stream:
        await stream.read()
        released.set()

    assert (stream.answer.status, len(stream.answer.messages)) == (504, 2)


async def test_what_a_handler_streams_behind_its_504_goes_nowhere() -> None:
    raised: list[BaseException] = []

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head())
        try:
            while True:
                await send(chunk(b"more"))
        except OSError as error:
            raised.append(error)

    handler = Handler(endless)
    async with served(handler, start=SHORT).stream("POST", "/") as stream:
        await stream.read()
        handler.release.set()

    assert len(raised) == 1
    assert len(stream.answer.messages) == 2


async def test_a_crash_behind_the_504_is_still_a_crash() -> None:
    async def crash(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("behind the answer")

    handler = Handler(crash)
    client = served(handler, start=SHORT)
    async with client.stream("POST", "/", raise_app_exceptions=False) as stream:
        await stream.read()
        handler.release.set()

    assert stream.answer.status == 504
    assert isinstance(stream.answer.exception, LookupError)


async def test_who_is_in_time_gets_the_answer() -> None:
    answer = await served(hello, start=10, body=10, gap=10, whole=10).get("/")

    assert (answer.status, answer.body) == (200, b"hello")


# --- the body does not come ---


async def reads(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer how long the body was."""
    body = await read_body(receive)
    await send(head(200, (b"content-type", b"text/plain")))
    await send(chunk(b"%d" % len(body), more=False))


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
async def test_a_body_that_does_not_come_is_a_408(method: str) -> None:
    client = served(reads, body=SHORT)

    async with client.stream(method, "/", content=[b"beginning"], keep_open=True) as stream:
        await stream.read()

    answer = stream.answer
    assert status_of(answer) == (408, "Request Timeout")
    assert answer.header("connection") == "close"


async def test_http_2_has_no_connection_field() -> None:
    client = Client(Deadline(body=SHORT)(reads), http_version="2")

    async with client.stream("POST", "/", content=[b"beginning"], keep_open=True) as stream:
        await stream.read()

    assert (stream.answer.status, stream.answer.header("connection")) == (408, None)


async def test_one_byte_after_the_other_does_not_buy_time() -> None:
    drops = 0

    async def drip() -> None:
        nonlocal drops
        while True:
            stream.feed(b"1")
            drops += 1
            await anyio.sleep(SHORT)

    async with (
        served(reads, body=SHORT * 5).stream("POST", "/", content=[b"1"], keep_open=True) as stream,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(drip)
        await stream.read()
        tasks.cancel_scope.cancel()

    assert stream.answer.status == 408
    assert drops > 1


async def test_the_time_of_the_body_is_not_the_apps() -> None:
    app_has_body = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)
        app_has_body.set()
        await hello(scope, receive, send)

    client = served(app, body=10, start=SHORT * 5)
    async with client.stream("POST", "/", content=[b"1"], keep_open=True) as stream:
        await anyio.sleep(SHORT * 10)
        stream.feed(b"2", more=False)
        await stream.read()

    assert app_has_body.is_set()
    assert stream.answer.status == 200


async def test_an_app_that_does_not_read_is_not_the_clients_fault() -> None:
    handler = Handler()
    client = served(handler, body=SHORT, start=SHORT * 5)

    async with client.stream("POST", "/", content=[b"1"], keep_open=True) as stream:
        await stream.read()
        handler.release.set()

    assert stream.answer.status == 504


async def test_waiting_for_the_client_to_leave_is_no_waiting_for_its_body() -> None:
    async def listens(scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)
        async with anyio.create_task_group() as tasks:

            async def listen() -> None:
                await receive()

            tasks.start_soon(listen)
            await anyio.sleep(SHORT * 5)
            tasks.cancel_scope.cancel()
        await hello(scope, receive, send)

    answer = await served(listens, body=SHORT).post("/", content=b"all of it")

    assert answer.status == 200


# --- the answer does not go on ---


def streams(go_on: anyio.Event, seen: list[str]) -> ASGIApp:
    """Answer with a stream that stops half way."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head())
        await send(chunk(b"first"))
        try:
            await go_on.wait()
        except BaseException:
            seen.append("was cancelled")
            raise
        await send(chunk(b"second", more=False))

    return app


@pytest.mark.parametrize("limit", ["gap", "whole"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_stream_that_stops_is_broken_off(method: str, limit: str) -> None:
    seen: list[str] = []

    answer = await served(streams(anyio.Event(), seen), **{limit: SHORT}).request(
        method, "/", raise_app_exceptions=False
    )

    assert (answer.status, answer.body, answer.complete) == (200, b"first", False)
    assert isinstance(answer.exception, DeadlineExceeded)
    assert seen == ["was cancelled"]


async def test_a_stream_that_goes_on_may_take_longer_than_any_gap() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head())
        for _ in range(10):
            await anyio.sleep(SHORT / 2)
            await send(chunk(b"x"))
        await send(chunk(b"", more=False))

    answer = await served(app, gap=SHORT * 8, start=SHORT * 8).get("/")

    assert (answer.body, answer.complete) == (b"x" * 10, True)


async def test_what_a_stream_still_sends_is_refused() -> None:
    raised: list[BaseException] = []

    async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head())
        with anyio.CancelScope(shield=True):
            await anyio.sleep(SHORT * 3)
        try:
            await send(chunk(b"late"))
        except OSError as error:
            raised.append(error)
            raise

    answer = await served(stubborn, gap=SHORT).get("/", raise_app_exceptions=False)

    assert (answer.body, answer.complete, len(raised)) == (b"", False, 1)


async def test_what_runs_on_behind_the_last_message_is_nobodys_wait() -> None:
    done = False

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal done
        await hello(scope, receive, send)
        await anyio.sleep(SHORT * 5)
        done = True

    answer = await served(app, start=SHORT, gap=SHORT, whole=SHORT).get("/")

    assert (answer.status, done) == (200, True)


async def test_trailers_are_the_end_of_an_answer_that_has_some() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**head(), "trailers": True})
        await send(chunk(b"all", more=False))
        await anyio.sleep(10)

    answer = await served(app, gap=SHORT).get("/", headers={"te": "trailers"}, raise_app_exceptions=False)

    assert isinstance(answer.exception, DeadlineExceeded)


# --- what the client wishes, and what the handler hears ---


async def test_a_client_can_shorten_the_time() -> None:
    answer = await served(Handler(), start=10).get("/", headers={"prefer": f"wait={SHORT}"})

    assert (answer.status, answer.header("preference-applied")) == (504, "wait")


async def test_a_client_that_is_served_in_its_time_hears_that_it_counted() -> None:
    answer = await served(hello, start=10).get("/", headers={"prefer": "wait=5"})

    assert (answer.status, answer.header("preference-applied")) == (200, "wait")
    assert answer.header("vary") == "Prefer"


@pytest.mark.parametrize("wish", ["wait=99", "wait=soon", "respond-async, wait=5"])
async def test_a_client_cannot_lengthen_it(wish: str) -> None:
    handler = Handler()
    async with served(handler, start=SHORT).stream("GET", "/", headers={"prefer": wish}) as stream:
        await stream.read()

    assert (stream.answer.status, stream.answer.header("preference-applied")) == (504, None)


async def test_a_field_of_ones_own() -> None:
    client = served(Handler(), start=10, header="X-Request-Timeout")

    answer = await client.get("/", headers={"x-request-timeout": "20ms"})

    assert (answer.status, answer.header("preference-applied")) == (504, None)


async def remains(given: dict[str, Any], ask: Callable[[], Any], **options: Any) -> Any:
    """Return what a handler sees of its time."""
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(await ask())
        await hello(scope, receive, send)

    await served(app, **given).get("/", **options)
    return seen[0]


async def now() -> float | None:
    return remaining()


async def in_a_thread() -> float | None:
    return await to_thread.run_sync(remaining)


@pytest.mark.parametrize("ask", [now, in_a_thread], ids=["in the handler", "in a thread"])
async def test_a_handler_can_ask_how_long_is_left(ask: Callable[[], Any]) -> None:
    left = await remains({"start": 30, "whole": 60}, ask)
    shortened = await remains({"start": 30}, ask, headers={"prefer": "wait=5"})
    unlimited = await remains({}, ask)

    assert 29 < left <= 30
    assert 4 < shortened <= 5
    assert unlimited is None
    assert remaining() is None


async def test_two_requests_at_once_have_their_own_time() -> None:
    slow, quick = Handler(), Handler()
    quick.release.set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (slow if scope["path"] == "/slow" else quick)(scope, receive, send)

    client = served(app, rules=[DeadlineRule(match="/slow", start=SHORT)])
    answers: dict[str, int] = {}

    async def ask(path: str) -> None:
        answers[path] = (await client.get(path)).status

    async with anyio.create_task_group() as tasks:
        for path in ("/slow", "/quick"):
            tasks.start_soon(ask, path)

    assert answers == {"/slow": 504, "/quick": 200}


async def test_events_say_which_limit_it_was() -> None:
    events: list[Event] = []

    def listen(event: Event, exchange: Exchange) -> None:
        events.append(event)

    layers = Pipeline(Deadline(start=SHORT), listeners=[listen])
    await Client(layers(Handler())).get("/")

    (event,) = events
    assert isinstance(event, TimedOut)
    assert (event.limit, event.cancelled, event.seconds >= SHORT) == ("start", True, True)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("name", UNUSUAL_APPS)
async def test_the_unusual_passes_unchanged(name: str, method: str) -> None:
    content = b"some content" if method == "POST" else None
    bare = await Client(UNUSUAL_APPS[name]).request(method, "/", content=content)

    answer = await Client(Deadline()(lint(UNUSUAL_APPS[name]))).request(method, "/", content=content)

    assert [message["type"] for message in answer.messages] == [message["type"] for message in bare.messages]
    assert (answer.body, answer.trailers) == (bare.body, bare.trailers)
    assert answer.headers == [tuple(pair) for pair in bare.headers]


async def test_websockets_pass() -> None:
    async with served(hello, start=SHORT).websocket("/") as socket:
        assert await socket.receive_text() == "hello"


async def test_nothing_is_left_behind() -> None:
    layer = Deadline(start=30)
    wired: Any = layer(hello)
    for _ in range(200):
        await Client(wired).get("/")

    rings = wired._rings.values()  # on trio there is none: each request has one
    assert [len(ring.timed) for ring in rings] in ([], [0])


@pytest.mark.parametrize("path", ["whole", "in pieces"])
async def test_an_answered_request_holds_nothing_that_only_the_collector_frees(path: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if path == "whole":
            return await hello(scope, receive, send)
        await send(head())
        await send(chunk(b"one"))
        await send(chunk(b"two", more=False))

    assert await left_to_the_collector(Deadline(), app) == []


async def test_nor_does_one_whose_content_was_waited_for() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            pass
        await hello(scope, receive, send)

    assert await left_to_the_collector(Deadline(), app, content=b"part") == []


async def test_an_outer_cancellation_is_not_ours() -> None:
    handler = Handler()
    layer = Deadline()(handler)
    with anyio.move_on_after(SHORT) as scope:
        await Client(layer).get("/")

    assert scope.cancelled_caught
    assert handler.seen == ["was cancelled", "cleaned up"]
