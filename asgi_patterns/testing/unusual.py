"""Apps whose answers are legal and seldom seen; careless layers break them.

Both mappings go into ``pytest.mark.parametrize``: a key is the sentence that becomes the id of a test.

``UNUSUAL_APPS``: HTTP. ``UNUSUAL_SOCKETS``: WebSockets.
"""

from collections.abc import Mapping
from io import FileIO
from pathlib import Path

from anyio import create_task_group
from anyio.lowlevel import checkpoint

from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.testing.apps import BODY, START, chunk, head, hello, read_body, scripted, with_lifespan

FILE = Path(__file__)
"""The file that the apps below send: this one."""


no_body_key = scripted(head(), {"type": BODY, "more_body": True}, chunk(b"hello"), {"type": BODY})
no_headers_key = scripted({"type": START, "status": 200}, {"type": BODY, "body": b"hello"})
pairs_as_lists = scripted(
    {"type": START, "status": 200, "headers": [[b"content-length", b"5"]]}, {"type": BODY, "body": b"hello"}
)
repeated_fields = scripted(
    head(200, (b"set-cookie", b"a=1"), (b"vary", b"accept"), (b"set-cookie", b"b=2"), (b"vary", b"cookie")),
    chunk(b"hello", more=False),
)
empty_chunks = scripted(
    head(), chunk(b""), chunk(b"hel"), chunk(b""), chunk(b""), chunk(b"lo"), chunk(b"", more=False)
)
late_end = scripted(head(), chunk(b"hello"), chunk(b"", more=False))
other_bytes = scripted(
    head(),
    {"type": BODY, "body": bytearray(b"hel"), "more_body": True},
    {"type": BODY, "body": memoryview(b"lo")},
)
no_content = scripted({"type": START, "status": 204}, {"type": BODY})
not_modified = scripted(head(304, (b"etag", b'"1"'), (b"content-length", b"5")), {"type": BODY})
length_on_head = hello
body_on_head = scripted(head(200, (b"content-length", b"5")), chunk(b"hello", more=False))
trailers = scripted(
    {"type": START, "status": 200, "headers": [(b"trailer", b"digest, expires")], "trailers": True},
    chunk(b"hello", more=False),
    {"type": "http.response.trailers", "headers": [(b"digest", b"abc")], "more_trailers": True},
    {"type": "http.response.trailers", "headers": [(b"expires", b"never")]},
)
pathsend = scripted(
    head(200, (b"content-length", str(FILE.stat().st_size).encode())),
    {"type": "http.response.pathsend", "path": str(FILE)},
)
early_hints = scripted(
    {"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload"]},
    {"type": "http.response.early_hint", "links": [b"</app.js>; rel=preload"]},
    head(),
    {"type": "http.response.early_hint", "links": [b"</late.js>; rel=preload"]},
    chunk(b"hello", more=False),
)
debug = scripted(
    {"type": "http.response.debug", "info": {"template": "hello.html"}}, head(), chunk(b"hello", more=False)
)
unknown_types = scripted(
    {"type": "http.response.informational", "status": 102, "headers": []},
    {"type": "example.note", "text": "before the head"},
    head(),
    chunk(b"hel"),
    {"type": "example.note", "text": "between two chunks"},
    chunk(b"lo", more=False),
)


