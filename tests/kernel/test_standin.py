"""When a problem takes the place of the app's answer."""

import pytest

from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.problems import Problem
from asgi_patterns.kernel.standin import StandIn, comes_from
from asgi_patterns.kernel.types import Message, Receive, Scope, Send
from asgi_patterns.testing.apps import chunk, head

pytestmark = pytest.mark.anyio

SCOPE: Scope = {"type": "http", "method": "POST", "path": "/", "headers": []}


class Found(Exception):
    """What the app is told by."""


class Checked(StandIn):
    """Stands in once something was found."""

    cause = Found
    found = False
    asked = 0

    def due(self) -> Problem | None:
        self.asked += 1
        return Problem(422) if self.found else None


async def nothing() -> Message:
    return {"type": "http.request"}


class Line:
    """What is sent, and the one who stands in."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.standin = Checked(SCOPE, nothing, self.send)

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def statuses(self) -> list[int]:
        return [message["status"] for message in self.sent if "status" in message]


async def test_an_answer_that_is_right_passes_as_it_is() -> None:
    line = Line()
    messages = [head(200, (b"x-a", b"1")), chunk(b"a"), chunk(b"b", more=False)]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    await line.standin.run(app)

    assert line.sent == messages
    assert line.sent[0] is messages[0]


async def test_what_comes_before_a_head_passes_and_decides_nothing() -> None:
    line = Line()
    hint: Message = {"type": "http.response.early_hint", "links": []}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(hint)
        line.standin.found = True
        await send(head(200))
        await send(chunk(b"a", more=False))

    await line.standin.run(app)

    assert line.sent[0] == hint
    assert line.statuses == [422]


async def test_what_is_found_after_the_head_comes_too_late() -> None:
    line = Line()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head(200))
        line.standin.found = True
        raise Found

    with pytest.raises(Found):
        await line.standin.run(app)

    assert line.statuses == [200]


async def test_an_app_that_ends_without_an_answer_is_answered_for_only_if_due() -> None:
    line = Line()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        return

    await line.standin.run(app)

    assert line.sent == []


async def test_another_exception_is_heard_after_the_answer() -> None:
    line = Line()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        line.standin.found = True
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await line.standin.run(app)

    assert line.statuses == [422]


async def test_an_exception_of_an_app_that_was_right_is_heard() -> None:
    line = Line()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise Found

    with pytest.raises(Found):
        await line.standin.run(app)

    assert line.sent == []


async def test_a_problem_that_cannot_be_sent_is_tried_once() -> None:
    tries: list[Message] = []

    async def gone(message: Message) -> None:
        tries.append(message)
        raise OSError("the client has left")

    standin = Checked(SCOPE, nothing, gone)
    standin.found = True

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head(200))

    with pytest.raises(OSError, match="has left"):
        await standin.run(app)

    assert len(tries) == 1


async def test_links_on_either_side_see_what_is_theirs() -> None:
    line = Line()
    outer: list[int] = []
    inner: list[int] = []

    def outer_hook(message: Message) -> None:
        outer.append(message["status"])

    def inner_hook(message: Message) -> None:
        inner.append(message["status"])

    standin = Checked(SCOPE, nothing, Link(line.send, outer_hook))
    standin.found = True

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        link = Link(send, inner_hook)
        await link(head(200))
        await link(chunk(b"x", more=False))

    await standin.run(app)

    assert (outer, inner, line.statuses) == ([422], [200], [422])


async def test_each_chunk_of_a_stream_passes_without_a_question() -> None:
    line = Line()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head(200))
        for _ in range(100):
            await send(chunk(b"x"))
        await send(chunk(b"", more=False))

    await line.standin.run(app)

    assert line.standin.asked == 1
    assert len(line.sent) == 102


def raised(error: Exception, because: Exception) -> Exception:
    try:
        raise error from because
    except type(error) as caught:
        return caught


def endless() -> BaseException:
    first, second = KeyError("a"), KeyError("b")
    first.__context__, second.__context__ = second, first
    return first


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        pytest.param(Found(), True, id="itself"),
        pytest.param(KeyError(), False, id="another"),
        pytest.param(raised(KeyError(), Found()), True, id="raised because of it"),
        pytest.param(ExceptionGroup("", [KeyError(), Found()]), True, id="in a group"),
        pytest.param(ExceptionGroup("", [raised(KeyError(), Found())]), True, id="behind one in a group"),
        pytest.param(endless(), False, id="a chain without an end"),
    ],
)
def test_where_an_exception_comes_from(error: BaseException, is_it: bool) -> None:
    assert comes_from(error, Found) is is_it
