"""``RequestId``: which ids are kept, and where the id then stands."""

import logging
import re

import pytest

from asgi_patterns import Pipeline, RequestId, RequestIdFilter, request_id
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.testing import UNUSUAL_APPS, Client, hello

pytestmark = pytest.mark.anyio

MADE = re.compile(r"[0-9a-f]{32}")

CLAIMS: list[tuple[str, list[str], bool]] = [
    ("eight characters are kept", ["abcDEF12"], True),
    ("seven are too few", ["abcdef1"], False),
    ("128 are kept", ["a" * 128], True),
    ("129 are too many", ["a" * 129], False),
    ("dots, lines and tildes are kept", ["a.b-c_d~"], True),
    ("a space is not", ["abcd efgh"], False),
    ("nor markup", ["<script>alert(1)</script>"], False),
    ("nor what would colour a terminal", ["\x1b[31mabcdefgh"], False),
    ("nor Latin-1", ["abcdefgh\xe9"], False),
    ("nor an empty one", [""], False),
    ("of two none is kept", ["abcdefgh", "abcdefgh"], False),
    ("nor of two in one line", ["abcdefgh, ijklmnop"], False),
    ("none", [], False),
]


@pytest.mark.parametrize(("claimed", "kept"), [row[1:] for row in CLAIMS], ids=[row[0] for row in CLAIMS])
async def test_which_id_is_kept(claimed: list[str], kept: bool) -> None:
    answer = await Client(RequestId()(hello)).get("/", headers=[("X-Request-ID", each) for each in claimed])

    (given,) = answer.all("x-request-id")
    assert given == claimed[0] if kept else MADE.fullmatch(given)


PEERS = [
    ("a proxy we trust may name it", "10.0.0.1", {"x-forwarded-for": "192.0.2.9"}, True),
    ("anybody else may not", "192.0.2.1", {"x-forwarded-for": "192.0.2.9"}, False),
]


@pytest.mark.parametrize(
    ("peer", "headers", "kept"), [row[1:] for row in PEERS], ids=[row[0] for row in PEERS]
)
async def test_only_from_proxies(peer: str, headers: dict[str, str], kept: bool) -> None:
    app = Pipeline(RequestId(accept="proxies"), trusted_proxies=["10.0.0.0/8"])(hello)

    answer = await Client(app, client=(peer, 1)).get("/", headers={**headers, "x-request-id": "abcdefgh"})

    assert (answer.header("x-request-id") == "abcdefgh") is kept


async def test_the_field_can_have_another_name() -> None:
    answer = await Client(RequestId(header="X-Correlation-ID")(hello)).get(
        "/", headers={"x-correlation-id": "abcdefgh"}
    )

    assert answer.header("x-correlation-id") == "abcdefgh"
    assert answer.header("x-request-id") is None


@pytest.mark.parametrize("name", ["", "X Request", "X-Request:ID", "X-Request\r\n"])
def test_a_name_that_is_no_field_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="header"):
        RequestId(header=name)


async def test_an_id_that_the_app_sets_itself_is_replaced_not_doubled() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"X-Request-Id", b"mine"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})

    answer = await Client(RequestId()(app), lint=False).get("/", headers={"x-request-id": "abcdefgh"})

    assert answer.all("x-request-id") == ["abcdefgh"]


async def test_handlers_logs_and_the_exchange_know_it(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str | None] = []
    caplog.handler.addFilter(RequestIdFilter())

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        logging.getLogger("shop").warning("working")
        seen.extend([request_id(), Exchange.of(scope)[0].request_id])
        await hello(scope, receive, send)

    await Client(RequestId()(app)).get("/", headers={"x-request-id": "abcdefgh"})
    logging.getLogger("shop").warning("resting")

    assert seen == ["abcdefgh", "abcdefgh"]
    assert [record.request_id for record in caplog.records] == ["abcdefgh", "-"]  # type: ignore[attr-defined]  # the filter adds it
    assert request_id() is None


async def test_a_second_layer_keeps_the_id_of_the_first() -> None:
    app = Pipeline(RequestId(), RequestId(header="X-Correlation-ID", name="correlation"))(hello)

    answer = await Client(app).get("/")

    assert answer.header("x-request-id") == answer.header("x-correlation-id")


async def test_a_websocket_has_one_on_its_handshake() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    async with Client(RequestId()(app)).websocket("/ws", headers={"x-request-id": "abcdefgh"}) as ws:
        accepted = ws.accepted

    assert accepted is not None
    assert accepted["headers"] == [(b"x-request-id", b"abcdefgh")]


async def test_two_interleaved_requests_keep_their_own() -> None:
    layer = RequestId()
    one, two, three = layer(hello), layer(hello), layer(hello)

    async with (
        Client(one).stream("GET", "/", headers={"x-request-id": "first-id"}) as first,
        Client(two).stream("GET", "/", headers={"x-request-id": "second-id"}) as second,
    ):
        heads = [await second.head(), await first.head()]
    last = await Client(three).get("/")

    assert [head.header("x-request-id") for head in heads] == ["second-id", "first-id"]
    assert MADE.fullmatch(last.header("x-request-id") or "")


@pytest.mark.parametrize("name", UNUSUAL_APPS)
async def test_the_unusual_passes_with_nothing_but_the_id_added(name: str) -> None:
    app = UNUSUAL_APPS[name]
    bare = await Client(app, lint=False).get("/", raise_app_exceptions=False)

    answer = await Client(RequestId()(app), lint=False).get("/", raise_app_exceptions=False)

    assert [message["type"] for message in answer.messages] == [message["type"] for message in bare.messages]
    assert answer.body == bare.body
    assert repr(answer.exception) == repr(bare.exception)
