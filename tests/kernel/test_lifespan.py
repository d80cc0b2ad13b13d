"""Start-up and shutdown around apps that do it right, do it wrong, or have never heard of it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar

import anyio
import pytest
import trio
import trio.testing
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from asgi_patterns.kernel.lifespan import Lifespan, Resource
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

STARTUP: Message = {"type": "lifespan.startup"}
SHUTDOWN: Message = {"type": "lifespan.shutdown"}
STARTED = "lifespan.startup.complete"
STOPPED = "lifespan.shutdown.complete"
BROKEN_START = "lifespan.startup.failed"
BROKEN_STOP = "lifespan.shutdown.failed"


class Server:
    """A server that starts an app and stops it at once; everything that happens goes into one diary."""

    def __init__(self, diary: list[str], *script: Message) -> None:
        self.diary = diary
        self.sent: list[Message] = []
        self.scope: Scope = {"type": "lifespan", "state": {"kept": 1}}
        self._script = list(script or (STARTUP, SHUTDOWN))

    async def receive(self) -> Message:
        if not self._script:
            await anyio.sleep_forever()
        return self._script.pop(0)

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        self.diary.append(f"server: {message['type'].removeprefix('lifespan.')}")

    async def run(self, app: ASGIApp) -> list[str]:
        """Drive a whole lifespan; return the types of what the app answered."""
        await app(self.scope, self.receive, self.send)
        return [message["type"] for message in self.sent]


class Diarist:
    """A resource that writes down what happens to it, and misbehaves on demand."""

    def __init__(self, name: str, diary: list[str], **wrongs: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self.diary = diary
        self.wrongs = wrongs

    async def open(self) -> None:
        self.diary.append(f"{self.name}: open")
        if "opening" in self.wrongs:
            await self.wrongs["opening"]()

    def started(self) -> None:
        self.diary.append(f"{self.name}: started")

    async def aclose(self) -> None:
        await checkpoint()
        self.diary.append(f"{self.name}: close")
        if "closing" in self.wrongs:
            await self.wrongs["closing"]()


async def explode() -> None:
    raise OSError("no route to host")


async def hang() -> None:
    await anyio.sleep_forever()


def wrap(
    app: ASGIApp,
    resources: Sequence[Resource] = (),
    *,
    startup_timeout: float = 60,
    close_timeout: float = 60,
) -> Lifespan:
    return Lifespan(app, resources, startup_timeout=startup_timeout, close_timeout=close_timeout, name="shop")


def an_app(diary: list[str]) -> ASGIApp:
    """An app that does everything right."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive()) == STARTUP
        diary.append("app: start")
        await send({"type": STARTED})
        assert (await receive()) == SHUTDOWN
        diary.append("app: stop")
        await send({"type": STOPPED})

    return app


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What an operator would be woken for."""
    assert {record.name for record in caplog.records} <= {"asgi_patterns.lifespan"}
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


async def test_resources_open_around_the_app_and_close_in_reverse() -> None:
    diary: list[str] = []
    app = wrap(an_app(diary), [Diarist("a", diary), Diarist("b", diary)])

    await Server(diary).run(app)

    assert diary == [
        "a: open",
        "b: open",
        "app: start",
        "a: started",
        "b: started",
        "server: startup.complete",
        "app: stop",
        "b: close",
        "a: close",
        "server: shutdown.complete",
    ]


async def test_one_lifespan_can_be_driven_again() -> None:
    diary: list[str] = []
    app = wrap(an_app(diary), [Diarist("a", diary)])

    await Server(diary).run(app)
    first = list(diary)
    await Server(diary).run(app)

    assert diary == first * 2


async def test_the_scope_and_the_apps_messages_pass_untouched() -> None:
    scopes: list[Scope] = []
    complete: Message = {"type": STARTED, "acme": 1}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await receive()
        await send(complete)

    server = Server([])
    await server.run(wrap(app))

    assert scopes[0] is server.scope
    assert server.scope == {"type": "lifespan", "state": {"kept": 1}}
    assert server.sent[0] is complete


async def test_context_variables_that_are_set_at_start_stay_set() -> None:
    where: ContextVar[str] = ContextVar("where", default="nowhere")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        where.set("app")
        await send({"type": STARTED})

    await Server([]).run(wrap(app))

    assert where.get() == "app"


async def test_other_scopes_go_straight_to_the_app() -> None:
    seen: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend([scope, receive, send])

    server = Server([])
    server.scope = {"type": "http"}
    await server.run(wrap(app, [Diarist("a", server.diary)]))

    assert seen == [server.scope, server.receive, server.send]
    assert server.diary == []


async def test_a_shutdown_without_a_start_is_answered() -> None:
    diary: list[str] = []
    server = Server(diary, {"type": "lifespan.unheard-of"}, SHUTDOWN)

    answers = await server.run(wrap(an_app(diary), [Diarist("a", diary)]))

    assert answers == [STOPPED]
    assert diary == ["server: shutdown.complete"]


# Apps without a lifespan, or with a broken one.


async def raises_at_once(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("only http here")


async def returns_at_once(scope: Scope, receive: Receive, send: Send) -> None:
    return None


async def receives_and_returns(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()


async def answers_as_http(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise AssertionError("not reached")


async def receives_and_answers_as_http(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def answers_as_http_whatever_we_raise(scope: Scope, receive: Receive, send: Send) -> None:
    for _ in range(3):
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        except Exception:
            logging.getLogger("app").debug("again")
    try:
        while True:
            await receive()
    except Exception as error:
        raise RuntimeError("something of its own") from error


WITHOUT = [
    raises_at_once,
    returns_at_once,
    receives_and_returns,
    answers_as_http,
    receives_and_answers_as_http,
    answers_as_http_whatever_we_raise,
]


def sentence(function: Callable[..., object]) -> str:
    return function.__name__.replace("_", " ")


@pytest.mark.parametrize("app", WITHOUT, ids=sentence)
async def test_an_app_without_lifespan_is_answered_for(
    app: ASGIApp, caplog: pytest.LogCaptureFixture
) -> None:
    diary: list[str] = []

    answers = await Server(diary).run(wrap(app, [Diarist("a", diary)]))

    assert answers == [STARTED, STOPPED]
    assert diary == [
        "a: open",
        "a: started",
        "server: startup.complete",
        "a: close",
        "server: shutdown.complete",
    ]
    assert errors(caplog) == []


async def test_an_app_that_raises_in_its_start_is_logged_and_goes_on_without(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raise ValueError("no database")

    diary: list[str] = []
    answers = await Server(diary).run(wrap(app, [Diarist("a", diary)]))

    assert answers == [STARTED, STOPPED]
    assert diary[-2:] == ["a: close", "server: shutdown.complete"]
    assert errors(caplog) == ["shop: the app raised in its start-up and goes on without a lifespan"]
    assert "no database" in caplog.text


@pytest.mark.parametrize("then", [None, ValueError("no database")], ids=["and returns", "and raises"])
async def test_an_app_that_reports_a_failed_start_is_believed(
    then: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    diary: list[str] = []
    failed: Message = {"type": BROKEN_START, "message": "no database", "acme": 1}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(failed)
        diary.append("app: clean up")
        if then is not None:
            raise then

    server = Server(diary, STARTUP)
    await server.run(wrap(app, [Diarist("a", diary)]))

    assert server.sent == [failed]
    assert diary == ["a: open", "a: close", "server: startup.failed", "app: clean up"]
    assert errors(caplog) == [], "the server has logged it"


async def test_an_app_that_returns_early_keeps_its_resources_until_shutdown() -> None:
    diary: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": STARTED})
        diary.append("app: return")

    await Server(diary).run(wrap(app, [Diarist("a", diary)]))

    assert diary[-3:] == ["app: return", "a: close", "server: shutdown.complete"]


@pytest.mark.parametrize("asked", [False, True], ids=["while it runs", "in its shutdown"])
async def test_an_app_that_raises_after_its_start_fails_the_shutdown(
    asked: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": STARTED})
        if asked:
            await receive()
        raise ValueError("lost the database")

    diary: list[str] = []
    server = Server(diary)
    answers = await server.run(wrap(app, [Diarist("a", diary)]))

    assert answers == [STARTED, BROKEN_STOP]
    assert (
        server.sent[1]["message"] == "shop: the app raised after its start-up: ValueError: lost the database"
    )
    assert diary[-2:] == ["a: close", "server: shutdown.failed"]
    assert errors(caplog) == ["shop: the app raised after its start-up"]


async def test_an_app_that_raises_while_it_runs_keeps_its_resources_until_shutdown() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": STARTED})
        raise ValueError("lost the database")

    diary: list[str] = []
    server = Server(diary, STARTUP)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.run, wrap(app, [Diarist("a", diary)]))
        await wait_all_tasks_blocked()
        before = list(diary)
        tasks.cancel_scope.cancel()

    assert before == ["a: open", "a: started", "server: startup.complete"], "requests are still being served"
    assert diary[len(before) :] == ["a: close"]


LAST_WORDS = [
    ("reports a failed shutdown", BROKEN_STOP, None, []),
    ("reports a failed shutdown and raises", BROKEN_STOP, ValueError("late"), []),
    ("raises after its shutdown", STOPPED, ValueError("late"), ["shop: the app raised after its start-up"]),
]


@pytest.mark.parametrize(
    ("kind", "then", "logged"), [row[1:] for row in LAST_WORDS], ids=[row[0] for row in LAST_WORDS]
)
async def test_the_apps_last_word_is_the_servers(
    kind: str, then: Exception | None, logged: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    diary: list[str] = []
    last: Message = {"type": kind, "message": "told by the app"}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": STARTED})
        await receive()
        await send(last)
        if then is not None:
            raise then

    server = Server(diary)
    await server.run(wrap(app, [Diarist("a", diary)]))

    assert server.sent[1:] == [last]
    assert diary[-2] == "a: close", "closed before the server hears that it may end the process"
    assert errors(caplog) == logged


async def test_an_app_that_never_returns_after_its_shutdown_has_closed_all_the_same() -> None:
    diary: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Server(diary).run, wrap(app, [Diarist("a", diary)]))
        await wait_all_tasks_blocked()
        before = list(diary)
        tasks.cancel_scope.cancel()

    assert before[-2:] == ["a: close", "server: shutdown.complete"]
    assert diary == before, "closed once"


async def test_messages_out_of_order_do_not_reach_the_server(caplog: pytest.LogCaptureFixture) -> None:
    diary: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": STOPPED})
        await send({"type": STARTED})
        await send({"type": STARTED})
        await send({"type": BROKEN_START})
        await send({"type": STOPPED})
        await send({"type": "http.response.start"})
        await receive()
        await receive()
        diary.append("app: asked to stop")
        await send({"type": STOPPED})
        await send({"type": BROKEN_STOP})

    await Server(diary).run(wrap(app))

    assert diary == ["server: startup.complete", "app: asked to stop", "server: shutdown.complete"]
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 6


# Resources that misbehave.


async def test_a_resource_that_does_not_open_fails_the_start_by_name() -> None:
    diary: list[str] = []
    resources = [Diarist("a", diary), Diarist("b", diary, opening=explode), Diarist("c", diary)]

    server = Server(diary)
    await server.run(wrap(an_app(diary), resources))

    assert diary == ["a: open", "b: open", "a: close", "server: startup.failed"]
    assert server.sent == [
        {"type": BROKEN_START, "message": "shop: opening b failed: OSError: no route to host"},
    ]


async def test_a_resource_without_a_name_is_called_by_its_class() -> None:
    class Pool:
        async def open(self) -> None:
            raise OSError("gone")

        def started(self) -> None: ...

        async def aclose(self) -> None: ...

    server = Server([])
    await server.run(wrap(returns_at_once, [Pool()]))

    assert "Pool failed: OSError: gone" in server.sent[0]["message"]


async def test_a_resource_that_does_not_close_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    diary: list[str] = []
    resources = [
        Diarist("a", diary),
        Diarist("b", diary, closing=explode),
        Diarist("c", diary, closing=hang),
    ]

    answers = await Server(diary).run(wrap(an_app(diary), resources, close_timeout=0.01))

    assert answers == [STARTED, STOPPED]
    assert diary[-4:-1] == ["c: close", "b: close", "a: close"]
    assert errors(caplog) == ["shop: closing c took longer than 0.01 seconds", "shop: closing b failed"]


async def test_a_resource_that_fails_to_hear_of_the_start_does_not_stop_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Deaf(Diarist):
        def started(self) -> None:
            raise ValueError("what?")

    diary: list[str] = []

    answers = await Server(diary).run(wrap(an_app(diary), [Deaf("a", diary), Diarist("b", diary)]))

    assert answers == [STARTED, STOPPED]
    assert "b: started" in diary
    assert errors(caplog) == ["shop: started() of a failed"]


# Too long.


async def never_answers(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await anyio.sleep_forever()


async def waits_for_another_protocol(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def raises_when_cancelled(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    try:
        await anyio.sleep_forever()
    except BaseException:
        raise ValueError("interrupted") from None


async def reports_when_cancelled(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    try:
        await anyio.sleep_forever()
    except BaseException:
        await send({"type": BROKEN_START, "message": "a traceback of the cancellation"})
        raise


async def completes_when_cancelled(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    with anyio.CancelScope() as scope_of_app:
        try:
            await anyio.sleep_forever()
        finally:
            scope_of_app.shield = True
            await send({"type": STARTED})


async def fails_in_a_child_when_cancelled(scope: Scope, receive: Receive, send: Send) -> None:
    async def child() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise ValueError("interrupted")

    await receive()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(child)
        await anyio.sleep_forever()


HANGING = [
    never_answers,
    waits_for_another_protocol,
    raises_when_cancelled,
    reports_when_cancelled,
    completes_when_cancelled,
    fails_in_a_child_when_cancelled,
]


@pytest.mark.parametrize("app", HANGING, ids=sentence)
async def test_an_app_that_hangs_in_its_start_fails_by_name(
    app: ASGIApp, caplog: pytest.LogCaptureFixture
) -> None:
    diary: list[str] = []
    server = Server(diary, STARTUP)

    await server.run(wrap(app, [Diarist("a", diary)], startup_timeout=0.01))

    assert server.sent == [
        {
            "type": BROKEN_START,
            "message": "shop: the app's start-up took longer than 0.01 seconds (startup_timeout)",
        }
    ]
    assert diary == ["a: open", "a: close", "server: startup.failed"]
    assert errors(caplog) == []


async def open_badly() -> None:
    try:
        await anyio.sleep_forever()
    except BaseException:
        raise OSError("interrupted") from None


@pytest.mark.parametrize("opening", [hang, open_badly], ids=sentence)
async def test_a_resource_that_hangs_while_it_opens_fails_the_start_by_name(
    opening: Callable[[], Awaitable[None]],
) -> None:
    diary: list[str] = []
    server = Server(diary)

    await server.run(
        wrap(an_app(diary), [Diarist("a", diary), Diarist("b", diary, opening=opening)], startup_timeout=0.01)
    )

    assert [message["message"] for message in server.sent] == [
        "shop: opening b took longer than 0.01 seconds (startup_timeout)"
    ]
    assert diary == ["a: open", "b: open", "a: close", "server: startup.failed"]


def test_the_deadline_is_one_for_resources_and_app_and_ends_with_the_start() -> None:
    async def slow_open() -> None:
        await trio.sleep(6)

    def slow_app(seconds: float) -> ASGIApp:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await trio.sleep(seconds)
            await send({"type": STARTED})
            await trio.sleep(1000)
            await receive()
            await send({"type": STOPPED})

        return app

    def answers(seconds: float) -> list[str]:
        app = wrap(slow_app(seconds), [Diarist("a", [], opening=slow_open)], startup_timeout=10)
        clock = trio.testing.MockClock(autojump_threshold=0)
        return trio.run(Server([]).run, app, clock=clock)

    assert answers(3.9) == [STARTED, STOPPED]
    assert answers(4.1) == [BROKEN_START]


# The server leaves or fails.


PLACES = ["a resource opens", "the app starts", "the app runs", "a resource closes"]


@pytest.mark.parametrize("place", PLACES)
async def test_a_server_that_cancels_us_still_finds_everything_closed_once(place: str) -> None:
    diary: list[str] = []
    last = Diarist("c", diary)
    if place == "a resource opens":
        last = Diarist("c", diary, opening=hang)
    if place == "a resource closes":
        last = Diarist("c", diary, closing=hang)
    app = never_answers if place == "the app starts" else an_app(diary)
    script = [STARTUP, SHUTDOWN] if place == "a resource closes" else [STARTUP]
    resources = [Diarist("a", diary), Diarist("b", diary, closing=explode), last]

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Server(diary, *script).run, wrap(app, resources, close_timeout=0.01))
        await wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    closed = [line for line in diary if line.endswith("close")]
    expected = ["c: close", "b: close", "a: close"]
    assert closed == (expected[1:] if place == "a resource opens" else expected)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(
    "app", [an_app([]), returns_at_once], ids=["that stops by itself", "without lifespan"]
)
async def test_asyncios_own_cancellation_in_a_close_does_not_keep_the_others_open(app: ASGIApp) -> None:
    diary: list[str] = []
    resources = [Diarist("a", diary), Diarist("b", diary, closing=hang)]
    running = asyncio.ensure_future(Server(diary).run(wrap(app, resources)))
    await wait_all_tasks_blocked()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert diary[-2:] == ["b: close", "a: close"]


class FailingServer(Server):
    """A server whose ``send`` raises for one kind of message, as hypercorn's does."""

    def __init__(self, diary: list[str], kind: str) -> None:
        super().__init__(diary)
        self.kind = kind

    async def send(self, message: Message) -> None:
        await super().send(message)
        if message["type"] == self.kind:
            raise ConnectionError("the server gives up")


