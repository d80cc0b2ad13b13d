"""Requests in slow motion."""

import anyio
import pytest

from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.testing import (
    Client,
    Crash,
    ProtocolViolation,
    chunk,
    echo,
    head,
    hello,
    scripted,
    unusual,
)

pytestmark = pytest.mark.anyio


async def test_each_send_waits_until_its_message_is_taken() -> None:
    reached: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append("called")
        await send(head())
        reached.append("head")
        await send(chunk(b"a"))
        reached.append("a")
        await send(chunk(b"b", more=False))
        reached.append("b")

    async with Client(app).stream("GET", "/") as stream:
        await anyio.wait_all_tasks_blocked()
        before_head = list(reached)
        await stream.head()
        await anyio.wait_all_tasks_blocked()
        after_head = list(reached)
        piece = await stream.next_chunk()
        await anyio.wait_all_tasks_blocked()
        after_piece = list(reached)
        rest = [await stream.next_chunk(), await stream.next_chunk()]

    assert before_head == ["called"]
    assert after_head == ["called", "head"]
    assert (piece, after_piece) == (b"a", ["called", "head", "a"])
    assert rest == [b"b", None]
    assert reached == ["called", "head", "a", "b"]


async def test_two_requests_are_interleaved_step_by_step() -> None:
    client = Client(echo)

    async with (
        client.stream("POST", "/", keep_open=True) as first,
        client.stream("POST", "/", keep_open=True) as second,
    ):
        await first.head()
        second.feed(b"2a")
        second_piece = await second.next_chunk()
        first.feed(b"1a")
        first_piece = await first.next_chunk()
        second.feed(b"", more=False)
        first.feed(b"1b", more=False)
        first_body, second_body = await first.read(), await second.read()

    assert (first_piece, second_piece) == (b"1a", b"2a")
    assert (first_body, second_body) == (b"1a1b", b"2a")


async def test_a_body_that_is_kept_open_begins_with_its_content() -> None:
    async with Client(echo).stream("POST", "/", content=[b"a"], keep_open=True) as stream:
        pieces = [await stream.next_chunk()]
        stream.feed({"type": "http.request", "more_body": True})
        stream.feed({"type": "http.request", "body": b"b"})
        pieces.append(await stream.next_chunk())
        end = await stream.next_chunk()

    assert (pieces, end) == ([b"a", b"b"], None)


async def test_head_is_found_behind_early_hints() -> None:
    async with Client(unusual.early_hints).stream("GET", "/") as stream:
        answer = await stream.head()
        again = await stream.head()

    assert answer.status == 200
    assert again is answer is stream.answer
    assert [message["type"] for message in answer.messages] == ["http.response.early_hint"] * 2 + [
        "http.response.start"
    ]


async def test_next_message_gives_every_kind() -> None:
    async with Client(unusual.unknown_types).stream("GET", "/") as stream:
        kinds = []
        while (message := await stream.next_message()) is not None:
            kinds.append(message["type"].rpartition(".")[2])

    assert kinds == ["informational", "note", "start", "body", "note", "body"]


async def test_a_client_that_leaves_before_the_head_stops_the_app() -> None:
    outcome: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        outcome.append((await receive())["type"])
        with pytest.raises(OSError, match="the client has left"):
            await send(head())

    async with Client(app).stream("GET", "/") as stream:
        stream.disconnect()

    assert outcome == ["http.disconnect"]
    assert not stream.answer.started


async def test_a_send_that_waits_fails_when_the_client_leaves() -> None:
    failed: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head())
        try:
            await send(chunk(b"never read"))
        except OSError:
            failed.append("send")
            raise

    async with Client(app).stream("GET", "/") as stream:
        await stream.head()
        await anyio.wait_all_tasks_blocked()
        stream.disconnect()
        after = await stream.next_message()

    assert failed == ["send"]
    assert after is None
    assert stream.answer.body == b""


