"""Requests through the layer: what is decoded, what the app sees of it, and what stands in for its answer."""

import gc
import tracemalloc
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import anyio
import pytest
from litestar import Litestar, post
from litestar import Request as LitestarRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asgi_patterns import Decompression, Pipeline, Problems
from asgi_patterns.compression import BodyDecoded, BodyNotDecoded
from asgi_patterns.compression.decoding import CODINGS, Coding
from asgi_patterns.kernel.body import Body, BodyTooLarge
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.testing import (
    ABANDONED_BODIES,
    UNUSUAL_APPS,
    Client,
    chunk,
    head,
    hello,
    read_body,
    scripted,
)
from tests.compression.request_bodies import ENCODERS, Mirror, heard, served, zeros

pytestmark = pytest.mark.anyio

GZIP = {"content-encoding": "gzip"}
HELLO = ENCODERS["gzip"](b"hello")
BROKEN = HELLO[:-1]
BOMB = zeros("gzip", 16)
PROBLEM = "application/problem+json"

# --- Content-Encoding ---

READ: list[tuple[str, list[str], Coding | None]] = [
    ("gzip is", ["gzip"], "gzip"),
    ("x-gzip is gzip (8.4.1.3)", ["x-gzip"], "gzip"),
    ("br is", ["br"], "br"),
    ("zstd is", ["zstd"], "zstd"),
    ("the case means nothing (8.4.1)", ["GZip"], "gzip"),
    ("whitespace around it means nothing", [" \tgzip \t"], "gzip"),
    ("empty elements mean nothing (5.6.1)", [", gzip,,"], "gzip"),
    ("identity beside it means nothing", ["identity, gzip"], "gzip"),
    ("identity on another line means nothing", ["gzip", "identity"], "gzip"),
    ("identity alone leaves the body as it is", ["identity"], None),
    ("an empty field leaves the body as it is", [""], None),
    ("several of nothing leave the body as it is", ["identity", " , IDENTITY", ""], None),
]


@pytest.mark.parametrize(("lines", "coding"), [case[1:] for case in READ], ids=[case[0] for case in READ])
async def test_it_is_read(lines: list[str], coding: Coding | None) -> None:
    body = b"hello" if coding is None else ENCODERS[coding](b"hello")

    answer = await served(Mirror()).post(
        "/", headers=[("content-encoding", line) for line in lines], content=body
    )

    assert (answer.status, answer.body) == (200, b"hello")


REFUSED: list[tuple[str, list[str], dict[str, Any], list[str]]] = [
    ("deflate is", ["deflate"], {}, [*CODINGS]),
    ("compress is", ["compress"], {}, [*CODINGS]),
    ("a coding that nobody knows is", ["gzip2"], {}, [*CODINGS]),
    ("a parameter is no part of a coding", ["gzip;q=1"], {}, [*CODINGS]),
    ("a star is no coding", ["*"], {}, [*CODINGS]),
    ("two codings are", ["gzip, br"], {}, [*CODINGS]),
    ("the same one twice is", ["gzip, gzip"], {}, [*CODINGS]),
    ("two codings on two lines are", ["gzip", "zstd"], {}, [*CODINGS]),
    ("what is not Latin letters is", ["gz\u00efp"], {}, [*CODINGS]),
    ("one that the settings leave out is", ["br"], {"codings": ["zstd", "gzip"]}, ["zstd", "gzip"]),
]


