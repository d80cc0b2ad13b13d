"""How long a WebSocket may last, on a clock that moves when all wait."""

from collections.abc import Sequence
from typing import Any, Literal

import anyio
import pytest
from trio.testing import MockClock

from asgi_patterns.kernel.conversation import IDLE, OVER, Conversation, Farewell, Span
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

Move = tuple[float, Literal["client", "app"]]
SCOPE: Scope = {"type": "websocket"}


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Time that passes when all wait, and no other."""
    return "trio", {"clock": MockClock(autojump_threshold=0)}


def accepted(conversation: Conversation) -> Conversation:
    """Begin to count its time."""
    conversation.accept()
    return conversation


class Line:
    """A client that speaks at some seconds, and what it gets, and when."""

    def __init__(self, *times: float, leaves: float | None = None) -> None:
        self.start = anyio.current_time()
        self.got: list[tuple[float, str]] = []
        self.told: list[Farewell] = []
        self._plan: list[tuple[float, Message]] = [
            (time, {"type": "websocket.receive", "text": "hello"}) for time in times
        ]
        if leaves is not None:
            self._plan.append((leaves, {"type": "websocket.disconnect", "code": 1000}))

    @property
    def now(self) -> float:
        return round(anyio.current_time() - self.start, 3)

    async def receive(self) -> Message:
        if not self._plan:
            await anyio.sleep_forever()
        time, message = self._plan[0]
        await anyio.sleep_until(self.start + time)
        self._plan.pop(0)
        return message

    async def send(self, message: Message) -> None:
        self.got.append((self.now, str(message.get("text", message.get("code")))))

    def conversation(self, **span: float) -> Conversation:
        return accepted(
            Conversation(
                self.receive, self.send, lambda message: None, span=Span(**span), tell=self.told.append
            )
        )


async def listen(conversation: Conversation, line: Line) -> tuple[float, int]:
    """Receive until it is over; return when and why."""
    while (message := await conversation())["type"] != "websocket.disconnect":
        pass
    return line.now, message["code"]


ENDS: list[tuple[str, Sequence[float], dict[str, float], float, Farewell]] = [
    # what happens                            client speaks at  limits                     ends  why
    ("nobody says anything", [], {"idle": 10}, 10, IDLE),
    ("a message begins idle time anew", [4, 13], {"idle": 10}, 23, IDLE),
    ("a message just too late", [4, 14.5], {"idle": 10}, 14, IDLE),
    ("a message is no help at the end", [4, 8], {"idle": 10, "life": 15}, 15, OVER),
    ("whatever comes first", [4], {"idle": 3, "life": 15}, 3, IDLE),
    ("lifetime alone", [4, 8, 19], {"life": 20}, 20, OVER),
]


@pytest.mark.parametrize(
    ("times", "span", "end", "why"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS]
)
async def test_when_it_is_closed(
    times: Sequence[float], span: dict[str, float], end: float, why: Farewell
) -> None:
    line = Line(*times)

    found = await listen(line.conversation(**span), line)

    assert found == (end, 1001)
    assert line.got == [(end, "1001")]
    assert line.told == [why]


async def test_what_the_app_sends_begins_idle_time_anew_for_who_is_waiting() -> None:
    line = Line()
    conversation = line.conversation(idle=10)

    async def speak() -> None:
        for _ in range(3):
            await anyio.sleep(8)
            await conversation.send({"type": "websocket.send", "text": "tick"})

    async with anyio.create_task_group() as group:
        group.start_soon(speak)
        group.start_soon(listen, conversation, line)

    assert line.got == [(8, "tick"), (16, "tick"), (24, "tick"), (34, "1001")]


async def test_who_leaves_has_all_the_time_to_clear_away() -> None:
    line = Line(leaves=5)
    conversation = line.conversation(idle=10, life=20)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await listen(conversation, line)
        await anyio.sleep(500)

    await conversation.run(app, SCOPE, line.send)

    assert line.now == 505
    assert line.got == line.told == []


async def test_an_app_that_closes_has_all_the_time_too() -> None:
    line = Line()
    conversation = line.conversation(idle=10, life=20)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await conversation.send({"type": "websocket.close", "code": 1000})
        await anyio.sleep(500)

    await conversation.run(app, SCOPE, line.send)

    assert line.now == 500
    assert line.got == [(0, "1000")]


async def test_an_app_that_only_sends_ends_with_its_next_message() -> None:
    line = Line()
    conversation = line.conversation(life=20)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            await conversation.send({"type": "websocket.send", "text": "tick"})
            await anyio.sleep(8)

    with pytest.raises(OSError, match="open for too long"):
        await conversation.run(app, SCOPE, line.send)

    assert line.got == [(0, "tick"), (8, "tick"), (16, "tick"), (24, "1001")]
    assert line.told == [OVER]


@pytest.mark.parametrize(
    ("span", "why", "end"), [({"life": 20.0}, OVER, 23), ({"idle": 10.0}, IDLE, 13)], ids=["life", "idle"]
)
async def test_an_app_that_neither_sends_nor_receives_is_cancelled(
    span: dict[str, float], why: Farewell, end: float
) -> None:
    line = Line()
    conversation = line.conversation(**span, grace=3)
    cleared: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cleared.append(line.now)

    await conversation.run(app, SCOPE, line.send)

    assert cleared == [end]
    assert line.got == [(end, "1001")]
    assert line.told == [why]


async def test_an_app_that_does_not_end_with_its_disconnect_is_cancelled() -> None:
    line = Line()
    conversation = line.conversation(life=20, grace=3)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await listen(conversation, line)
        await anyio.sleep_forever()

    await conversation.run(app, SCOPE, line.send)

    assert line.now == 23
    assert line.got == [(20, "1001")]


async def test_a_client_that_does_not_read_holds_nothing_up() -> None:
    line = Line()

    async def stuck(message: Message) -> None:
        await anyio.sleep_forever()

    conversation = accepted(
        Conversation(line.receive, stuck, lambda message: None, span=Span(life=20, grace=3))
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await conversation.send({"type": "websocket.send", "text": "tick"})

    await conversation.run(app, SCOPE, Link(stuck, lambda head: None))

    assert line.now == 26


async def test_who_always_has_a_next_message_is_closed_as_well() -> None:
    line = Line()

    async def full() -> Message:
        # As a queue that is never empty: nothing is waited for, and yet time passes.
        with anyio.CancelScope(shield=True):
            await anyio.sleep(1)
        return {"type": "websocket.receive", "text": "more"}

    conversation = accepted(Conversation(full, line.send, lambda message: None, span=Span(life=20)))

    assert await listen(conversation, line) == (20, 1001)


async def test_without_a_span_nothing_is_timed() -> None:
    line = Line(1000)
    conversation = Conversation(line.receive, line.send, lambda message: None)

    assert (await conversation())["text"] == "hello"


async def test_no_time_is_counted_before_it_is_accepted() -> None:
    line = Line()
    conversation = Conversation(
        line.receive, line.send, lambda message: None, span=Span(idle=10, life=20, grace=3)
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(500)
        await send({"type": "websocket.close", "code": 1008})
        await anyio.sleep(500)

    await conversation.run(app, SCOPE, line.send)

    assert line.got == [(500, "1008")]
    assert line.now == 1000


async def test_who_waits_while_it_is_accepted_is_timed_from_then_on() -> None:
    line = Line()
    conversation = Conversation(line.receive, line.send, lambda message: None, span=Span(life=20))

    async def accept() -> None:
        await anyio.sleep(7)
        conversation.accept()

    async with anyio.create_task_group() as group:
        group.start_soon(accept)
        group.start_soon(listen, conversation, line)

    assert line.got == [(27, "1001")]
