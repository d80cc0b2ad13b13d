"""Links and ``hold``, sentence by sentence. What random stacks do is compared in the differential test."""

from collections.abc import Sequence

import anyio
import pytest

from asgi_patterns.kernel.link import DONE, Held, Link, hold
from asgi_patterns.kernel.types import Message, Send

pytestmark = pytest.mark.anyio

HEAD = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]}
STREAM = {"type": "http.response.start", "status": 200, "headers": []}
LAST = {"type": "http.response.body", "body": b"hello"}


class Server:
    """Takes what arrives at the outside."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def types(self) -> list[str]:
        return [message["type"].removeprefix("http.response.") for message in self.sent]

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


def upper(server: Server) -> "Holder":
    return Holder(server.send)


class Holder:
    """A layer that shouts short answers."""

    def __init__(self, send: Send, limit: int = 10) -> None:
        self.send = send
        self.limit = limit
        self.held: Held | None = None
        self.link = Link(send, self.on_head)

    def on_head(self, head: Message) -> Held | None:
        self.held = hold(head, self.send, limit=self.limit, decide=self.decide)
        return self.held

    async def decide(self, head: Message, body: bytes) -> None:
        await self.send(head)
        await self.send({"type": "http.response.body", "body": body.upper()})


async def test_the_hook_of_the_innermost_layer_runs_first() -> None:
    server, order = Server(), list[str]()
    outer = Link(server.send, lambda head: order.append("outer"))
    inner = Link(outer, lambda head: order.append("inner"))

    await inner(HEAD)

    assert order == ["inner", "outer"]


async def test_what_an_outer_layer_sends_itself_passes_no_hook_of_an_inner_one() -> None:
    server, seen = Server(), list[str]()
    outer = Link(server.send, lambda head: seen.append("outer"))
    Link(outer, lambda head: seen.append("inner"))

    await outer(HEAD)

    assert seen == ["outer"]


async def test_the_head_that_the_app_sent_stays_as_it_was() -> None:
    server, head = Server(), {**HEAD, "headers": [(b"a", b"1")]}
    link = Link(server.send, lambda copy: copy["headers"].append((b"b", b"2")))

    await link(head)

    assert head["headers"] == [(b"a", b"1")]
    assert server.sent[0]["headers"] == [(b"a", b"1"), (b"b", b"2")]


async def test_headers_may_be_a_tuple_or_missing() -> None:
    server = Server()

    for head in ({**HEAD, "headers": ((b"a", b"1"),)}, {"type": "http.response.start", "status": 204}):
        await Link(server.send, lambda copy: copy["headers"].append((b"b", b"2")))(head)

    assert [message["headers"][-1] for message in server.sent] == [(b"b", b"2")] * 2


async def test_messages_before_the_head_pass_and_call_no_hook() -> None:
    server, seen = Server(), list[Message]()
    link = Link(server.send, seen.append)
    early = {"type": "http.response.early_hint", "links": []}

    await link(early)

    assert server.sent == [early]
    assert seen == []
    assert not link.started


async def test_a_body_message_of_six_layers_is_one_call_away_from_the_server() -> None:
    server = Server()
    links = [Link(server.send, lambda head: None)]
    for _ in range(5):
        links.append(Link(links[-1], lambda head: None))

    await links[-1](STREAM)

    assert {each._out for each in links} == {server.send}


async def test_a_sink_takes_the_head_and_everything_after_it() -> None:
    server, taken = Server(), list[str]()

    async def sink(message: Message) -> None:
        taken.append(message["type"])

    link = Link(server.send, lambda head: sink)

    await link(STREAM)
    await link(LAST)

    assert taken == ["http.response.start", "http.response.body"]
    assert server.sent == []


async def test_a_hook_that_raises_leaves_the_answer_open_for_a_better_one() -> None:
    server = Server()

    def on_head(head: Message) -> None:
        if head["status"] == 200:
            raise ValueError("a broken hook")

    link = Link(server.send, on_head)

    with pytest.raises(ValueError, match="broken"):
        await link(STREAM)
    await link({**STREAM, "status": 500})

    assert [message["status"] for message in server.sent] == [500]


HELD: list[tuple[str, list[Message], list[str], bytes]] = [
    # what happens                                  the app sends      the client gets       with the body
    ("a short answer is decided on", [HEAD, LAST], ["start", "body"], b"HELLO"),
    (
        "in pieces too",
        [HEAD, {**LAST, "body": b"he", "more_body": True}, {**LAST, "body": b"llo"}],
        ["start", "body"],
        b"HELLO",
    ),
    (
        "an empty last piece completes it",
        [HEAD, {**LAST, "more_body": True}, {"type": "http.response.body"}],
        ["start", "body"],
        b"HELLO",
    ),
    ("a stream is not held", [STREAM, LAST], ["start", "body"], b"hello"),
    (
        "more than the limit is not held",
        [{**HEAD, "headers": [(b"content-length", b"11")]}, LAST],
        ["start", "body"],
        b"hello",
    ),
    (
        "at the limit it is held",
        [{**HEAD, "headers": [(b"content-length", b"10")]}, {**LAST, "body": b"helloworld"}],
        ["start", "body"],
        b"HELLOWORLD",
    ),
    ("an answer with trailers is not held", [{**HEAD, "trailers": True}, LAST], ["start", "body"], b"hello"),
    ("the answer to a HEAD goes on as it is", [HEAD, {**LAST, "body": b""}], ["start", "body"], b""),
    ("one that is too short goes on as it is", [HEAD, {**LAST, "body": b"hell"}], ["start", "body"], b"hell"),
    (
        "one that is too long goes on as it comes",
        [HEAD, {**LAST, "body": b"hello world", "more_body": True}, {**LAST, "body": b"!"}],
        ["start", "body", "body"],
        b"hello world!",
    ),
    ("a file goes on", [HEAD, {"type": "http.response.pathsend", "path": "/f"}], ["start", "pathsend"], b""),
    (
        "what the app holds in hand goes before an unknown message",
        [HEAD, {**LAST, "body": b"he", "more_body": True}, {"type": "acme.new"}, {**LAST, "body": b"llo"}],
        ["start", "body", "acme.new", "body"],
        b"hello",
    ),
    (
        "two lengths are no length",
        [{**HEAD, "headers": [(b"content-length", b"5")] * 2}, LAST],
        ["start", "body"],
        b"hello",
    ),
    (
        "a length that is no number is no length",
        [{**HEAD, "headers": [(b"content-length", b"+5")]}, LAST],
        ["start", "body"],
        b"hello",
    ),
]


@pytest.mark.parametrize(
    ("messages", "types", "body"), [row[1:] for row in HELD], ids=[row[0] for row in HELD]
)
async def test_hold(messages: Sequence[Message], types: list[str], body: bytes) -> None:
    server = Server()
    link = upper(server).link

    for message in messages:
        await link(message)

    assert server.types == types
    assert server.body == body


async def test_the_head_of_a_held_answer_waits_until_its_body_is_complete() -> None:
    server = Server()
    holder = upper(server)

    await holder.link(HEAD)
    await holder.link({**LAST, "body": b"he", "more_body": True})

    assert server.sent == []
    assert holder.held is not None
    assert not holder.held.released


async def test_what_ends_at_once_does_so_for_everybody_again_and_again() -> None:
    ended: list[str] = []

    async def wait(name: str) -> None:
        await DONE
        await DONE
        ended.append(name)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait, "one")
        tasks.start_soon(wait, "another")

    assert sorted(ended) == ["another", "one"]


async def test_two_interleaved_answers_do_not_mix() -> None:
    first, second = Server(), Server()
    one, two = upper(first).link, upper(second).link

    await one(HEAD)
    await two(HEAD)
    await two({**LAST, "body": b"seco", "more_body": True})
    await one({**LAST, "body": b"first"})
    await two({**LAST, "body": b"n"})

    assert (first.body, second.body) == (b"FIRST", b"SECON")
