"""A refusal while the content still comes: what is sent, what is thrown away, when the connection ends."""

from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from asgi_patterns.kernel.body import Body
from asgi_patterns.kernel.problems import Problem
from asgi_patterns.kernel.refusing import Drain, refuse
from asgi_patterns.kernel.types import Message

pytestmark = pytest.mark.anyio

CLOSE = (b"connection", b"close")
ENOUGH = Drain(10, 1)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Time that passes when all wait, and no other."""
    return "trio", {"clock": MockClock(autojump_threshold=0)}


class Sender:
    """A client that has ``chunks`` to send; after the last of them it is silent, or done."""

    def __init__(self, *chunks: int, done: bool = True, version: str = "1.1", expect: str = "") -> None:
        self.asked = 0
        self.sent: list[Message] = []
        self._chunks = [*chunks]
        self._done = done
        headers = [(b"expect", expect.encode())] if expect else []
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "headers": headers,
            "http_version": version,
        }

    async def receive(self) -> Message:
        self.asked += 1
        if not self._chunks:
            await anyio.sleep_forever()
        chunk = self._chunks.pop(0)
        return {
            "type": "http.request",
            "body": b"x" * chunk,
            "more_body": bool(self._chunks) or not self._done,
        }

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def refused(self, rest: int | None, *, read: int = 0) -> None:
        body = Body.of(self.receive)
        for _ in range(read):
            await body()
        self.asked = 0
        await refuse(Problem(413), self.scope, body, self.send, ENOUGH, rest)


WAYS: list[tuple[str, Sender, int | None, int, int, bool]] = [
    # what comes                                                      rest  read  taken  closes
    ("nothing is announced, so nothing is taken", Sender(), 0, 0, 0, False),
    ("what is announced is within the bound, and taken", Sender(5, 5), 10, 0, 2, False),
    ("one byte more closes, though it is taken", Sender(5, 6), 11, 0, 2, True),
    ("what is beyond the bound is left", Sender(6, 6, 6), 18, 0, 2, True),
    ("chunks may go on for ever, so the connection closes", Sender(5, 1), None, 0, 2, True),
    ("a body that is whole leaves the connection as it is", Sender(5), None, 1, 0, False),
    ("who waits for a 100 is not asked for anything", Sender(5, expect="100-continue"), 5, 0, 0, True),
    ("who was given a 100 is drained", Sender(5, 5, expect="100-continue"), 5, 1, 1, False),
    ("another expectation means nothing", Sender(5, expect="200-ok"), 5, 0, 1, False),
    ("a second stream of HTTP/2 is not closed with the first", Sender(6, 6, version="2"), None, 0, 2, False),
    ("nor of HTTP/3", Sender(6, 6, version="3"), None, 0, 2, False),
    ("on HTTP/1.0 it closes", Sender(6, 6, version="1.0"), None, 0, 2, True),
]


@pytest.mark.parametrize(
    ("sender", "rest", "read", "taken", "closes"), [row[1:] for row in WAYS], ids=[row[0] for row in WAYS]
)
async def test_what_is_taken(sender: Sender, rest: int | None, read: int, taken: int, closes: bool) -> None:
    await sender.refused(rest, read=read)

    assert sender.asked == taken
    assert (CLOSE in sender.sent[0]["headers"]) is closes


async def test_the_answer_is_whole_before_anything_is_thrown_away() -> None:
    sender = Sender(done=False)
    body = Body.of(sender.receive)

    async with anyio.create_task_group() as group:
        group.start_soon(refuse, Problem(413), sender.scope, body, sender.send, ENOUGH, 5)
        await anyio.sleep(0.5)
        before = [*sender.sent]

    length = dict(before[0]["headers"])[b"content-length"]
    assert len(before) == 2
    assert len(before[1]["body"]) == int(length)
    assert before[1]["more_body"]
    assert sender.sent[2] == {"type": "http.response.body", "body": b"", "more_body": False}


async def test_who_is_silent_is_waited_for_no_longer_than_allowed() -> None:
    sender = Sender(5, done=False)
    start = anyio.current_time()

    await sender.refused(8)

    assert anyio.current_time() - start == pytest.approx(1)


async def test_who_leaves_is_not_waited_for() -> None:
    sender = Sender()

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    start = anyio.current_time()
    await refuse(Problem(413), sender.scope, Body.of(receive), sender.send, ENOUGH, None)

    assert anyio.current_time() == start


async def test_a_reader_that_is_still_waiting_is_not_disturbed() -> None:
    """The server's ``receive`` is never called twice at a time."""
    running: list[int] = []
    chunks: Sequence[int] = [4, 4, 4]
    left = [*chunks]

    async def receive() -> Message:
        running.append(1)
        assert len(running) == 1
        await anyio.sleep(0.1)
        running.pop()
        left.pop(0)
        return {"type": "http.request", "body": b"xxxx", "more_body": bool(left)}

    sender = Sender()
    body = Body.of(receive)
    async with anyio.create_task_group() as group:
        group.start_soon(body.wait_disconnect, 1)
        await anyio.sleep(0.05)
        await refuse(Problem(413), sender.scope, body, sender.send, Drain(100, 9), 12)
        assert body.received == 12
        group.cancel_scope.cancel()
