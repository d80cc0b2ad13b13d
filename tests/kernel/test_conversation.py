"""A WebSocket that a layer listens to, and may close."""

from collections.abc import Sequence

import pytest

from asgi_patterns.kernel.conversation import Conversation, Farewell
from asgi_patterns.kernel.types import Message

pytestmark = pytest.mark.anyio

BYE = Farewell(1008, "too many messages")
CONNECT: Message = {"type": "websocket.connect"}
BYTES: Message = {"type": "websocket.receive", "bytes": b""}
LEFT: Message = {"type": "websocket.disconnect", "code": 1001, "reason": "gone"}
CLOSED: Message = {"type": "websocket.disconnect", "code": 1008, "reason": "too many messages"}


def said(text: str) -> Message:
    return {"type": "websocket.receive", "text": text}


class Line:
    """A client that has said all it has to say, what it gets, and a judge who lets ``most`` messages pass."""

    def __init__(self, *messages: Message, most: int = 1) -> None:
        self.sent: list[Message] = []
        self.judged: list[Message] = []
        self.messages = [*messages]
        self._most = most
        self.conversation = Conversation(self.receive, self.send, self.judge)

    async def receive(self) -> Message:
        return self.messages.pop(0)

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def judge(self, message: Message) -> Farewell | None:
        self.judged.append(message)
        return BYE if len(self.judged) > self._most else None


HEARD: list[tuple[str, Sequence[Message], Sequence[Message], int]] = [
    # what the client says                   what the app gets                        how many are judged
    ("what is judged well", [CONNECT, said("a")], [CONNECT, said("a")], 1),
    ("one message too many", [CONNECT, said("a"), said("b")], [CONNECT, said("a"), CLOSED], 2),
    ("nothing after that is heard", [said("a"), said("b"), said("c")], [said("a"), CLOSED, CLOSED], 2),
    ("leaving is no message", [CONNECT, said("a"), LEFT], [CONNECT, said("a"), LEFT], 1),
    (
        "bytes are judged too",
        [BYTES],
        [BYTES],
        1,
    ),
]


@pytest.mark.parametrize(
    ("messages", "heard", "judged"), [row[1:] for row in HEARD], ids=[row[0] for row in HEARD]
)
async def test_what_the_app_hears(messages: Sequence[Message], heard: Sequence[Message], judged: int) -> None:
    line = Line(*messages)

    found = [await line.conversation() for _ in messages]

    assert found == heard
    assert len(line.judged) == judged


async def test_the_client_is_told_once_why_it_is_closed() -> None:
    line = Line(said("a"), said("b"), said("c"))

    for _ in range(5):
        await line.conversation()

    assert line.sent == [{"type": "websocket.close", "code": 1008, "reason": "too many messages"}]
    assert line.messages == [said("c")]


async def test_what_the_app_sends_arrives_until_it_is_closed() -> None:
    line = Line(said("a"), said("b"))
    answer: Message = {"type": "websocket.send", "text": "hello"}

    await line.conversation.send(answer)
    await line.conversation()
    await line.conversation.send(answer)
    await line.conversation()
    with pytest.raises(OSError, match="too many messages"):
        await line.conversation.send(answer)

    assert [message["type"] for message in line.sent] == [
        "websocket.send",
        "websocket.send",
        "websocket.close",
    ]


async def test_a_client_that_has_left_meanwhile_cannot_be_told() -> None:
    line = Line(said("a"), most=0)

    async def gone(message: Message) -> None:
        raise OSError("the client has left")

    conversation = Conversation(line.receive, gone, line.judge)
    with pytest.raises(OSError, match="has left"):
        await conversation()

    assert (await conversation()) == CLOSED


async def test_a_judge_that_fails_is_heard() -> None:
    line = Line(said("a"))

    def fail(message: Message) -> Farewell | None:
        raise KeyError("judge")

    conversation = Conversation(line.receive, line.send, fail)

    with pytest.raises(KeyError, match="judge"):
        await conversation()
    assert line.sent == []