@pytest.mark.parametrize(
    ("lines", "given", "known"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
async def test_it_is_refused(lines: list[str], given: dict[str, Any], known: list[str]) -> None:
    mirror = Mirror()
    headers = [(b"content-encoding", line.encode("latin-1")) for line in lines]

    answer = await served(mirror, **given).post("/", scope={"headers": headers}, content=HELLO)

    assert (answer.status, answer.header("content-type")) == (415, PROBLEM)
    assert answer.header("accept-encoding") == ", ".join(known)
    assert answer.json()["supported"] == known
    assert mirror.scopes == []


async def test_a_415_is_sent_before_anything_is_read() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("nothing of it is wanted")

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-encoding", b"deflate")]}
    await Decompression()(hello)(scope, receive, send)

    assert sent[0]["status"] == 415


# --- what the app sees ---


async def test_the_app_sees_a_request_that_was_never_coded() -> None:
    mirror = Mirror()
    about_the_coded = {
        "content-digest": "sha-256=:AAAA:",
        "repr-digest": "sha-256=:AAAA:",
        "digest": "sha-256=AAAA",
        "content-md5": "AAAA",
    }
    kept = {"content-type": "text/plain", "want-content-digest": "sha-256=1", "accept-encoding": "gzip"}

    await served(mirror).post("/", headers={**GZIP, **about_the_coded, **kept}, content=HELLO)

    names = mirror.fields.keys()
    assert not names & {b"content-encoding", b"content-length", *map(str.encode, about_the_coded)}
    assert names >= {*map(str.encode, kept)}


async def test_the_scope_of_the_server_stays_as_it_is() -> None:
    headers = [(b"content-encoding", b"gzip"), (b"content-length", b"25")]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    before = ({**scope}, [*headers])

    async def receive() -> Message:
        return {"type": "http.request", "body": HELLO}

    async def send(message: Message) -> None:
        pass

    await Decompression()(Mirror())(scope, receive, send)

    assert (scope, headers) == before


async def test_a_body_that_is_not_coded_passes_untouched() -> None:
    seen: list[tuple[Scope, Receive, Send]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, receive, send))

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"accept-encoding", b"gzip")]}
    await Decompression()(app)(scope, receive, send)

    assert seen[0][0] is scope
    assert seen[0][1:] == (receive, send)


async def test_what_a_router_finds_is_seen_further_out() -> None:
    scopes: list[Scope] = []

    async def show(request: Request) -> PlainTextResponse:
        await request.body()
        return PlainTextResponse("")

    def listen(event: Event, exchange: Exchange) -> None:
        scopes.append(exchange.scope)

    app = Starlette(routes=[Route("/items/{id}", show, methods=["POST"])])
    client = Client(Pipeline(Decompression(), listeners=[listen])(app))

    await client.post("/items/7", headers=GZIP, content=HELLO)

    assert scopes[0]["path_params"] == {"id": "7"}


def request(body: bytes | None = None, more: bool | None = None) -> Message:
    """A message with exactly these keys."""
    given = {"body": body, "more_body": more}
    return {"type": "http.request", **{key: value for key, value in given.items() if value is not None}}


UNUSUAL: dict[str, Sequence[Message]] = {
    "one message has it all": [request(HELLO)],
    "an empty message follows without any key": [request(HELLO, True), request()],
    "a message without body comes first": [request(more=True), request(HELLO)],
    "empty chunks come between": [
        request(b"", True),
        request(HELLO[:9], True),
        request(b"", True),
        request(HELLO[9:], True),
        request(b"", True),
        request(b"", False),
    ],
    "each byte comes alone": [*(request(HELLO[at : at + 1], True) for at in range(len(HELLO))), request()],
}


@pytest.mark.parametrize("read_first", [False, True], ids=["as it comes", "first"])
@pytest.mark.parametrize("messages", UNUSUAL.values(), ids=UNUSUAL)
async def test_a_body_in_unusual_messages_is_decoded(messages: Sequence[Message], read_first: bool) -> None:
    answer = await served(Mirror(), read_first=read_first).post("/", headers=GZIP, content=messages)

    assert (answer.status, answer.body) == (200, b"hello")


