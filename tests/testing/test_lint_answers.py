"""What the linter refuses of an HTTP answer."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.testing import (
    BROKEN_APPS,
    Client,
    Crash,
    ProtocolViolation,
    chunk,
    head,
    hello,
    lint,
    scripted,
)

pytestmark = pytest.mark.anyio

HELLO = chunk(b"hello", more=False)


def start(*fields: Any, **keys: Any) -> Message:
    return {"type": "http.response.start", "status": 200, "headers": fields, **keys}


BROKEN_ANSWERS: list[tuple[str, list[Message], str]] = [
    ("two heads", [head(), head()], r"a second http\.response\.start: an answer has one head"),
    ("a body first", [HELLO], r"http\.response\.body before the head"),
    ("trailers first", [{"type": "http.response.trailers"}], r"trailers, but the head did not announce"),
    ("a chunk after the end", [head(), HELLO, HELLO], r"http\.response\.body after the end of the answer"),
    ("a head after the end", [head(), HELLO, head()], r"http\.response\.start after the end of the answer"),
    ("an unknown type after the end", [head(), HELLO, {"type": "example"}], r"example after the end"),
    ("no answer", [], r"returned without http\.response\.start"),
    ("no body", [head()], "returned without the last message of its body"),
    ("no last chunk", [head(), chunk(b"a")], "returned without the last message of its body"),
    ("no trailers", [start(trailers=True), HELLO], "returned without the trailers that its head announced"),
    ("a body for trailers", [start(trailers=True), HELLO, HELLO], "after the last message of the body"),
    ("hints for trailers", [start(trailers=True), HELLO, {"type": "http.response.early_hint"}],
     "early_hint after the last message of the body"),
    ("early trailers", [start(trailers=True), {"type": "http.response.trailers"}], "before the last message"),
    ("capitals in a trailer", [start(trailers=True), HELLO,
     {"type": "http.response.trailers", "headers": [(b"A", b"")]}], "b'A' is not lower-case"),
    ("a status in words", [start(status="200")], "status '200' is not an integer"),
    ("no status", [{"type": "http.response.start"}], "status None is not an integer"),
    ("a boolean status", [start(status=True)], "status True is not an integer"),
    ("an interim status", [start(status=103)], "status 103 is not that of a final answer"),
    ("a status out of range", [start(status=600)], "status 600 is not that of a final answer"),
    ("headers that are no list", [start(headers=None)], "headers is None, not a list of pairs"),
    ("a header that is no pair", [start((b"a", b"b", b"c"))], "is not a name and a value"),
    ("a header that is text", [start(b"ab")], "is not a name and a value"),
    ("a name that is text", [start(("a", b"b"))], "header name 'a' is not bytes"),
    ("a value that is text", [start((b"a", "b"))], "has the value 'b', which is not bytes"),
    ("capitals in a name", [start((b"Aa", b"b"))], "b'Aa' is not lower-case"),
    ("an empty name", [start((b"", b"b"))], "b'' is not a token"),
    ("a name with a space", [start((b"a b", b"c"))], "b'a b' is not a token"),
    ("a pseudo header", [start((b":status", b"200"))], "b':status' is not a token"),
    ("CR in a value", [start((b"a", b"b\rc"))], "with CR, LF or NUL"),
    ("LF in a value", [start((b"a", b"b\nc"))], "with CR, LF or NUL"),
    ("NUL in a value", [start((b"a", b"b\0c"))], "with CR, LF or NUL"),
    ("two lengths", [start((b"content-length", b"5"), (b"content-length", b"5"))], "2 content-length fields"),
    ("length and coding", [start((b"content-length", b"5"), (b"transfer-encoding", b"chunked"))],
     "content-length together with transfer-encoding"),
    ("a length in words", [start((b"content-length", b"five"))], "content-length b'five' is not a number"),
    ("a negative length", [start((b"content-length", b"-1"))], "content-length b'-1' is not a number"),
    ("one byte too many", [start((b"content-length", b"4")), HELLO], "5 body bytes, but content-length says 4"),
    ("one byte too many in all", [start((b"content-length", b"9")), chunk(b"hello"), chunk(b"hello")],
     "10 body bytes, but content-length says 9"),
    ("one byte missing", [start((b"content-length", b"6")), HELLO], "ends after 5 bytes, but .* says 6"),
    ("a 204 with a body", [start(status=204), HELLO], "5 body bytes on a 204, which has none"),
    ("a 304 with a body", [start(status=304), HELLO], "5 body bytes on a 304, which has none"),
    ("a body in text", [head(), {"type": "http.response.body", "body": "hello"}], "body 'hello' is no bytes"),
    ("more_body in words", [head(), {"type": "http.response.body", "more_body": "no"}], "is not a boolean"),
    ("a relative path", [head(), {"type": "http.response.pathsend", "path": "x"}], "absolute path of a file"),
    ("a path to nothing", [head(), {"type": "http.response.pathsend", "path": "/nothing/here"}],
     "absolute path of a file"),
    ("a path after a chunk", [head(), chunk(b"a"), {"type": "http.response.pathsend", "path": __file__}],
     "pathsend after 1 body bytes"),
    ("a path of another length", [start((b"content-length", b"1")),
     {"type": "http.response.pathsend", "path": __file__}], "body bytes, but content-length says 1"),
    ("a file without descriptor", [head(), {"type": "http.response.zerocopysend", "file": b""}],
     "has no descriptor"),
    ("debug after the head", [head(), {"type": "http.response.debug", "info": {}}], "debug after the head"),
    ("debug twice", [{"type": "http.response.debug", "info": {}}] * 2, r"a second http\.response\.debug"),
    ("a hint with a line break", [{"type": "http.response.early_hint", "links": [b"a\nb"]}], "CR, LF or NUL"),
    ("a push that was not offered", [{"type": "http.response.push", "path": "/"}], "does not offer"),
    ("a WebSocket message", [{"type": "websocket.close"}], r"websocket\.close is no answer to an HTTP request"),
    ("no type", [{"status": 200}], "a message without a type"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("messages", "sentence"), [row[1:] for row in BROKEN_ANSWERS], ids=[row[0] for row in BROKEN_ANSWERS]
)
async def test_broken_answers_are_refused(messages: list[Message], sentence: str) -> None:
    with pytest.raises(ProtocolViolation, match=sentence):
        await Client(scripted(*messages)).get("/")


@pytest.mark.parametrize("app", BROKEN_APPS.values(), ids=BROKEN_APPS.keys())
async def test_every_broken_app_is_refused(app: ASGIApp) -> None:
    with pytest.raises(ProtocolViolation):
        await Client(app).get("/")


EXTENSIONS: list[tuple[str, list[Message]]] = [
    ("http.response.trailers", [start(trailers=True), HELLO, {"type": "http.response.trailers"}]),
    ("http.response.pathsend", [head(), {"type": "http.response.pathsend", "path": __file__}]),
    ("http.response.early_hint", [{"type": "http.response.early_hint", "links": []}, head(), HELLO]),
    ("http.response.push", [{"type": "http.response.push", "path": "/a"}, head(), HELLO]),
    ("http.response.debug", [{"type": "http.response.debug", "info": {}}, head(), HELLO]),
]


@pytest.mark.parametrize(("extension", "messages"), EXTENSIONS, ids=[row[0] for row in EXTENSIONS])
async def test_an_extension_is_used_only_where_it_is_offered(extension: str, messages: list[Message]) -> None:
    app = scripted(*messages)

    with pytest.raises(ProtocolViolation, match=f"does not offer {extension}"):
        await Client(app, extensions=()).get("/")
    answer = await Client(app, extensions=[extension]).get("/")

    assert answer.complete


async def test_a_descriptor_is_sent_only_where_that_is_offered(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"hello")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start((b"content-length", b"5")))
        with (tmp_path / "file").open("rb") as file:
            await send({"type": "http.response.zerocopysend", "file": file})

    with pytest.raises(ProtocolViolation, match=r"does not offer http\.response\.zerocopysend"):
        await Client(app, extensions=()).get("/")
    answer = await Client(app).get("/")

    assert answer.body == b"hello"


async def test_the_length_of_a_file_counts_from_where_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"hello")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start((b"content-length", b"10")))
        with (tmp_path / "file").open("rb", buffering=0) as file:
            part = {"type": "http.response.zerocopysend", "file": file, "more_body": True}
            await send({**part, "count": 2})
            await send({**part, "offset": 0})
            await send(part)
            await send(chunk(b"", more=False))

    answer = await Client(app).get("/")

    assert answer.body == b"he" + b"hello" + b"llo"


async def test_what_can_be_read_once_is_left_for_the_server() -> None:
    app = scripted(
        {"type": "http.response.early_hint", "links": iter([b"</a>"])},
        {"type": "http.response.start", "status": 200, "headers": iter([(b"a", b"b")])},
        HELLO,
    )

    answer = await Client(app).get("/")

    assert answer.messages[0]["links"] == [b"</a>"]
    assert answer.headers == [(b"a", b"b")]


async def test_capitals_may_be_allowed() -> None:
    app = scripted(head(200, (b"Content-Type", b"text/plain"), (b"Content-Length", b"5")), HELLO)

    answer = await Client(lint(app, any_case=True), lint=False).get("/")

    assert answer.header("content-type") == "text/plain"


async def test_a_result_is_refused() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> Any:
        await hello(scope, receive, send)
        return "done"

    with pytest.raises(ProtocolViolation, match="returned 'done'; an app returns None"):
        await Client(app).get("/")


async def test_an_app_that_raises_owes_no_answer() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise Crash("before the head")

    with pytest.raises(Crash):
        await Client(app).get("/")


@pytest.mark.parametrize("spec_version", ["2.3", "2.4"])
async def test_an_app_that_lost_its_client_owes_no_answer(spec_version: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    answer = await Client(app, spec_version=spec_version).get("/", leave_after=0)

    assert answer.exception is None


async def test_an_app_that_was_refused_owes_no_more() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send(head())
            await send(chunk(b"hel"))
        except OSError:
            return

    answer = await Client(app).get("/", leave_after=1)

    assert answer.exception is None


async def test_a_task_that_outlives_its_call_is_refused() -> None:
    refused: list[str] = []

    async with anyio.create_task_group() as tasks:
        ended = anyio.Event()

        async def late(receive: Receive, send: Send) -> None:
            await ended.wait()
            with pytest.raises(ProtocolViolation, match="example was sent by a task that outlived its call"):
                await send({"type": "example"})
            refused.append("send")
            with pytest.raises(
                ProtocolViolation, match="receive was called by a task that outlived its call"
            ):
                await receive()
            refused.append("receive")

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            tasks.start_soon(late, receive, send)
            await hello(scope, receive, send)

        await Client(app).get("/")
        ended.set()

    assert refused == ["send", "receive"]
