"""What an app is told by the client."""

from collections.abc import Iterator
from typing import Any

import pytest

from asgi_patterns.kernel.types import Message, Receive, Scope, Send
from asgi_patterns.testing import (
    ABANDONED_BODIES,
    UNUSUAL_BODIES,
    Client,
    chunk,
    echo,
    head,
    hello,
    scripted,
)

pytestmark = pytest.mark.anyio


class Recorder:
    """An app that answers ``hello`` and keeps what it was told."""

    def __init__(self) -> None:
        self.scope: Scope = {}
        self.given: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = dict(scope)
        more = True
        while more:
            self.given.append(await receive())
            more = self.given[-1].get("more_body", False)
        await hello(scope, receive, send)


TARGETS = [
    ("a plain path", "/x", {"path": "/x", "raw_path": b"/x", "query_string": b""}),
    ("a query", "/x?a=1&b=%20", {"path": "/x", "query_string": b"a=1&b=%20"}),
    ("an escaped path", "/a%2Fb%C3%A9", {"path": "/a/bé", "raw_path": b"/a%2Fb%C3%A9"}),
    ("an unescaped path", "/é x", {"path": "/é x", "raw_path": b"/%C3%A9%20x"}),
    ("two slashes are no host", "//x//", {"path": "//x//", "server": ("testserver", 80)}),
    ("the target of OPTIONS", "*", {"path": "*"}),
    ("a URL", "https://shop.example/x", {"scheme": "https", "server": ("shop.example", 443), "path": "/x"}),
    ("a URL with port", "http://[::1]:8080", {"server": ("::1", 8080), "path": "/", "raw_path": b"/"}),
    ("a query with a URL in it", "/x?to=http://y", {"path": "/x", "query_string": b"to=http://y"}),
]


@pytest.mark.parametrize(("url", "expected"), [row[1:] for row in TARGETS], ids=[row[0] for row in TARGETS])
async def test_url_becomes_scope(url: str, expected: dict[str, Any]) -> None:
    app = Recorder()

    await Client(app).get(url)

    assert {key: app.scope[key] for key in expected} == expected


async def test_a_relative_url_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with /"):
        await Client(hello).get("x")


async def test_the_server_is_shown_as_it_was_set_up() -> None:
    app = Recorder()
    client = Client(
        app,
        client=("10.0.0.1", 1234),
        scheme="https",
        root_path="/api",
        http_version="2",
        spec_version="2.3",
        extensions={"tls": {"version": 772}},
        state={"pool": 1},
    )

    await client.get("/x")

    assert app.scope["client"] == ("10.0.0.1", 1234)
    assert app.scope["scheme"] == "https"
    assert (app.scope["root_path"], app.scope["path"], app.scope["raw_path"]) == ("/api", "/api/x", b"/api/x")
    assert app.scope["http_version"] == "2"
    assert app.scope["asgi"] == {"version": "3.0", "spec_version": "2.3"}
    assert app.scope["extensions"] == {"tls": {"version": 772}}
    assert app.scope["state"] == {"pool": 1}


async def test_a_minimal_server_shows_only_what_it_must() -> None:
    app = Recorder()

    await Client(app, minimal=True).get("/x")

    assert app.scope == {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/x",
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
    }
    assert app.given == [{"type": "http.request"}]


async def test_scope_entries_of_a_request_replace_those_of_the_server() -> None:
    app = Recorder()

    await Client(app).get("/x", scope={"client": None, "auth": "me"})

    assert app.scope["client"] is None
    assert app.scope["auth"] == "me"


FIELDS: list[tuple[str, Any, list[tuple[bytes, bytes]]]] = [
    ("a mapping", {"X-A": "é"}, [(b"x-a", "é".encode("latin-1"))]),
    ("pairs of text", [("X-A", "1"), ("x-a", "2")], [(b"x-a", b"1"), (b"x-a", b"2")]),
    ("pairs of bytes", [(b"X-A", b"\xff")], [(b"x-a", b"\xff")]),
]


@pytest.mark.parametrize(("fields", "expected"), [row[1:] for row in FIELDS], ids=[row[0] for row in FIELDS])
async def test_headers_are_sent_in_the_form_of_a_scope(
    fields: Any, expected: list[tuple[bytes, bytes]]
) -> None:
    app = Recorder()

    await Client(app, headers={"x-b": "default"}).get("/", headers=fields)

    assert app.scope["headers"] == [(b"host", b"testserver"), (b"x-b", b"default"), *expected]