@pytest.mark.parametrize("read_first", [False, True], ids=["as it comes", "first"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
async def test_a_body_without_any_bytes_is_none(method: str, read_first: bool) -> None:
    mirror = Mirror()

    answer = await served(mirror, read_first=read_first).request(method, "/", headers=GZIP)

    assert answer.status == 200
    assert b"".join(message.get("body", b"") for message in mirror.messages) == b""


@pytest.mark.parametrize("read_first", [False, True], ids=["as it comes", "first"])
@pytest.mark.parametrize("messages", ABANDONED_BODIES.values(), ids=ABANDONED_BODIES)
async def test_a_client_that_leaves_is_seen_as_ever(messages: Sequence[Message], read_first: bool) -> None:
    coded = {b"hel": HELLO[:9], b"hello": HELLO}
    content = [{**each, **({"body": coded[each["body"]]} if "body" in each else {})} for each in messages]
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "http.disconnect":
            seen.append(message["type"])
        seen.append(message["type"])

    await served(app, read_first=read_first).post("/", headers=GZIP, content=content)

    assert seen == [message["type"] for message in messages]


async def test_nothing_is_decoded_before_the_app_reads() -> None:
    answer = await served(hello).post("/", headers=GZIP, content=b"not gzip at all")

    assert (answer.status, answer.body) == (200, b"hello")


async def test_the_app_gets_each_chunk_when_it_has_come() -> None:
    content = b"a" * 3000 + b"b" * 3000
    coded = ENCODERS["gzip"](b"a" * 3000) + ENCODERS["gzip"](b"b" * 3000)
    half = len(coded) // 2
    seen: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head())
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            seen.append(len(message["body"]))
            await send(chunk(b"seen", more=more))

    async with served(app).stream(
        "POST", "/", headers=GZIP, content=[coded[:half]], keep_open=True
    ) as stream:
        await stream.next_message()
        await stream.next_message()
        first = [*seen]
        stream.feed(coded[half:], more=False)
        await stream.ended()

    assert first == [3000]
    assert sum(seen) == len(content)


@pytest.mark.parametrize("app", UNUSUAL_APPS.values(), ids=UNUSUAL_APPS)
async def test_answers_pass_as_they_are(app: ASGIApp) -> None:
    bare = await Client(app).post("/", content=b"hello", raise_app_exceptions=False)

    behind = await served(app).post("/", headers=GZIP, content=HELLO, raise_app_exceptions=False)

    for name in ("status", "headers", "body", "trailers"):
        assert getattr(behind, name) == getattr(bare, name)
    assert [message["type"] for message in behind.messages] == [message["type"] for message in bare.messages]


@pytest.mark.parametrize("kind", ["websocket", "lifespan", "of-the-future"])
async def test_what_is_no_request_passes_as_it_is(kind: str) -> None:
    seen: list[tuple[Scope, Receive, Send]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, receive, send))

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError

    scope = {"type": kind, "path": "/", "headers": [(b"content-encoding", b"gzip")]}
    await Decompression().attach(app)(scope, receive, send)

    assert seen == [(scope, receive, send)]
    assert seen[0][0] is scope


async def test_two_requests_at_a_time_do_not_meet() -> None:
    read = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        first = await receive()
        if scope["path"] == "/slow":
            await read.wait()
        else:
            read.set()
        body = first["body"] + await read_body(receive)
        await send(head())
        await send(chunk(body, more=False))

    client = served(app)
    answers: dict[str, Any] = {}

    async def post(path: str, coding: Coding, content: bytes) -> None:
        coded = ENCODERS[coding](content)
        answers[path] = await client.post(
            path, headers={"content-encoding": coding}, content=[coded[:9], coded[9:]]
        )

    async with anyio.create_task_group() as group:
        group.start_soon(post, "/slow", "gzip", b"one" * 100)
        group.start_soon(post, "/quick", "zstd", b"other" * 100)

    assert answers["/slow"].body == b"one" * 100
    assert answers["/quick"].body == b"other" * 100


async def test_two_layers_undo_no_more_than_one_coding() -> None:
    app = Decompression(name="outer")(Decompression(name="inner")(Mirror()))

    answer = await Client(app).post("/", headers=GZIP, content=ENCODERS["gzip"](HELLO))

    assert answer.body == HELLO


# --- read_first ---


async def test_a_body_that_is_read_first_has_a_length() -> None:
    mirror = Mirror()

    answer = await served(mirror, read_first=True).post("/", headers=GZIP, content=HELLO)

    assert mirror.fields[b"content-length"] == b"5"
    assert answer.body == b"hello"


