"""Looks at a head, sentence by sentence. What random stacks of them do is compared in the differential test."""

from collections.abc import Callable

import pytest

from asgi_patterns.kernel.headers import short_length
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.look import Editing, Holding
from asgi_patterns.kernel.types import Message, RawHeaders, Send

pytestmark = pytest.mark.anyio

SHORT: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]}
STREAM: Message = {"type": "http.response.start", "status": 200, "headers": []}
HELLO: Message = {"type": "http.response.body", "body": b"hello"}
MARK = (b"x-mark", b"1")


class Server:
    """Takes what arrives at the outside."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        self.sent.append(message)


class Marking(Holding):
    """Marks short answers."""

    sink: Send | None = None

    def __init__(self, send: Send) -> None:
        self.outer = self.onward = send
        self.out = self.head = None

    def expect(self, head: Message, headers: RawHeaders) -> int | None:
        if self.sink is not None:
            self.takes_over(self.sink)
        return short_length(headers, 10)

    async def decide(self, head: Message, whole: Message) -> None:
        head["headers"].append(MARK)
        await self.outer(head)
        await self.outer(whole)


class Copying(Editing):
    """Sends a marked copy of each head."""

    def edit(self, head: Message) -> Message:
        return {**head, "headers": [*head["headers"], MARK]}


async def test_the_head_of_a_short_answer_waits_for_its_body() -> None:
    server = Server()
    marking = Marking(server.send)

    await marking.send(SHORT)
    before = [*server.sent]
    await marking.send(HELLO)

    assert before == []
    assert server.sent == [{**SHORT, "headers": [*SHORT["headers"], MARK]}, HELLO]


async def test_an_answer_is_decided_on_once() -> None:
    server = Server()
    marking = Marking(server.send)

    for message in (SHORT, HELLO, HELLO):
        await marking.send(message)

    assert [message["type"] for message in server.sent] == [SHORT["type"], HELLO["type"], HELLO["type"]]


@pytest.mark.parametrize(
    "reuse",
    [
        pytest.param(lambda head: head.update(status=500), id="the head"),
        pytest.param(lambda head: head["headers"].clear(), id="the list of its fields"),
    ],
)
async def test_an_app_may_use_again_what_it_has_sent(reuse: Callable[[Message], None]) -> None:
    server = Server()
    marking = Marking(server.send)
    head = {**SHORT, "headers": [*SHORT["headers"]]}

    await marking.send(head)
    reuse(head)
    await marking.send(HELLO)

    assert server.sent[0] == {**SHORT, "headers": [*SHORT["headers"], MARK]}


async def test_messages_before_the_head_pass() -> None:
    server = Server()
    hint: Message = {"type": "http.response.early_hint", "links": []}
    marking = Marking(server.send)

    for message in (hint, SHORT, HELLO):
        await marking.send(message)

    assert server.sent == [hint, {**SHORT, "headers": [*SHORT["headers"], MARK]}, HELLO]


@pytest.mark.parametrize("before", [True, False], ids=["before the head", "as it goes by"])
async def test_what_takes_over_gets_the_head_and_all_that_follows(before: bool) -> None:
    server, taken = Server(), Server()
    marking = Marking(server.send)
    if before:
        marking.takes_over(taken.send)
    else:
        marking.sink = taken.send

    for message in (STREAM, HELLO):
        await marking.send(message)

    assert (taken.sent, server.sent) == ([STREAM, HELLO], [])


LOOKS = [
    pytest.param(Marking, id="a head that is not held"),
    pytest.param(Copying, id="a head that is edited"),
]


@pytest.mark.parametrize("look", LOOKS)
async def test_a_look_steps_aside_with_the_links_around_it(look: type[Marking | Copying]) -> None:
    server = Server()
    outer = Link(Link(server.send, lambda head: None), lambda head: None)
    looking = Marking(outer) if look is Marking else Copying()
    looking.outer, looking.out = outer, None

    await looking.send(STREAM)

    assert looking.out == server.send


async def test_what_takes_over_later_gets_what_is_still_to_come() -> None:
    server, taken = Server(), Server()
    marking = Marking(server.send)

    await marking.send(STREAM)
    marking.takes_over(taken.send)
    await marking.send(HELLO)

    assert (server.sent, taken.sent) == ([STREAM], [HELLO])