async def test_headers_of_a_request_replace_defaults_and_host() -> None:
    app = Recorder()

    await Client(app, headers={"x-a": "1"}).get("/", headers={"X-A": "2", "Host": "other"})

    assert app.scope["headers"] == [(b"x-a", b"2"), (b"host", b"other")]


BODIES: list[tuple[str, dict[str, Any], list[tuple[bytes, bytes]], list[tuple[bytes, bool]]]] = [
    ("no content", {}, [(b"content-length", b"0")], [(b"", False)]),
    ("bytes", {"content": b"ab"}, [(b"content-length", b"2")], [(b"ab", False)]),
    ("text", {"content": "é"}, [(b"content-length", b"2")], [("é".encode(), False)]),
    (
        "JSON",
        {"json": {"a": None}},
        [(b"content-type", b"application/json"), (b"content-length", b"10")],
        [(b'{"a":null}', False)],
    ),
    ("chunks", {"content": [b"a", b"", b"b"]}, [(b"transfer-encoding", b"chunked")], [
        (b"a", True), (b"", True), (b"b", False),
    ]),
    ("no chunks", {"content": []}, [(b"transfer-encoding", b"chunked")], [(b"", False)]),
    ("chunks with a length", {"content": [b"a", b"b"], "headers": {"content-length": "2"}},
     [(b"content-length", b"2")], [(b"a", True), (b"b", False)]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "fields", "given"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES]
)
async def test_content_becomes_messages_and_framing(
    options: Any, fields: list[tuple[bytes, bytes]], given: list[tuple[bytes, bool]]
) -> None:
    app = Recorder()

    await Client(app).post("/", **options)

    assert app.scope["headers"] == [(b"host", b"testserver"), *fields]
    assert app.given == [{"type": "http.request", "body": body, "more_body": more} for body, more in given]


async def test_http_2_has_no_chunked_coding() -> None:
    app = Recorder()

    await Client(app, http_version="2").post("/", content=[b"a"])

    assert app.scope["headers"] == [(b"host", b"testserver")]


async def test_an_endless_upload_is_read_only_as_far_as_the_app_asks() -> None:
    asked = []

    def endless() -> Iterator[bytes]:
        while True:
            asked.append(1)
            yield b"x"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await receive()
        await hello(scope, receive, send)

    answer = await Client(app).post("/", content=endless())

    assert answer.status == 200
    assert len(asked) == 3  # one ahead, to know which chunk is the last


@pytest.mark.parametrize("content", UNUSUAL_BODIES.values(), ids=UNUSUAL_BODIES.keys())
async def test_messages_are_given_as_they_are(content: list[Message]) -> None:
    app = Recorder()

    await Client(app).post("/", content=content)
    answer = await Client(echo).post("/", content=content)

    assert app.given == list(content)
    assert answer.body == b"hello"


@pytest.mark.parametrize("content", ABANDONED_BODIES.values(), ids=ABANDONED_BODIES.keys())
async def test_a_client_may_leave_where_its_body_ends(content: list[Message]) -> None:
    given: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while not given or given[-1] != "http.disconnect":
            given.append((await receive())["type"])
        given.append((await receive())["type"])

    answer = await Client(app).post("/", content=content)

    assert given == [*(message["type"] for message in content), "http.disconnect"]
    assert not answer.started


async def test_nothing_follows_a_client_that_has_left() -> None:
    given: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        given.extend([(await receive())["type"], (await receive())["type"]])

    await Client(app).post("/", content=[{"type": "http.disconnect"}, b"never sent"])

    assert given == ["http.disconnect", "http.disconnect"]


async def test_an_app_may_change_what_it_is_given() -> None:
    content: list[Message] = [{"type": "http.request", "body": b"hello"}]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        (await receive()).clear()
        await hello(scope, receive, send)

    await Client(app).post("/", content=content)

    assert content == [{"type": "http.request", "body": b"hello"}]


async def test_a_layer_may_change_what_a_script_sends() -> None:
    app = scripted(head(), chunk(b"hello", more=False))

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        async def edit(message: Message) -> None:
            if "headers" in message:
                message["headers"].append((b"x-mine", b"1"))
            await send(message)

        await app(scope, receive, edit)

    answers = [await Client(layer).get("/") for _ in range(2)]

    assert [answer.all("x-mine") for answer in answers] == [["1"], ["1"]]


@pytest.mark.parametrize("method", ["get", "head", "post", "put", "patch", "delete", "options"])
async def test_every_method_has_a_short_form(method: str) -> None:
    app = Recorder()

    answer = await getattr(Client(app), method)("/")

    assert app.scope["method"] == method.upper()
    assert answer.status == 200