async def reports_a_failed_start(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": BROKEN_START, "message": "no database"})


async def swallows_everything(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    with suppress(ConnectionError):
        await send({"type": BROKEN_START, "message": "no database"})


async def swallows_receive(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": STARTED})
    with suppress(ConnectionError):
        await receive()


FAILING: list[tuple[str, ASGIApp, str]] = [
    ("on a failed start", reports_a_failed_start, BROKEN_START),
    ("behind the back of the app", swallows_everything, BROKEN_START),
    ("on a start that we answer", returns_at_once, STARTED),
    ("on a shutdown that we answer", returns_at_once, STOPPED),
    ("on the app's own start", an_app([]), STARTED),
    ("on the app's own shutdown", an_app([]), STOPPED),
]


@pytest.mark.parametrize(("app", "kind"), [row[1:] for row in FAILING], ids=[row[0] for row in FAILING])
async def test_what_the_server_raises_comes_back_to_the_server(
    app: ASGIApp, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    diary: list[str] = []

    with pytest.raises(ConnectionError, match="gives up"):
        await FailingServer(diary, kind).run(wrap(app, [Diarist("a", diary)]))

    assert diary.count("a: close") == 1
    assert errors(caplog) == []


class SilentServer(Server):
    """A server that loses its wits while it is waited for."""

    async def receive(self) -> Message:
        message = await super().receive()
        if message == SHUTDOWN:
            raise ConnectionError("the server gives up")
        return message


@pytest.mark.parametrize("app", [an_app([]), returns_at_once, swallows_receive], ids=sentence)
async def test_what_the_servers_receive_raises_comes_back_to_the_server(
    app: ASGIApp, caplog: pytest.LogCaptureFixture
) -> None:
    diary: list[str] = []

    with pytest.raises(ConnectionError, match="gives up"):
        await SilentServer(diary).run(wrap(app, [Diarist("a", diary)]))

    assert diary[-1] == "a: close"
    assert errors(caplog) == []


async def test_a_server_that_gives_up_at_the_deadline_is_not_told_twice() -> None:
    class SlowServer(Server):
        async def send(self, message: Message) -> None:
            await super().send(message)
            try:
                await anyio.sleep_forever()
            finally:
                raise ConnectionError("the server gives up")

    diary: list[str] = []

    with pytest.raises(ConnectionError, match="gives up"):
        await SlowServer(diary).run(wrap(reports_a_failed_start, startup_timeout=0.01))

    assert diary == ["server: startup.failed"]


async def test_an_exception_that_is_no_error_passes_and_closes() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raise KeyboardInterrupt

    diary: list[str] = []

    with pytest.raises(KeyboardInterrupt):
        await Server(diary).run(wrap(app, [Diarist("a", diary)]))

    assert diary == ["a: open", "a: close"]


@pytest.mark.parametrize("broken", [False, True], ids=["that works", "that fails"])
async def test_starlettes_lifespan_runs_inside_ours(broken: bool, caplog: pytest.LogCaptureFixture) -> None:
    diary: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, int]]:
        diary.append("app: start")
        if broken:
            raise ValueError("no database")
        yield {"pool": 2}
        diary.append("app: stop")

    server = Server(diary)
    answers = await server.run(wrap(Starlette(lifespan=lifespan), [Diarist("a", diary)]))

    if broken:
        assert answers == [BROKEN_START]
        assert diary == ["a: open", "app: start", "a: close", "server: startup.failed"]
    else:
        assert answers == [STARTED, STOPPED]
        assert diary[-3:] == ["app: stop", "a: close", "server: shutdown.complete"]
        assert server.scope["state"] == {"kept": 1, "pool": 2}
    assert errors(caplog) == []


STEPS = st.sampled_from(
    ["receive", "raise", "http.response.start", STARTED, BROKEN_START, STOPPED, BROKEN_STOP]
)
WRONGS = st.sets(st.sampled_from(["opening", "closing"]))


def scripted(steps: Sequence[str]) -> ASGIApp:
    """An app that plays its steps, but never waits for a third message: none would come."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        left = 2
        for step in steps:
            if step == "raise":
                raise ValueError(step)
            if step != "receive":
                await send({"type": step})
            elif left:
                left -= 1
                await receive()

    return app


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.lists(STEPS, max_size=7), wrongs=st.lists(WRONGS, max_size=3))
async def test_whatever_the_app_does_the_server_hears_a_legal_story(
    steps: list[str], wrongs: list[set[str]]
) -> None:
    diary: list[str] = []
    resources = [Diarist(str(n), diary, **dict.fromkeys(each, explode)) for n, each in enumerate(wrongs)]

    answers = await Server(diary).run(wrap(scripted(steps), resources))

    assert answers in ([STARTED, STOPPED], [STARTED, BROKEN_STOP], [BROKEN_START])
    opened = [
        each.name for each in resources if f"{each.name}: open" in diary and "opening" not in each.wrongs
    ]
    closed = [line.removesuffix(": close") for line in diary if line.endswith(": close")]
    assert closed == opened[::-1]
    assert diary[-1].startswith("server: "), "the last word comes when all is closed"
