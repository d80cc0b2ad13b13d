"""WebSockets: the handshake is a request, messages have a rate of their own, a connection holds its slot."""

from typing import Any

import anyio
import pytest

from asgi_patterns import Pipeline, RateLimit
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import Message, Receive, Scope, Send
from asgi_patterns.ratelimit import Limited
from asgi_patterns.testing import UNUSUAL_SOCKETS, Client, Clock, echo, hello, lint
from tests.ratelimit.reading import items, limited, one, statuses

pytestmark = pytest.mark.anyio

RATE = "2/second burst 3"


async def test_a_handshake_is_refused_before_the_app_sees_it() -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["path"])
        await hello(scope, receive, send)

    client = Client(limited(one(limit=1), app=app))

    async with client.websocket("/first") as first, client.websocket("/second") as second:
        denial = second.denial

    assert first.accepted is not None
    assert denial is not None
    assert (denial.status, denial.json()["violated-policies"]) == (429, ["one"])
    assert denial.header("retry-after") == "60"
    assert denial.header("ratelimit") == '"one";r=0;t=60'
    assert seen == ["/first"]


async def test_without_the_extension_it_is_a_bare_403() -> None:
    client = Client(limited(one(limit=1)), extensions=())
    await client.get("/")

    async with client.websocket("/") as socket:
        denial = socket.denial

    assert denial is not None
    assert denial.status == 403
    assert socket.messages == [{"type": "websocket.close", "code": 1008}]


async def test_what_is_accepted_says_what_is_left() -> None:
    async with Client(limited(one(limit=3))).websocket("/") as socket:
        accepted = socket.accepted

    assert accepted is not None
    assert accepted["headers"] == [
        (b"ratelimit", b'"one";r=2;t=20'),
        (b"ratelimit-policy", b'"one";q=3;w=60'),
    ]


async def test_handshakes_and_requests_are_counted_together() -> None:
    client = Client(limited(one(limit=2)))

    async with client.websocket("/"):
        pass
    found = [(await client.get("/")).status for _ in range(2)]

    assert found == [200, 429]


async def test_a_match_takes_a_handshake_as_a_get() -> None:
    client = Client(limited(one(limit=1, match="GET /live")))
    await client.get("/live")

    async with client.websocket("/live") as socket:
        assert socket.denial is not None
    async with client.websocket("/other") as socket:
        assert socket.denial is None


async def test_a_connection_holds_its_slot_until_it_ends() -> None:
    client = Client(limited(one(algorithm="concurrency", limit=1), app=echo))

    async with client.websocket("/") as socket:
        await socket.send_text("still here")
        await socket.receive_text()
        during = (await client.get("/")).status
    after = (await client.get("/")).status

    assert (during, after) == (429, 200)


async def test_a_denied_connection_holds_none() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return await hello(scope, receive, send)
        await receive()
        await send({"type": "websocket.close"})

    client = Client(limited(one(algorithm="concurrency", limit=1), app=app))

    async with client.websocket("/") as socket:
        assert socket.denial is not None
        await anyio.wait_all_tasks_blocked()
        assert (await client.get("/")).status == 200


async def test_messages_over_their_rate_close_the_connection() -> None:
    told: list[Event] = []
    seen: list[Message] = []

    def listen(event: Event, exchange: Exchange) -> None:
        told.append(event)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while not seen or seen[-1]["type"] == "websocket.receive":
            seen.append(await receive())
        with pytest.raises(OSError, match="the WebSocket has been closed: too many messages"):
            await send({"type": "websocket.send", "text": "late"})

    layer = RateLimit(quotas=[one()], messages=RATE, clock=Clock())
    client = Client(Pipeline(layer, listeners=[listen])(app), client=("203.0.113.7", 1))

    async with client.websocket("/") as socket:
        for number in range(5):
            await socket.send_text(str(number))
        farewell = await socket.receive()

    assert farewell["type"] == "websocket.close"
    assert (socket.close_code, socket.close_reason) == (1008, "too many messages")
    assert [message.get("text") for message in seen] == ["0", "1", "2", None]
    assert seen[-1] == {"type": "websocket.disconnect", "code": 1008, "reason": "too many messages"}
    assert told == [Limited(quota="messages", key="203.0.113.7", mode="enforce", wait=0.5)]


async def test_messages_at_their_rate_pass() -> None:
    clock = Clock()
    client = Client(limited(one(), app=echo, messages=RATE, clock=clock))

    async with client.websocket("/") as socket:
        for number in range(20):
            await socket.send_text(str(number))
            assert await socket.receive_text() == str(number)
            clock.advance(0.5)

    assert socket.close_code == 1000


async def test_each_connection_has_a_rate_of_its_own() -> None:
    client = Client(limited(one(limit=9), app=echo, messages="1/hour"))

    for _ in range(3):
        async with client.websocket("/") as socket:
            await socket.send_text("hello")
            assert await socket.receive_text() == "hello"


async def test_a_rate_of_messages_is_nothing_to_requests() -> None:
    client = Client(limited(one(limit=9), app=echo, messages="1/hour"))

    answer = await client.post("/", content=[b"a", b"b", b"c"])

    assert answer.body == b"abc"


async def test_a_closed_connection_gives_its_slot_back() -> None:
    slots = one(algorithm="concurrency", limit=1)
    app = limited(slots, app=echo, messages="1/hour")
    client = Client(app, client=("203.0.113.7", 1))

    async with client.websocket("/") as socket:
        await socket.send_text("one")
        await socket.send_text("two")
        assert await socket.receive_text() == "one"
        assert (await socket.receive())["code"] == 1008
        await anyio.wait_all_tasks_blocked()

    assert await statuses(app, "/") == [200]


@pytest.mark.parametrize(
    "settings", [{}, {"messages": "100/second"}], ids=["plain", "with a rate of messages"]
)
@pytest.mark.parametrize("name", UNUSUAL_SOCKETS)
async def test_the_unusual_passes_with_nothing_but_fields_added(name: str, settings: dict[str, Any]) -> None:
    quotas = [one(limit=100), one(name="slots", algorithm="concurrency", limit=1)]
    app = limited(*quotas, app=lint(UNUSUAL_SOCKETS[name]), **settings)

    async def messages(client: Client) -> list[Message]:
        async with client.websocket("/") as socket:
            try:
                while True:
                    await socket.receive()
            except ConnectionError:
                return socket.messages

    bare = await messages(Client(UNUSUAL_SOCKETS[name]))
    found = [await messages(Client(app)) for _ in range(2)]

    for each in found:
        assert [message["type"] for message in each] == [message["type"] for message in bare]
        assert [_without_fields(message) for message in each] == [
            _without_fields(message) for message in bare
        ]


def _without_fields(message: Message) -> Message:
    headers = [pair for pair in message.get("headers", ()) if b"ratelimit" not in pair[0]]
    return {**message, "headers": headers}


async def test_fields_of_an_acceptance_can_be_parsed() -> None:
    quotas = [one(limit=3), one(name="slots", algorithm="concurrency"), one(name="few", limit=1)]

    async with Client(limited(*quotas)).websocket("/") as socket:
        accepted = socket.accepted or {}

    found = {name: items(value.decode()) for name, value in accepted["headers"]}
    assert [name for name, _ in found[b"ratelimit"]] == ["few", "slots", "one"]
    assert [name for name, _ in found[b"x-ratelimit-warning"]] == ["few"]
