"""Clients that leave, apps that do not end, and the context that they run in."""

from contextvars import ContextVar

import pytest

from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.testing import (
    Client,
    ClientLeft,
    Crash,
    chunk,
    head,
    hello,
    read_body,
    unusual,
)

pytestmark = pytest.mark.anyio

DEPARTURES = [
    ("before the head", 0, []),
    ("after the head", 1, ["http.response.start"]),
    ("after a chunk", 2, ["http.response.start", "http.response.body"]),
    ("after the answer", 9, ["http.response.start", *["http.response.body"] * 3]),
]


@pytest.mark.parametrize("spec_version", ["2.3", "2.4"])
@pytest.mark.parametrize(
    ("after", "taken"), [row[1:] for row in DEPARTURES], ids=[row[0] for row in DEPARTURES]
)
async def test_a_client_may_leave(after: int, taken: list[str], spec_version: str) -> None:
    outcome: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await unusual.late_end(scope, receive, send)
            outcome.append("sent")
        except OSError:
            outcome.append("refused")
            raise
        finally:
            outcome.append((await receive())["type"])

    answer = await Client(app, spec_version=spec_version).get("/", leave_after=after)

    refused = spec_version == "2.4" and after < 3
    assert [message["type"] for message in answer.messages] == taken[: len(answer.messages)]
    assert len(answer.messages) == min(after, 3)
    assert outcome == ["refused" if refused else "sent", "http.disconnect"]
    assert isinstance(answer.exception, ClientLeft) == refused


async def test_a_minimal_server_ignores_what_is_sent_to_a_client_that_left() -> None:
    answer = await Client(hello, minimal=True).get("/", leave_after=0)

    assert (answer.exception, answer.messages) == (None, [])


async def test_an_error_because_the_client_left_is_no_failure_in_a_group_either() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await hello(scope, receive, send)
        except OSError as raised:
            raise ExceptionGroup("children", [raised]) from None

    answer = await Client(app).get("/", leave_after=0)

    assert isinstance(answer.exception, ExceptionGroup)


async def test_another_error_after_the_client_left_is_a_failure() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await hello(scope, receive, send)
        except OSError:
            raise Crash("in the clean-up") from None

    with pytest.raises(Crash, match="in the clean-up"):
        await Client(app).get("/", leave_after=0)


async def test_the_body_is_not_given_after_the_client_left() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)

    answer = await Client(app).post("/", content=b"hello", leave_after=0)

    assert isinstance(answer.exception, ClientLeft)


async def test_an_app_that_never_answers_is_named() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            await receive()

    with pytest.raises(TimeoutError, match=r"the app sent nothing within 0\.01 s"):
        await Client(app, timeout=0.01).get("/")


async def test_an_app_that_does_not_end_when_its_client_leaves_is_named() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            await send({"type": "example.tick"})

    with pytest.raises(TimeoutError, match="did not end within"):
        await Client(app, timeout=0.01, spec_version="2.3").get("/", leave_after=1)


VARIABLE: ContextVar[str] = ContextVar("VARIABLE")


async def test_context_goes_in_and_does_not_come_out() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        value = VARIABLE.get()
        VARIABLE.set("of the app")
        await send(head())
        await send(chunk(value.encode(), more=False))

    VARIABLE.set("of the test")

    answer = await Client(app).get("/")

    assert answer.text == "of the test"
    assert VARIABLE.get() == "of the test"
