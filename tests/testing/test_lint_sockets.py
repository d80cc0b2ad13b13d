"""What the linter refuses on a WebSocket and in a lifespan."""

import pytest

from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.testing import (
    UNUSUAL_SOCKETS,
    Client,
    ProtocolViolation,
    lint,
    scripted,
)

pytestmark = pytest.mark.anyio

ACCEPT: Message = {"type": "websocket.accept"}
CLOSE: Message = {"type": "websocket.close"}
DENY: Message = {"type": "websocket.http.response.start", "status": 401}
SOCKETS: list[tuple[str, list[Message], str]] = [
    ("no answer", [], "returned without an answer to the handshake"),
    ("a message first", [{"type": "websocket.send", "text": "a"}], r"websocket\.send before accept"),
    ("accepted twice", [ACCEPT, ACCEPT], r"websocket\.accept after accept"),
    ("accepted after close", [CLOSE, ACCEPT], r"websocket\.accept after the connection was closed or denied"),
    ("closed twice", [ACCEPT, CLOSE, CLOSE], r"websocket\.close after the connection was closed"),
    ("data after close", [ACCEPT, CLOSE, {"type": "websocket.send", "text": "a"}], "after the connection was"),
    ("data with neither key", [ACCEPT, {"type": "websocket.send"}], "exactly one of bytes and text"),
    ("data with both keys", [ACCEPT, {"type": "websocket.send", "text": "a", "bytes": b"a"}], "exactly one of"),
    ("bytes in text", [ACCEPT, {"type": "websocket.send", "bytes": "a"}], "bytes is 'a'"),
    ("text in bytes", [ACCEPT, {"type": "websocket.send", "text": b"a"}], "text is b'a'"),
    ("a subprotocol of its own", [{**ACCEPT, "subprotocol": "mine"}], "did not offer the subprotocol 'mine'"),
    ("capitals in a name", [{**ACCEPT, "headers": [(b"A", b"b")]}], "b'A' is not lower-case"),
    ("a code out of range", [ACCEPT, {**CLOSE, "code": 999}], "code 999 is not in 1000 to 4999"),
    ("a code in words", [ACCEPT, {**CLOSE, "code": "1000"}], "code '1000' is not in 1000 to 4999"),
    ("a code that is never sent", [ACCEPT, {**CLOSE, "code": 1006}], "code 1006 is never sent"),
    ("denied after accept", [ACCEPT, DENY], r"websocket\.http\.response\.start after accept"),
    ("accepted in the denial", [DENY, ACCEPT], r"websocket\.accept in the denial"),
    ("closed in the denial", [DENY, CLOSE], r"websocket\.close in the denial"),
    ("data in the denial", [DENY, {"type": "websocket.send", "text": "a"}], r"websocket\.send in the denial"),
    ("half a denial", [DENY], "returned without the last message of its denial"),
    ("a denial of another length", [{**DENY, "headers": [(b"content-length", b"1")]},
     {"type": "websocket.http.response.body"}], "content-length says 1"),
    ("an HTTP answer", [{**DENY, "type": "http.response.start"}], "is no answer on a WebSocket"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("messages", "sentence"), [row[1:] for row in SOCKETS], ids=[row[0] for row in SOCKETS]
)
async def test_broken_sockets_are_refused(messages: list[Message], sentence: str) -> None:
    with pytest.raises(ProtocolViolation, match=sentence):
        async with Client(scripted(*messages)).websocket("/ws") as ws:
            await ws.ended()


async def test_a_denial_is_sent_only_where_it_is_offered() -> None:
    app = UNUSUAL_SOCKETS["the app denies with an HTTP answer"]

    with pytest.raises(ProtocolViolation, match=r"does not offer websocket\.http\.response"):
        async with Client(app, extensions=()).websocket("/ws"):
            pass


async def test_an_offered_subprotocol_may_be_chosen() -> None:
    app = scripted({**ACCEPT, "subprotocol": "chat"})

    async with Client(app).websocket("/ws", subprotocols=["v2", "chat"]) as ws:
        assert ws.accepted
        chosen = ws.accepted["subprotocol"]

    assert chosen == "chat"


@pytest.mark.parametrize("app", UNUSUAL_SOCKETS.values(), ids=UNUSUAL_SOCKETS.keys())
async def test_unusual_sockets_are_legal_inside_and_outside(app: ASGIApp) -> None:
    async with Client(lint(app)).websocket("/ws") as ws:
        await ws.ended()

    assert ws.messages


STARTED, STOPPED = "lifespan.startup", "lifespan.shutdown"
LIVES: list[tuple[str, list[str], str]] = [
    ("an answer too early", ["lifespan.startup.complete"], "before lifespan.startup was received"),
    ("a stop that was not asked for", [STARTED, "lifespan.shutdown.complete"], "before lifespan.shutdown was"),
    ("two answers", [STARTED, "lifespan.startup.complete", "lifespan.startup.failed"], "is answered already"),
    ("an unknown outcome", [STARTED, "lifespan.startup.done"], "is no lifespan message"),
    ("no answer to the stop", [STARTED, "lifespan.startup.complete", STOPPED], "without an answer to .*shutdown"),
    ("started twice", [STARTED, "lifespan.startup.complete", STARTED], "gave a second lifespan.startup"),
    ("stopped before it started", [STOPPED], "gave lifespan.shutdown before start-up was answered"),
    ("another type", ["http.request"], "gave http.request, which no lifespan has"),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "sentence"), [row[1:] for row in LIVES], ids=[row[0] for row in LIVES])
async def test_broken_lifespans_are_refused(steps: list[str], sentence: str) -> None:
    given = iter([step for step in steps if step.count(".") == 1])

    async def receive() -> Message:
        return {"type": next(given)}

    async def send(message: Message) -> None:
        pass

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for step in steps:
            await (receive() if step.count(".") == 1 else send({"type": step}))

    with pytest.raises(ProtocolViolation, match=sentence):
        await lint(app)({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)


async def test_other_kinds_of_scope_are_not_judged() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "mqtt.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(await receive())

    await lint(app)({"type": "mqtt"}, receive, send)

    assert sent == [{"type": "mqtt.connect"}]
