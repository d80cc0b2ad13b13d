"""How much of the total the app had, and how much our layers, for who asks for that."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, final

import anyio
import pytest

from asgi_patterns import ConditionalRequests, Pipeline, Problems, RateLimit, ServerTiming
from asgi_patterns.kernel.dotted import Dotted
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.testing import Client, Clock, Crash, chunk, head, hello

pytestmark = pytest.mark.anyio


@final
@settings
class Slow(Layer):
    """Takes its time before the app, and with its head."""

    place: ClassVar[Place] = Place.RATE_LIMIT

    take: Annotated[Callable[[float], object], Dotted]

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            def on_head(message: Message) -> None:
                self.take(0.002)

            self.take(0.001)
            await app(scope, receive, Link(send, on_head))

        return slow


def works(clock: Clock) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        clock.advance(0.01)
        await send(head())
        clock.advance(0.05)
        await send(chunk(b"ab", more=False))

    return app


def raises(clock: Clock) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        clock.advance(0.01)
        raise Crash

    return app


def told(clock: Clock, **options: Any) -> ServerTiming:
    return ServerTiming(allow="always", clock=clock, **options)


ASKED: list[tuple[str, dict[str, Any], Callable[[Clock], ASGIApp], str]] = [
    ("nobody asks", {}, works, "total;dur=13"),
    ("both are told", {"layers": True}, works, "total;dur=13, app;dur=10, layers;dur=3"),
    ("without a total", {"layers": True, "total": False}, works, "app;dur=10, layers;dur=3"),
    (
        "the app raises",
        {"layers": True},
        raises,
        'total;dur=11, app;dur=10, layers;dur=1, answered_by;desc="problems"',
    ),
]


@pytest.mark.parametrize(
    ("options", "make", "expected"), [row[1:] for row in ASKED], ids=[row[0] for row in ASKED]
)
async def test_what_is_told(options: dict[str, Any], make: Callable[[Clock], ASGIApp], expected: str) -> None:
    clock = Clock(0)
    layers = Pipeline(told(clock, **options), Problems(), Slow(take=clock.advance))

    answer = await Client(layers(make(clock))).get("/", raise_app_exceptions=False)

    assert answer.header("server-timing") == expected


async def test_where_the_app_is_not_asked_all_of_it_is_the_layers() -> None:
    clock = Clock(0)
    layers = (told(clock, layers=True), Slow(take=clock.advance), RateLimit(quotas=["1/hour"]))
    client = Client(Pipeline(*layers)(hello))

    await client.get("/")
    refused = await client.get("/")

    assert refused.status == 429
    assert "total;dur=3, layers;dur=3, answered_by" in (refused.header("server-timing") or "")


async def test_a_held_answer_is_the_layers() -> None:
    clock = Clock(0)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        clock.advance(0.01)
        await send(head(200, (b"content-length", b"2")))
        clock.advance(0.05)
        await send(chunk(b"ab", more=False))

    answer = await Client(Pipeline(told(clock, layers=True), ConditionalRequests())(app)).get("/")

    assert answer.header("server-timing") == "total;dur=60, app;dur=10, layers;dur=50"


async def test_the_layer_alone_tells_it_too() -> None:
    clock = Clock(0)

    answer = await Client(told(clock, layers=True)(works(clock))).get("/")

    assert answer.header("server-timing") == "total;dur=10, app;dur=10, layers;dur=0"


async def test_nothing_stands_in_front_of_the_app_for_who_does_not_ask() -> None:
    assert ServerTiming(allow="always").innermost(hello) is hello
    assert ServerTiming(layers=True).innermost(hello) is hello  # nobody may see it
    assert ServerTiming(layers=True, allow="always").innermost(hello) is not hello


async def test_what_is_left_out_is_not_timed() -> None:
    clock = Clock(0)
    layer = told(clock, layers=True, exclude=["/quiet"])
    client = Client(Pipeline(layer)(works(clock)))

    assert (await client.get("/quiet")).header("server-timing") is None
    assert (await client.get("/")).header("server-timing") == "total;dur=10, app;dur=10, layers;dur=0"


async def test_a_disabled_layer_puts_nothing_there() -> None:
    seen: list[Send] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            seen.append(send)
        await hello(scope, receive, send)

    await Client(Pipeline(ServerTiming(layers=True, allow="always", enabled=False))(app), lint=False).get("/")
    await Client(ServerTiming(layers=True, allow="always", enabled=False)(app), lint=False).get("/")

    assert not [send for send in seen if isinstance(send, Link)]


async def test_two_interleaved_requests_have_their_own_times() -> None:
    clock = Clock(0)
    second = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/first":
            await second.wait()
            clock.advance(0.002)
        else:
            clock.advance(0.001)
        await hello(scope, receive, send)
        second.set()

    client = Client(Pipeline(told(clock, layers=True))(app), lint=False)
    found: dict[str, str | None] = {}

    async def ask(path: str) -> None:
        found[path] = (await client.get(path)).header("server-timing")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "/first")
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(ask, "/second")

    assert found == {
        "/first": "total;dur=3, app;dur=3, layers;dur=0",
        "/second": "total;dur=1, app;dur=1, layers;dur=0",
    }
