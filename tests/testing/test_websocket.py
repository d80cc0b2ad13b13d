"""WebSockets as the client sees them."""

from typing import Any

import anyio
import pytest

from asgi_patterns.kernel.types import Message, Receive, Scope, Send
from asgi_patterns.testing import UNUSUAL_SOCKETS, Client, Crash, WebSocket, echo, hello, scripted

pytestmark = pytest.mark.anyio


class Recorder:
    """An app that accepts and keeps everything that it is given."""

    def __init__(self) -> None:
        self.scope: Scope = {}
        self.given: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = dict(scope)
        self.given.append(await receive())
        await send({"type": "websocket.accept"})
        while self.given[-1]["type"] != "websocket.disconnect":
            self.given.append(await receive())


async def test_messages_come_back_in_the_form_they_were_sent() -> None:
    async with Client(echo).websocket("/ws") as ws:
        await ws.send_text("é")
        await ws.send_bytes(b"\xff")
        await ws.send_json({"a": 1})
        back = (await ws.receive_text(), await ws.receive_bytes(), await ws.receive_json())

    assert back == ("é", b"\xff", {"a": 1})
    assert ws.accepted == {"type": "websocket.accept"}
    assert ws.denial is None
    assert (ws.close_code, ws.close_reason) == (1000, "")
    assert [message["type"] for message in ws.messages] == ["websocket.accept"] + ["websocket.send"] * 3


async def test_the_handshake_is_described() -> None:
    app = Recorder()

    async with Client(app, scheme="https", headers={"x-a": "1"}).websocket(
        "/ws?a=1", headers={"origin": "null"}, subprotocols=["chat", "v2"], scope={"client": None}
    ):
        pass

    assert app.scope["type"] == "websocket"
    assert app.scope["scheme"] == "wss"
    assert (app.scope["path"], app.scope["query_string"]) == ("/ws", b"a=1")
    assert app.scope["subprotocols"] == ["chat", "v2"]
    assert app.scope["client"] is None
    assert "websocket.http.response" in app.scope["extensions"]
    assert {name: value for name, value in app.scope["headers"] if name != b"sec-websocket-key"} == {
        b"host": b"testserver",
        b"x-a": b"1",
        b"connection": b"Upgrade",
        b"upgrade": b"websocket",
        b"sec-websocket-version": b"13",
        b"sec-websocket-protocol": b"chat, v2",
        b"origin": b"null",
    }


async def test_a_minimal_handshake_has_only_what_it_must() -> None:
    app = Recorder()

    async with Client(app, minimal=True).websocket("/ws"):
        pass

    assert set(app.scope) == {
        "type",
        "asgi",
        "http_version",
        "path",
        "query_string",
        "headers",
        "subprotocols",
    }


async def test_what_was_sent_before_closing_is_read_before_the_disconnect() -> None:
    app = Recorder()

    async with Client(app).websocket("/ws") as ws:
        await ws.send_text("a")
        await ws.close(4001, "done")

    assert app.given == [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "a"},
        {"type": "websocket.disconnect", "code": 4001, "reason": "done"},
    ]


async def test_what_was_sent_is_lost_when_the_client_vanishes() -> None:
    app = Recorder()

    async with Client(app).websocket("/ws") as ws:
        await anyio.wait_all_tasks_blocked()
        await ws.send_text("a")
        ws.disconnect()

    assert [message["type"] for message in app.given] == ["websocket.connect", "websocket.disconnect"]
    assert app.given[-1]["code"] == 1006


async def test_leaving_the_block_closes_with_1000() -> None:
    app = Recorder()

    async with Client(app).websocket("/ws"):
        pass

    assert app.given[-1] == {"type": "websocket.disconnect", "code": 1000, "reason": ""}


@pytest.mark.parametrize(("spec_version", "outcome"), [("2.3", "ignored"), ("2.4", "refused")])
async def test_sending_to_a_client_that_left(spec_version: str, outcome: str) -> None:
    outcomes: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        try:
            await send({"type": "websocket.send", "text": "a"})
            outcomes.append("ignored")
        except OSError:
            outcomes.append("refused")

    async with Client(app, spec_version=spec_version).websocket("/ws") as ws:
        await ws.close()

    assert outcomes == [outcome]