async def test_leaving_the_block_is_a_client_that_hangs_up() -> None:
    async with Client(unusual.listens).stream("GET", "/") as stream:
        answer = await stream.head()

    assert not answer.complete
    assert [message["type"] for message in answer.messages] == ["http.response.start"]


async def test_an_answer_is_complete_while_its_app_runs_on() -> None:
    go, ended = anyio.Event(), anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await hello(scope, receive, send)
        await go.wait()
        ended.set()

    async with Client(app).stream("GET", "/") as stream:
        body = await stream.read()
        await anyio.wait_all_tasks_blocked()
        running = not ended.is_set()
        go.set()
        answer = await stream.ended()

    assert (body, running) == (b"hello", True)
    assert answer.complete
    assert ended.is_set()


async def test_receive_waits_for_the_end_of_the_answer() -> None:
    given: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def listen() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            given.append("http.disconnect")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            await unusual.late_end(scope, receive, send)

    async with Client(app).stream("GET", "/") as stream:
        await stream.next_chunk()
        await anyio.wait_all_tasks_blocked()
        before = list(given)
        await stream.read()
        await anyio.wait_all_tasks_blocked()

    assert before == []
    assert given == ["http.disconnect"]


async def test_what_the_app_raises_comes_out_of_the_step_that_meets_it() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head())
        raise Crash("half way")

    async with Client(app).stream("GET", "/") as stream:
        await stream.head()
        with pytest.raises(Crash, match="half way"):
            await stream.next_chunk()

    assert isinstance(stream.answer.exception, Crash)


async def test_what_the_app_raises_is_not_lost_when_no_step_meets_it() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head())
        raise Crash("half way")

    with pytest.raises(Crash, match="half way"):
        async with Client(app).stream("GET", "/") as stream:
            await stream.head()


async def test_a_head_that_never_comes_is_named() -> None:
    async with Client(scripted(), lint=False).stream("GET", "/") as stream:
        with pytest.raises(AssertionError, match="no head"):
            await stream.head()


async def fail_later() -> None:
    await anyio.wait_all_tasks_blocked()
    raise AssertionError("of the test")


async def test_a_failure_of_the_test_comes_out_as_it_is_and_stops_the_app() -> None:
    cancelled: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append(True)

    with pytest.raises(AssertionError, match="of the test"):
        async with Client(app).stream("GET", "/"):
            await fail_later()

    assert cancelled == [True]


async def test_cancelling_the_test_stops_the_app() -> None:
    cancelled: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append(True)

    with anyio.CancelScope() as scope:
        async with Client(app, timeout=None).stream("GET", "/") as stream:
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
            await stream.head()

    assert cancelled == [True]
    assert scope.cancelled_caught


async def test_a_send_that_was_cancelled_does_not_arrive() -> None:
    cancelled = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_later() -> None:
            await send({"type": "example.cancelled while it waits"})

        await send(head())
        with anyio.CancelScope() as inner:
            inner.cancel()
            await send({"type": "example.cancelled"})
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send_later)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        cancelled.set()
        await send(chunk(b"hello", more=False))

    async with Client(app).stream("GET", "/") as stream:
        await stream.head()
        await cancelled.wait()
        body = await stream.read()

    assert body == b"hello"
    assert len(stream.answer.messages) == 2


async def test_messages_of_several_tasks_arrive_in_the_order_they_were_sent() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_piece(piece: bytes) -> None:
            await send(chunk(piece))

        await send(head())
        async with anyio.create_task_group() as tasks:
            for piece in (b"a", b"b", b"c"):
                tasks.start_soon(send_piece, piece)
                await anyio.wait_all_tasks_blocked()
        await send(chunk(b"", more=False))

    async with Client(app).stream("GET", "/") as stream:
        await stream.head()
        await anyio.wait_all_tasks_blocked()
        body = await stream.read()

    assert body == b"abc"


async def test_a_violation_is_never_kept_back() -> None:
    async def swallowing(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 99})
        except Exception:
            await hello(scope, receive, send)

    with pytest.raises(ProtocolViolation, match="status 99"):
        await Client(swallowing).get("/", raise_app_exceptions=False)