@pytest.mark.parametrize(("body", "status"), [(BOMB, 413), (BROKEN, 400)], ids=["a bomb", "a broken one"])
async def test_what_is_read_first_and_cannot_be_decoded_never_gets_to_the_app(
    body: bytes, status: int
) -> None:
    mirror = Mirror()

    answer = await served(mirror, read_first=True).post("/", headers=GZIP, content=body)

    assert (answer.status, answer.header("content-type")) == (status, PROBLEM)
    assert mirror.scopes == []


@pytest.mark.parametrize("read_first", [False, True], ids=["as it comes", "first"])
async def test_what_a_limit_further_out_raises_is_not_ours(read_first: bool) -> None:
    layer = Decompression(read_first=read_first)(Mirror())

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        body = Body.of(receive)
        body.limit(10)
        await layer(scope, body, send)

    with pytest.raises(BodyTooLarge, match="larger than 10 bytes"):
        await Client(limited, lint=False).post("/", headers=GZIP, content=HELLO)


# --- what stands in for the app's answer ---


def answering(status: int) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await read_body(receive)
        except Exception:
            await send(head(status, (b"content-length", b"4")))
            await send(chunk(b"mi", more=True))
            await send(chunk(b"ne", more=False))

    return app


async def raising(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await read_body(receive)
    except Exception as error:
        raise RuntimeError("could not read") from error


async def grouping(scope: Scope, receive: Receive, send: Send) -> None:
    async with anyio.create_task_group():
        await read_body(receive)


async def answering_and_raising(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await read_body(receive)
    except Exception:
        await send(head(500))
        await send(chunk(b"oh", more=False))
        raise


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    with suppress(Exception):
        await read_body(receive)


async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
    with suppress(Exception):
        await read_body(receive)
    with suppress(Exception):
        await receive()
    await receive()


STOOD_IN: dict[str, ASGIApp] = {
    "lets it out": Mirror(),
    "raises something else because of it": raising,
    "lets it out of a task group": grouping,
    "answers 500": answering(500),
    "answers 400": answering(400),
    "answers 413 in its own way": answering(413),
    "answers 500 and lets it out": answering_and_raising,
    "says nothing": silent,
    "reads again and again": stubborn,
}


@pytest.mark.parametrize(("body", "status"), [(BOMB, 413), (BROKEN, 400)], ids=["a bomb", "a broken one"])
@pytest.mark.parametrize("app", STOOD_IN.values(), ids=STOOD_IN)
async def test_the_problem_is_the_answer_of_an_app_that(app: ASGIApp, body: bytes, status: int) -> None:
    answer = await served(app).post("/", headers=GZIP, content=[body[:10], body[10:]])

    assert (answer.status, answer.header("content-type")) == (status, PROBLEM)
    assert answer.json()["status"] == status


@pytest.mark.parametrize("read_first", [False, True], ids=["as it comes", "first"])
@pytest.mark.parametrize("app", [Mirror(), answering(500)], ids=["lets it out", "answers 500"])
async def test_a_bomb_leaves_nothing_behind(app: ASGIApp, read_first: bool) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": BOMB, "more_body": False}

    async def send(message: Message) -> None:
        pass

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-encoding", b"gzip")]}
    layer = Decompression(read_first=read_first)(app)
    await layer(scope, receive, send)
    gc.collect()
    gc.disable()  # until the collector comes by, what holds itself would stay
    tracemalloc.start()
    try:
        for _ in range(10):
            await layer(scope, receive, send)
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()

    assert left < 1024 * 1024


async def test_an_answer_that_is_no_error_is_the_apps_to_give() -> None:
    answer = await served(answering(202)).post("/", headers=GZIP, content=BROKEN)

    assert (answer.status, answer.body) == (202, b"mine")


async def test_an_answer_that_has_begun_goes_on() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head(200))
        await read_body(receive)

    answer = await served(app).post("/", headers=GZIP, content=BROKEN, raise_app_exceptions=False)

    assert answer.status == 200
    assert answer.exception is not None


async def test_an_answer_that_has_begun_may_end() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head(200))
        with pytest.raises(BodyTooLarge):
            await read_body(receive)
        await send(chunk(b"too much", more=False))

    answer = await served(app).post("/", headers=GZIP, content=BOMB)

    assert (answer.status, answer.body) == (200, b"too much")