async def test_each_send_waits_until_its_message_is_received() -> None:
    sent: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        for number in range(3):
            await send({"type": "websocket.send", "text": str(number)})
            sent.append(number)

    async with Client(app).websocket("/ws") as ws:
        await ws.receive_text()
        await anyio.wait_all_tasks_blocked()
        after_one = list(sent)
        rest = [await ws.receive_text(), await ws.receive_text()]

    assert after_one == [0]
    assert rest == ["1", "2"]


async def test_the_app_closes() -> None:
    async with Client(hello).websocket("/ws") as ws:
        greeting = await ws.receive_text()
        closing = await ws.receive()
        with pytest.raises(ConnectionError, match="the connection is closed: 1000"):
            await ws.receive()
        with pytest.raises(ConnectionError, match="the connection is closed: 1000"):
            await ws.send_text("late")

    assert greeting == "hello"
    assert closing == {"type": "websocket.close"}
    assert ws.close_code == 1000


async def test_waiting_for_text_ends_when_the_app_closes() -> None:
    app = scripted(
        {"type": "websocket.accept"}, {"type": "websocket.close", "code": 1008, "reason": "too much"}
    )

    async with Client(app).websocket("/ws") as ws:
        with pytest.raises(ConnectionError, match="the app closed: 1008 too much"):
            await ws.receive_text()


async def test_another_form_than_expected_is_named() -> None:
    async with Client(hello).websocket("/ws") as ws:
        with pytest.raises(AssertionError, match=r"expected bytes, got .*hello"):
            await ws.receive_bytes()


OUTCOMES: dict[str, dict[str, Any]] = {
    "the app closes before it accepts": {"status": 403, "body": b"", "code": 1008, "reason": "no"},
    "the app denies with an HTTP answer": {"status": 401, "body": b"who", "code": 1006, "reason": ""},
    "the app denies without headers and body": {"status": 503, "body": b"", "code": 1006, "reason": ""},
    "the app accepts with fields": {"code": 1000, "reason": ""},
    "messages have both keys": {"code": 4000, "reason": ""},
    "the app returns without closing": {"code": 1006, "reason": ""},
    "the app accepts before it reads the connect": {"code": 1006, "reason": ""},
}


async def until_closed(ws: WebSocket) -> None:
    while ws.close_code is None:
        try:
            await ws.receive()
        except ConnectionError:
            break


@pytest.mark.parametrize("sentence", UNUSUAL_SOCKETS)
async def test_unusual_sockets_are_understood_and_legal(sentence: str) -> None:
    expected = OUTCOMES[sentence]

    async with Client(UNUSUAL_SOCKETS[sentence]).websocket("/ws") as ws:
        await until_closed(ws)

    assert (ws.accepted is None) == ("status" in expected)
    assert (ws.close_code, ws.close_reason) == (expected["code"], expected["reason"])
    if "status" in expected:
        assert ws.denial is not None
        assert (ws.denial.status, ws.denial.body) == (expected["status"], expected["body"])


async def test_a_denied_app_is_told_that_the_connection_is_gone() -> None:
    given: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": "no"})
        given.append(await receive())

    async with Client(app).websocket("/ws") as ws:
        with pytest.raises(ConnectionError, match="closed: 1008"):
            await ws.receive()

    assert given == [{"type": "websocket.disconnect", "code": 1006, "reason": "no"}]


async def test_what_the_app_raises_in_the_handshake_reaches_the_test() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise Crash("in the handshake")

    with pytest.raises(Crash, match="in the handshake"):
        async with Client(app).websocket("/ws"):
            pass


async def test_what_the_app_raises_later_reaches_the_test() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        raise Crash("later")

    with pytest.raises(Crash, match="later"):
        async with Client(app).websocket("/ws"):
            await anyio.wait_all_tasks_blocked()


async def test_an_app_that_does_not_answer_the_handshake_is_named() -> None:
    with pytest.raises(AssertionError, match="without an answer to the handshake"):
        async with Client(scripted(), lint=False).websocket("/ws"):
            pass
