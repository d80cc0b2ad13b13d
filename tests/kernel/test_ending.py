"""Where an answer ends."""

from collections.abc import Sequence

import pytest

from asgi_patterns.kernel.ending import Ending, Watching
from asgi_patterns.kernel.types import Message, RawHeaders, Send

pytestmark = pytest.mark.anyio

HEAD: Message = {"type": "http.response.start", "status": 200, "headers": []}
TRAILERS: Message = {"type": "http.response.trailers", "headers": []}
TRAILED: Message = {**HEAD, "trailers": True}


def body(more: bool = False) -> Message:
    return {"type": "http.response.body", "body": b"x", "more_body": more}


ANSWERS: list[tuple[str, Sequence[Message], list[int]]] = [
    # the answer                              its messages                                     ended after
    ("a body", [HEAD, body()], [2]),
    ("a body without anything", [HEAD, {"type": "http.response.body"}], [2]),
    ("a stream", [HEAD, body(True), body(True), body()], [4]),
    ("a stream that breaks off", [HEAD, body(True)], []),
    ("a head alone", [HEAD], []),
    ("more_body on an empty chunk", [HEAD, body(True), {"type": "http.response.body", "body": b""}], [3]),
    ("a path", [HEAD, {"type": "http.response.pathsend", "path": "/f"}], [2]),
    ("a file", [HEAD, {"type": "http.response.zerocopysend", "file": 3}], [2]),
    (
        "a file in parts",
        [HEAD, {"type": "http.response.zerocopysend", "file": 3, "more_body": True}, body()],
        [3],
    ),
    ("trailers", [TRAILED, body(), TRAILERS], [3]),
    ("trailers that never come", [TRAILED, body()], []),
    (
        "trailers after a path",
        [TRAILED, {"type": "http.response.pathsend"}, TRAILERS],
        [3],
    ),
    (
        "trailers in parts",
        [
            TRAILED,
            body(),
            {**TRAILERS, "more_trailers": True},
            TRAILERS,
        ],
        [4],
    ),
    ("an early hint is no end", [{"type": "http.response.early_hint", "links": []}, HEAD, body()], [3]),
    ("a message that nobody knows is no end", [HEAD, {"type": "http.response.new"}, body()], [3]),
]


@pytest.mark.parametrize(("messages", "ends"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
async def test_an_answer_ends_after_its_last_message(messages: Sequence[Message], ends: list[int]) -> None:
    sent: list[Message] = []
    ended: list[int] = []

    async def send(message: Message) -> None:
        sent.append(message)

    head = next(each for each in messages if each["type"] == "http.response.start")
    ending = Ending(send, head, lambda: ended.append(len(sent)))
    for message in messages:
        await ending(message)

    assert ended == ends
    assert sent == messages


async def test_a_last_message_that_cannot_be_sent_is_no_end() -> None:
    ended: list[str] = []

    async def send(message: Message) -> None:
        raise OSError("the client has left")

    ending = Ending(send, HEAD, lambda: ended.append("ended"))
    with pytest.raises(OSError, match="has left"):
        await ending(body())

    assert ended == []


class Watch(Watching):
    """Notes how many messages had been sent when head and end came by."""

    def __init__(self, send: Send, sent: list[Message]) -> None:
        super().__init__(send)
        self.sent = sent
        self.begun: list[tuple[int, RawHeaders, int]] = []
        self.ends: list[int] = []

    def begins(self, status: int, headers: RawHeaders) -> None:
        self.begun.append((status, headers, len(self.sent)))

    def ended(self) -> None:
        self.ends.append(len(self.sent))


@pytest.mark.parametrize(("messages", "ends"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
async def test_who_watches_sees_the_same_end(messages: Sequence[Message], ends: list[int]) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    watch = Watch(send, sent)
    for message in messages:
        await watch.send(message)

    at = next(at for at, each in enumerate(messages) if each["type"] == "http.response.start")
    assert watch.begun == [(200, [], at)]
    assert watch.ends == ends
    assert sent == messages


async def test_who_watches_sees_no_end_where_the_last_message_cannot_be_sent() -> None:
    async def send(message: Message) -> None:
        if message["type"] != "http.response.start":
            raise OSError("the client has left")

    watch = Watch(send, [])
    await watch.send(HEAD)
    with pytest.raises(OSError, match="has left"):
        await watch.send(body())

    assert watch.ends == []


async def test_fields_that_can_be_read_once_reach_both_who_watches_and_the_client() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    watch = Watch(send, sent)
    await watch.send({**HEAD, "headers": iter([(b"x-a", b"1")])})

    assert watch.begun == [(200, [(b"x-a", b"1")], 0)]
    assert sent[0]["headers"] == [(b"x-a", b"1")]
