"""What the linter refuses of a layer: under a server that watches, around an app that is watched."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.testing import (
    UNUSUAL_APPS,
    UNUSUAL_BODIES,
    Client,
    Crash,
    ProtocolViolation,
    chunk,
    echo,
    head,
    hello,
    lint,
    scripted,
)

pytestmark = pytest.mark.anyio

Layer = Callable[[ASGIApp], ASGIApp]
HELLO = chunk(b"hello", more=False)


def copying(app: ASGIApp) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "mine": 1}, receive, send)

    return layer


def setting(key: str, value: Any) -> Layer:
    def wrap(app: ASGIApp) -> ASGIApp:
        async def layer(scope: Scope, receive: Receive, send: Send) -> None:
            scope[key] = value
            await app(scope, receive, send)

        return layer

    return wrap


def deleting(key: str) -> Layer:
    def wrap(app: ASGIApp) -> ASGIApp:
        async def layer(scope: Scope, receive: Receive, send: Send) -> None:
            del scope[key]
            await app(scope, receive, send)

        return layer

    return wrap


def appending(app: ASGIApp) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        scope["headers"].append((b"x-mine", b"1"))
        await app(scope, receive, send)

    return layer


def withdrawing(app: ASGIApp) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        del scope["extensions"]["http.response.pathsend"]
        await app(scope, receive, send)

    return layer


CHANGES: list[tuple[str, Layer, str]] = [
    ("adds a key", setting("mine", 1), "mine"),
    ("replaces a key", setting("path", "/other"), "path"),
    ("deletes a key", deleting("state"), "state"),
    ("appends a header", appending, "headers"),
    ("withdraws an extension", withdrawing, "extensions"),
]


@pytest.mark.parametrize(("layer", "key"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
async def test_a_layer_that_changes_the_scope_it_was_given(layer: Layer, key: str) -> None:
    with pytest.raises(ProtocolViolation, match=f"changed in place, not copied: {key}"):
        await Client(layer(hello)).get("/")


async def test_a_layer_may_change_a_copy_and_an_app_may_write_to_the_state() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["user"] = "me"
        await hello(scope, receive, send)

    answer = await Client(copying(app)).get("/")

    assert answer.status == 200


async def test_frameworks_may_sign_the_scope() -> None:
    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{request.path_params['name']}")

    app = Starlette(routes=[Route("/{name}", page)])

    async with Client(app) as client:
        answer = await client.get("/me")

    assert answer.text == "me"


SCOPES: list[tuple[str, Layer, str]] = [
    ("without path", deleting("path"), "the http scope has no 'path'"),
    ("without headers", deleting("headers"), "the http scope has no 'headers'"),
    ("a path in bytes", setting("path", b"/"), "the scope's 'path' is b'/', not str"),
    ("a query in text", setting("query_string", "a=1"), "the scope's 'query_string' is 'a=1', not bytes"),
    ("a client in text", setting("client", "127.0.0.1"), "the scope's 'client' is '127.0.0.1', not tuple or list"),
    ("extensions in a list", setting("extensions", []), "not Mapping or NoneType"),
    ("a header that is no pair", setting("headers", [(b"a",)]), "the scope's headers hold"),
    ("a header in text", setting("headers", [("a", "b")]), "not bytes"),
    ("a header with capitals", setting("headers", [(b"A", b"b")]), "header name b'A' is not lower-case"),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "sentence"), [row[1:] for row in SCOPES], ids=[row[0] for row in SCOPES])
async def test_a_layer_that_hands_a_bad_scope_inwards(layer: Layer, sentence: str) -> None:
    with pytest.raises(ProtocolViolation, match=sentence):
        await Client(layer(lint(hello)), lint=False).get("/")


def giving(*messages: Message) -> Layer:
    def wrap(app: ASGIApp) -> ASGIApp:
        async def layer(scope: Scope, receive: Receive, send: Send) -> None:
            feed: Iterator[Message] = iter(messages)

            async def replaced() -> Message:
                return next(feed)

            await app(scope, replaced, send)

        return layer

    return wrap


REQUEST: Message = {"type": "http.request"}
GIVEN: list[tuple[str, list[Message], str]] = [
    ("two last messages", [REQUEST, REQUEST], r"gave http\.request after the last one"),
    ("a body after leaving", [{"type": "http.disconnect"}, REQUEST], r"http\.request after http\.disconnect"),
    ("another type", [{"type": "websocket.receive"}], r"gave websocket\.receive, which no HTTP request has"),
    ("a body in text", [{**REQUEST, "body": "a"}], "gave a body that is not bytes: 'a'"),
    ("more_body in words", [{**REQUEST, "more_body": None}], "gave more_body None"),
]


@pytest.mark.parametrize(("given", "sentence"), [row[1:] for row in GIVEN], ids=[row[0] for row in GIVEN])
async def test_a_layer_that_gives_illegal_messages(given: list[Message], sentence: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in given:
            await receive()
        await hello(scope, receive, send)

    with pytest.raises(ProtocolViolation, match=sentence):
        await Client(giving(*given)(lint(app))).get("/")


async def test_disconnects_may_repeat() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await hello(scope, receive, send)
        for _ in range(3):
            await receive()

    answer = await Client(copying(lint(app))).get("/")

    assert answer.status == 200


def swallowing(app: ASGIApp) -> ASGIApp:
    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception:
            await send(head(500))
            await send(HELLO)

    return layer


async def test_no_layer_hides_what_an_inner_linter_found() -> None:
    with pytest.raises(ProtocolViolation, match="returned without") as raised:
        await Client(swallowing(lint(scripted()))).get("/", raise_app_exceptions=False)

    assert raised.value.__cause__ is None


async def test_a_violation_is_the_cause_of_what_follows_from_it() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send(HELLO)
        except ProtocolViolation:
            raise Crash("something else") from None

    with pytest.raises(ProtocolViolation, match="before the head") as raised:
        await Client(app).get("/")

    assert isinstance(raised.value.__cause__, Crash)


@pytest.mark.parametrize("app", UNUSUAL_APPS.values(), ids=UNUSUAL_APPS.keys())
async def test_unusual_apps_are_legal_inside_and_outside(app: ASGIApp) -> None:
    answer = await Client(copying(lint(app)), lint=True).post("/", content=b"body")

    assert answer.complete


@pytest.mark.parametrize("content", UNUSUAL_BODIES.values(), ids=UNUSUAL_BODIES.keys())
async def test_unusual_bodies_are_legal(content: list[Message]) -> None:
    answer = await Client(copying(lint(echo))).post("/", content=content)

    assert answer.body == b"hello"


DATA: Message = {"type": "websocket.receive", "text": "a"}
CONNECT: Message = {"type": "websocket.connect"}
SOCKET_GIVEN: list[tuple[str, list[Message], str]] = [
    ("data before connect", [DATA], r"websocket\.receive before websocket\.connect"),
    ("connected twice", [CONNECT, CONNECT], r"a second websocket\.connect"),
    ("data after leaving", [CONNECT, {"type": "websocket.disconnect"}, DATA], r"after websocket\.disconnect"),
    ("data without keys", [CONNECT, {"type": "websocket.receive"}], "exactly one of bytes and text"),
    ("another type", [{"type": "http.request"}], r"gave http\.request, which no WebSocket has"),
]


@pytest.mark.parametrize(
    ("given", "sentence"), [row[1:] for row in SOCKET_GIVEN], ids=[row[0] for row in SOCKET_GIVEN]
)
async def test_a_layer_that_gives_illegal_socket_messages(given: list[Message], sentence: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in given:
            await receive()
        await send({"type": "websocket.accept"})

    with pytest.raises(ProtocolViolation, match=sentence):
        async with Client(giving(*given)(lint(app))).websocket("/ws"):
            pass
