"""Where an answer ends."""

from collections.abc import Sequence

import pytest

from asgi_patterns.kernel.ending import Ending
from asgi_patterns.kernel.types import Message

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