async def test_a_crash_of_another_kind_is_not_hidden() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(Exception):
            await read_body(receive)
        raise KeyError("a bug")

    answer = await served(app).post("/", headers=GZIP, content=BROKEN, raise_app_exceptions=False)

    assert answer.status == 400
    assert isinstance(answer.exception, KeyError)


async def test_a_crash_before_anything_was_read_is_the_apps_own() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await served(app).post("/", headers=GZIP, content=BROKEN)


async def test_an_error_that_the_app_answers_itself_stays_where_the_body_was_read() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)
        await scripted(head(422), chunk(b"no", more=False))(scope, receive, send)

    answer = await served(app).post("/", headers=GZIP, content=HELLO)

    assert (answer.status, answer.body) == (422, b"no")


async def test_problems_further_out_give_it_its_type() -> None:
    app = Pipeline(Problems(base="https://shop.example/problems/"), Decompression())(Mirror())

    answer = await Client(app).post("/", headers=GZIP, content=BOMB)

    problem = answer.json()
    assert problem["type"] == "https://shop.example/problems/decoded-content-too-large"
    assert problem["maxSize"] == 10 * 1024 * 1024
    assert problem["maxRatio"] == 100
    assert 1024 * 1024 < problem["receivedSize"] < 16 * 1024 * 1024


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(("body", "status"), [(BOMB, 413), (BROKEN, 400), (HELLO, 201)])
async def test_it_may_stand_in_the_middleware_of_litestar(body: bytes, status: int) -> None:
    @post("/")
    async def show(request: LitestarRequest[Any, Any, Any]) -> str:
        return (await request.body()).decode()

    app = Litestar([show], middleware=[Decompression()], openapi_config=None)

    answer = await Client(app).post("/", headers=GZIP, content=body)

    assert answer.status == status


@pytest.mark.parametrize(("body", "status"), [(BOMB, 413), (BROKEN, 400), (HELLO, 200)])
async def test_it_may_stand_in_the_middleware_of_starlette(body: bytes, status: int) -> None:
    async def show(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await request.body())

    app = Starlette(routes=[Route("/", show, methods=["POST"])])
    app.add_middleware(Decompression())

    answer = await Client(app).post("/", headers=GZIP, content=body)

    assert answer.status == status


# --- events ---

TOLD: list[tuple[str, str, bytes, dict[str, Any], Event]] = [
    ("a body was decoded", "gzip", HELLO, {}, BodyDecoded(coding="gzip", sent=len(HELLO), decoded=5)),
    ("a body is broken", "gzip", BROKEN, {}, BodyNotDecoded(reason="malformed", coding="gzip")),
    ("a body is out of proportion", "gzip", BOMB, {}, BodyNotDecoded(reason="ratio", coding="gzip")),
    ("a body is too large", "gzip", HELLO, {"max_size": 4}, BodyNotDecoded(reason="size", coding="gzip")),
    ("a coding is not known", "deflate", HELLO, {}, BodyNotDecoded(reason="unsupported", coding=None)),
    ("codings are stacked", "gzip, br", HELLO, {}, BodyNotDecoded(reason="stacked", coding=None)),
]


@pytest.mark.parametrize(
    ("coding", "body", "given", "event"), [case[1:] for case in TOLD], ids=[case[0] for case in TOLD]
)
async def test_listeners_are_told_once(coding: str, body: bytes, given: dict[str, Any], event: Event) -> None:
    client, events = heard(Mirror(), **given)

    await client.post("/", headers={"content-encoding": coding}, content=[body[:7], body[7:]])

    assert events == [event]
