"""Start-up and shutdown."""

from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.testing import (
    Client,
    Crash,
    LifespanFailed,
    ProtocolViolation,
    chunk,
    head,
    hello,
    scripted,
)

pytestmark = pytest.mark.anyio


class Living:
    """An app that answers its lifespan with the given messages and keeps what happens."""

    def __init__(self, *answers: str, crash: bool = False) -> None:
        self.events: list[str] = []
        self._answers: Sequence[str] = answers or ("startup.complete", "shutdown.complete")
        self._crash = crash

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            self.events.append(f"request with {scope['state']}")
            return await hello(scope, receive, send)
        for answer in self._answers:
            message = await receive()
            self.events.append(message["type"])
            scope["state"]["pool"] = "open"
            await send({"type": f"lifespan.{answer}", "message": "no database"})
            if self._crash:
                raise Crash("no database")
        return None


async def test_an_app_is_started_served_and_stopped() -> None:
    app = Living()

    async with Client(app, state={"given": 1}) as client:
        await client.get("/")
        lifespan = client.lifespan

    assert app.events == [
        "lifespan.startup",
        "request with {'given': 1, 'pool': 'open'}",
        "lifespan.shutdown",
    ]
    assert lifespan is not None
    assert (lifespan.supported, lifespan.state) == (True, {"given": 1, "pool": "open"})
    assert client.lifespan is None


async def test_without_async_with_there_is_no_lifespan() -> None:
    app = Living()

    await Client(app).get("/")

    assert app.events == ["request with {}"]


async def test_a_client_can_be_entered_again() -> None:
    app = Living()
    client = Client(app)

    for _ in range(2):
        async with client:
            pass

    assert app.events == ["lifespan.startup", "lifespan.shutdown"] * 2


async def test_requests_share_what_is_in_the_state_but_not_the_state() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["state"]["mine"] = 1
        await hello(scope, receive, send)

    async with Client(app) as client:
        await client.get("/")
        state = client.lifespan and client.lifespan.state

    assert state == {}


async def test_a_failed_start_is_named() -> None:
    with pytest.raises(LifespanFailed, match="startup failed: no database"):
        async with Client(Living("startup.failed")):
            raise AssertionError("the block must not run")


async def test_a_failed_start_that_also_raises_has_its_cause() -> None:
    with pytest.raises(LifespanFailed, match="startup failed: no database") as raised:
        async with Client(Living("startup.failed", crash=True)):
            raise AssertionError("the block must not run")

    assert isinstance(raised.value.__cause__, Crash)


async def test_a_failed_stop_is_named() -> None:
    with pytest.raises(LifespanFailed, match="shutdown failed: no database"):
        async with Client(Living("startup.complete", "shutdown.failed")):
            pass


async def test_an_app_is_stopped_after_a_failure_of_the_test() -> None:
    app = Living()

    with pytest.raises(AssertionError, match="of the test"):
        async with Client(app):
            raise AssertionError("of the test")

    assert app.events == ["lifespan.startup", "lifespan.shutdown"]


async def raises_at_once(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        raise Crash("http only")
    await hello(scope, receive, send)


async def raises_later(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await receive()
        raise Crash("http only")
    await hello(scope, receive, send)


async def returns(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "lifespan":
        await hello(scope, receive, send)


async def answers_http(scope: Scope, receive: Receive, send: Send) -> None:
    await send(head())
    await send(chunk(b"hello", more=False))


WITHOUT_LIFESPAN: list[tuple[str, ASGIApp, type[BaseException] | None]] = [
    ("raises at once", raises_at_once, Crash),
    ("raises when it is given the start", raises_later, Crash),
    ("returns", returns, None),
    ("answers with HTTP", answers_http, RuntimeError),
]


@pytest.mark.parametrize("lint", [True, False])
@pytest.mark.parametrize(
    ("app", "kind"), [row[1:] for row in WITHOUT_LIFESPAN], ids=[row[0] for row in WITHOUT_LIFESPAN]
)
async def test_an_app_without_lifespan_is_served(app: ASGIApp, kind: Any, lint: bool) -> None:
    async with Client(app, lint=lint) as client:
        answer = await client.get("/")
        lifespan = client.lifespan

    assert answer.body == b"hello"
    assert lifespan is not None
    assert not lifespan.supported
    assert (None if lifespan.exception is None else type(lifespan.exception)) == kind


async def test_an_app_that_never_answers_is_named() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep_forever()

    with pytest.raises(TimeoutError, match="the app sent nothing within"):
        async with Client(app, timeout=0.01):
            raise AssertionError("the block must not run")


async def test_what_the_app_raises_when_it_stops_reaches_the_test() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise Crash("while stopping")

    with pytest.raises(Crash, match="while stopping"):
        async with Client(app):
            pass


async def test_a_violation_is_not_taken_for_a_missing_lifespan() -> None:
    with pytest.raises(ProtocolViolation, match=r"lifespan\.startup\.done is no lifespan message"):
        async with Client(Living("startup.done")):
            raise AssertionError("the block must not run")


async def test_scripted_apps_live() -> None:
    async with Client(scripted(head(), chunk(b"a", more=False))) as client:
        answer = await client.get("/")

    assert answer.body == b"a"
