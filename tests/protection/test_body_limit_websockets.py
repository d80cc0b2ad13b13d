"""What a WebSocket may have: its origin, the size of its messages, its time."""

from typing import Any

import anyio
import pytest

from asgi_patterns import BodyLimit, Pipeline, RateLimit, WebSocketLimits
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.protection import OriginRefused, WebSocketEnded
from asgi_patterns.testing import UNUSUAL_SOCKETS, Client, echo, hello

pytestmark = pytest.mark.anyio

SHOP, PREVIEW = "https://shop.example", "https://pr-7.shop.example"


def limits(**websocket: Any) -> BodyLimit:
    return BodyLimit(websocket=WebSocketLimits(**websocket))


ORIGINS: list[tuple[str, dict[str, Any], list[str], bool]] = [
    # whose page                                     settings                                   origin        passes
    ("any, where none is named", {}, ["https://evil.example"], True),
    ("one that is named", {"origins": [SHOP]}, [SHOP], True),
    ("another one", {"origins": [SHOP]}, ["https://evil.example"], False),
    ("the same without TLS", {"origins": [SHOP]}, ["http://shop.example"], False),
    ("another port", {"origins": [SHOP]}, ["https://shop.example:8443"], False),
    ("a name that only begins so", {"origins": [SHOP]}, ["https://shop.example.evil.example"], False),
    ("one that a pattern fits", {"origins": ["https://*.shop.example"]}, [PREVIEW], True),
    ("one below that", {"origins": ["https://*.shop.example"]}, ["https://a.b.shop.example"], False),
    ("the second of several", {"origins": ["https://a.example", SHOP]}, [SHOP], True),
    ("a default port in the settings", {"origins": ["https://shop.example:443"]}, [SHOP], True),
    ("nobody's", {"origins": [SHOP]}, ["null"], False),
    ("nobody's, where that is named", {"origins": ["null"]}, ["null"], True),
    ("two at once", {"origins": [SHOP]}, [SHOP, SHOP], False),
    ("an empty one", {"origins": [SHOP]}, [""], False),
    ("no page but a program", {"origins": [SHOP]}, [], True),
    ("a program, where that is not enough", {"origins": [SHOP], "require_origin": True}, [], False),
    ("a page, where any will do", {"require_origin": True}, [SHOP], True),
]


@pytest.mark.parametrize(
    ("settings", "sent", "passes"), [row[1:] for row in ORIGINS], ids=[row[0] for row in ORIGINS]
)
async def test_whose_pages_may_open_one(settings: dict[str, Any], sent: list[str], passes: bool) -> None:
    client = Client(limits(**settings)(hello))

    async with client.websocket("/", headers=[("origin", each) for each in sent]) as socket:
        pass

    assert (socket.denial is None) is passes
    assert socket.denial is None or socket.denial.status == 403


async def test_without_the_extension_a_refusal_is_a_bare_403() -> None:
    client = Client(limits(origins=[SHOP])(hello), extensions=())

    async with client.websocket("/", headers={"origin": "https://evil.example"}) as socket:
        assert socket.denial is not None

    assert socket.messages == [{"type": "websocket.close", "code": 1008}]


SIZES: list[tuple[str, str | bytes, bool]] = [
    ("an empty text", "", True),
    ("just as much text", "x" * 10, True),
    ("one byte more", "x" * 11, False),
    ("text counts in UTF-8", "é" * 5, True),
    ("one letter more of two bytes", "é" * 6, False),
    ("just as many bytes", b"x" * 10, True),
    ("one more byte", b"x" * 11, False),
]


@pytest.mark.parametrize(("message", "passes"), [row[1:] for row in SIZES], ids=[row[0] for row in SIZES])
async def test_how_large_a_message_may_be(message: str | bytes, passes: bool) -> None:
    async with Client(limits(max_message_size=10)(echo)).websocket("/") as socket:
        if isinstance(message, str):
            await socket.send_text(message)
        else:
            await socket.send_bytes(message)
        answer = await socket.receive()

    if passes:
        assert answer["type"] == "websocket.send"
    else:
        assert (answer["code"], answer["reason"]) == (1009, "message too big")


async def test_what_the_app_sends_may_be_as_large_as_it_likes() -> None:
    async with Client(limits(max_message_size=1)(hello)).websocket("/") as socket:
        assert await socket.receive_text() == "hello"


async def test_one_is_closed_at_its_end() -> None:
    async with Client(limits(lifetime="20ms")(echo)).websocket("/") as socket:
        with pytest.raises(ConnectionError, match="1001 open for too long"):
            await socket.receive_text()


async def test_one_that_is_idle_is_closed() -> None:
    async with Client(limits(idle_timeout="20ms", lifetime="1h")(echo)).websocket("/") as socket:
        with pytest.raises(ConnectionError, match="1001 idle for too long"):
            await socket.receive_text()


async def test_an_app_that_waits_for_something_else_is_ended() -> None:
    ended: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(scope["path"])

    async with Client(limits(lifetime="20ms", grace="20ms")(app)).websocket("/feed") as socket:
        with pytest.raises(ConnectionError, match="1001 open for too long"):
            await socket.receive_text()

    assert ended == ["/feed"]


async def test_two_at_once_are_limited_apart() -> None:
    client = Client(limits(max_message_size=10)(echo))

    async with client.websocket("/a") as one, client.websocket("/b") as other:
        await one.send_text("x" * 11)
        await other.send_text("x" * 10)

        assert (await one.receive())["code"] == 1009
        assert await other.receive_text() == "x" * 10


async def test_a_rate_of_messages_further_in_still_holds() -> None:
    app = Pipeline(
        limits(lifetime="1h", max_message_size=10), RateLimit(default=["9/second"], messages="1/hour")
    )
    async with Client(app(echo)).websocket("/") as socket:
        await socket.send_text("a")
        await socket.send_text("b")

        assert await socket.receive_text() == "a"
        assert (await socket.receive())["code"] == 1008


@pytest.mark.parametrize("app", UNUSUAL_SOCKETS.values(), ids=UNUSUAL_SOCKETS.keys())
@pytest.mark.parametrize("settings", [{}, {"lifetime": "1h"}], ids=["untimed", "timed"])
async def test_an_unusual_conversation_passes_unchanged(app: ASGIApp, settings: dict[str, Any]) -> None:
    async with Client(app).websocket("/") as without:
        pass
    async with Client(limits(**settings)(app)).websocket("/") as within:
        pass

    assert [message["type"] for message in within.messages] == [
        message["type"] for message in without.messages
    ]
    assert within.close_code == without.close_code


async def test_listeners_are_told() -> None:
    told: list[Event] = []

    def listen(event: Event, exchange: Exchange) -> None:
        told.append(event)

    layer = limits(origins=[SHOP], max_message_size=1, require_origin=True)
    client = Client(Pipeline(layer, listeners=[listen])(echo))
    async with client.websocket("/", headers={"origin": "x" * 300}):
        pass
    async with client.websocket("/"):
        pass
    async with client.websocket("/", headers={"origin": SHOP}) as socket:
        await socket.send_text("ab")
        await socket.receive()

    assert told == [
        OriginRefused(origin="x" * 255),
        OriginRefused(origin=None),
        WebSocketEnded(code=1009, reason="message too big"),
    ]