@with_lifespan
async def no_length_on_head(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer HEAD as GET, without a length and without a body."""
    await send(head())
    await send(chunk(b"" if scope["method"] == "HEAD" else b"hello", more=False))


def _opened() -> FileIO:
    return FILE.open("rb", buffering=0)


@with_lifespan
async def zerocopysend(scope: Scope, receive: Receive, send: Send) -> None:
    """Send parts of a file by descriptor, between chunks."""
    await send(head())
    await send(chunk(b"hel"))
    with _opened() as file:
        part = {"type": "http.response.zerocopysend", "file": file, "more_body": True}
        await send({**part, "offset": 3, "count": 10})
        await send({**part, "count": 3})
        await send(part)
    await send(chunk(b"lo", more=False))


@with_lifespan
async def reads_again(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body, answer with its size, and ask for more afterwards."""
    body = await read_body(receive)
    await send(head())
    await send(chunk(str(len(body)).encode(), more=False))
    await receive()
    await receive()


@with_lifespan
async def reads_late(scope: Scope, receive: Receive, send: Send) -> None:
    """Send the head first and read the body then."""
    await send(head())
    await send(chunk(str(len(await read_body(receive))).encode(), more=False))


@with_lifespan
async def reads_too_late(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer first and ask for the body then."""
    await send(head())
    await send(chunk(b"hello", more=False))
    await receive()


@with_lifespan
async def listens(scope: Scope, receive: Receive, send: Send) -> None:
    """Wait for the disconnect in a second task while answering."""
    async with create_task_group() as tasks:

        async def listen() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            tasks.cancel_scope.cancel()

        tasks.start_soon(listen)
        await send(head())
        await send(chunk(b"hello"))
        await send(chunk(b"", more=False))


@with_lifespan
async def answers_from_a_task(scope: Scope, receive: Receive, send: Send) -> None:
    """Send everything from a child task."""
    async with create_task_group() as tasks:
        tasks.start_soon(hello, scope, receive, send)


@with_lifespan
async def runs_on(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, then work on until the client has gone, and a little longer."""
    await hello(scope, receive, send)
    while (await receive())["type"] != "http.disconnect":
        pass
    for _ in range(3):
        await checkpoint()


@with_lifespan
async def reuses_messages(scope: Scope, receive: Receive, send: Send) -> None:
    """Use one dict and one list for everything, and change them after sending."""
    fields = [(b"content-type", b"text/plain")]
    message: Message = {"type": START, "status": 200, "headers": fields}
    await send(message)
    fields.append((b"x-late", b"1"))
    message["status"] = 500
    message = chunk(b"hel")
    await send(message)
    message.update(body=b"lo", more_body=False)
    await send(message)
    message.update(body=b"", more_body=True)


UNUSUAL_APPS: Mapping[str, ASGIApp] = {
    "a body message has no body key": no_body_key,
    "the head has no headers key": no_headers_key,
    "header pairs are lists": pairs_as_lists,
    "fields are repeated": repeated_fields,
    "empty chunks come between the others": empty_chunks,
    "the last useful chunk says that more follows": late_end,
    "the body is a bytearray and a memoryview": other_bytes,
    "a 204 has no content": no_content,
    "a 304 has the length of what it does not send": not_modified,
    "HEAD has a length and no body": length_on_head,
    "HEAD has no length": no_length_on_head,
    "HEAD is answered with a body": body_on_head,
    "trailers follow the body": trailers,
    "a file is sent by its path": pathsend,
    "a file is sent by its descriptor between chunks": zerocopysend,
    "early hints come before and after the head": early_hints,
    "debug information comes before the head": debug,
    "messages of unknown types come along": unknown_types,
    "the body of the request is never read": hello,
    "the body of the request is asked for again after the answer": reads_again,
    "the body of the request is read after the head": reads_late,
    "the body of the request is asked for after the answer": reads_too_late,
    "a second task waits for the disconnect": listens,
    "a child task sends the answer": answers_from_a_task,
    "the app runs on after its answer": runs_on,
    "the app changes messages that it has sent": reuses_messages,
}
"""Legal HTTP answers to any request; the played server's default extensions are enough for all of them."""


def _socket(*messages: Message) -> ASGIApp:
    sends = scripted(*messages)

    @with_lifespan
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await sends(scope, receive, send)

    return app


DENIED = "websocket.http.response"

UNUSUAL_SOCKETS: Mapping[str, ASGIApp] = {
    "the app closes before it accepts": _socket({"type": "websocket.close", "code": 1008, "reason": "no"}),
    "the app denies with an HTTP answer": _socket(
        {"type": f"{DENIED}.start", "status": 401, "headers": [(b"www-authenticate", b"Bearer")]},
        {"type": f"{DENIED}.body", "body": b"who", "more_body": True},
        {"type": f"{DENIED}.body"},
    ),
    "the app denies without headers and body": _socket(
        {"type": f"{DENIED}.start", "status": 503}, {"type": f"{DENIED}.body"}
    ),
    "the app accepts with fields": _socket(
        {"type": "websocket.accept", "subprotocol": None, "headers": [(b"x-room", b"1")]},
        {"type": "websocket.close"},
    ),
    "messages have both keys": _socket(
        {"type": "websocket.accept"},
        {"type": "websocket.send", "text": "hello", "bytes": None},
        {"type": "websocket.send", "text": None, "bytes": b"hello"},
        {"type": "websocket.close", "code": 4000, "reason": None},
    ),
    "the app returns without closing": _socket({"type": "websocket.accept"}),
    "the app accepts before it reads the connect": scripted({"type": "websocket.accept"}),
}
"""Legal WebSockets; each ends by itself."""
