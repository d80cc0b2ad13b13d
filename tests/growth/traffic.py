"""Requests as clients send them that nobody has seen before: each has an address, a key, a path and an id of its own.

``invented``: so many of them, the same ones for the same seed; ``Call``: one of them, and how its client leaves;
``play``: hands it to an app, as a server does.
"""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random
from typing import Final, Literal, final

import anyio

from asgi_patterns.kernel.types import ASGIApp, Message, RawHeaders, Scope

Leaving = Literal["stays", "silent", "raises", "cancels"]
"""What the server does once the client has gone: it drops what is sent, raises, or cancels the app."""

GONE: Final = 4
"""One client of so many leaves before it has its answer ..."""
WAYS: Final[Sequence[Leaving]] = ("silent", "raises", "cancels")
"""... and how."""

ORIGIN: Final = "https://pages.example"
TOKEN: Final = "let-me-in"

_SMALL: Final = gzip.compress(b"what is bought " * 20)
_BOMB: Final = gzip.compress(b"0" * 200_000)

# How often each comes, of four hundred and some.
KINDS: Final[Mapping[str, int]] = {
    "read": 120,
    "read again": 32,
    "write": 32,
    "upload": 24,
    "lines": 24,
    "events": 16,
    "busy": 32,
    "nowhere": 24,
    "method": 12,
    "preflight": 12,
    "problem": 16,
    "crash": 12,
    "broken": 8,
    "secret": 12,
    "health": 8,
    "types": 4,
    "talk": 24,
    "bomb": 8,
    "too large": 8,
    "huge": 4,
    "large": 4,
    "late": 8,
    "numbers": 1,
}


@final
@dataclass(slots=True)
class Call:
    """One request, or one WebSocket."""

    kind: str
    scope: Scope
    feed: list[Message]
    """What the client sends, the last one first."""
    leaving: Leaving = "stays"
    after: int = 0
    """After how many messages of the answer it leaves."""
    statuses: list[int] = field(default_factory=list)
    """What it was told."""


def invented(count: int, seed: int, *, first: int = 0, kinds: Mapping[str, int] = KINDS) -> Iterator[Call]:
    """Yield calls; ``first`` is the number of the first of them, by which all their names are made.

    ``kinds`` says how often each kind comes, compared with the others.
    """
    draw = Random(seed)
    names, ends = [*kinds], [*accumulate(kinds.values())]
    for number in range(first, first + count):
        kind = draw.choices(names, cum_weights=ends)[0]
        call = Call(kind, *_asked(kind, number))
        if number % GONE == 1 and kind != "numbers":
            call.leaving, call.after = draw.choice(WAYS), draw.randrange(4)
            if call.after == 0 and len(call.feed) > 1:
                call.feed[0] = parting(call.scope)  # in the middle of what it has to say
        yield call


def parting(scope: Scope) -> Message:
    """Return what an app is told of a client that has left."""
    if scope["type"] == "http":
        return {"type": "http.disconnect"}
    return {"type": "websocket.disconnect", "code": 1006, "reason": ""}


def _asked(kind: str, number: int) -> tuple[Scope, list[Message]]:
    """Return what is asked, and with which content."""
    if kind == "talk":
        return _talk(number, _headers(number))
    method, path = _TARGETS.get(kind, ("GET", f"/{kind}"))
    fields, content = _said(kind, number)
    headers = [*_headers(number), *fields]
    scope = _scope("http", path.replace("{}", str(number)), headers)
    scope["method"] = method.replace("{}", str(number))
    return scope, _body(content, headers, announced=kind != "too large")


def _said(kind: str, number: int) -> tuple[RawHeaders, bytes]:
    """Return the fields that are not in all requests, and the content."""
    match kind:
        case "read again":
            return [(b"if-none-match", b'"seen", W/"%d"' % number if number % 2 else b"*")], b""
        case "write":
            tag = b"*" if number % 3 else b'"other"'
            return [(b"if-match", tag)] if number % 4 else [], b'{"left": %d}' % number
        case "upload" | "bomb":
            return [(b"content-encoding", b"gzip")], _SMALL if kind == "upload" else _BOMB
        case "too large":
            return [], b"x" * 20_000
        case "huge":
            return [(b"x-%d" % each, b"") for each in range(60)], b"x" * 20_000
        case "preflight":
            return [(b"access-control-request-method", b"PUT")], b""
        case "numbers":
            return [(b"authorization", f"Bearer {TOKEN}".encode())], b""
    return [(b"prefer", b"wait=%d" % (number % 90 + 5))] if number % 7 == 0 else [], b""


_TARGETS: Final[Mapping[str, tuple[str, str]]] = {
    "read": ("GET", "/items/{}"),
    "read again": ("GET", "/items/{}"),
    "write": ("PUT", "/items/{}"),
    "upload": ("POST", "/uploads"),
    "bomb": ("POST", "/uploads"),
    "too large": ("POST", "/uploads"),
    "huge": ("POST", "/uploads"),
    "nowhere": ("GET", "/nowhere/{}"),
    "method": ("M{}", "/items/{}"),
    "preflight": ("OPTIONS", "/items/{}"),
    "problem": ("GET", "/shops/s{}/sold-out/{}"),
    "health": ("GET", "/health/ready"),
    "types": ("GET", "/problems"),
    "numbers": ("GET", "/metrics"),
}
"""The method and the path of each, with the number of the call for ``{}``. Others are a GET of what they are called."""


def _scope(kind: str, path: str, headers: RawHeaders) -> Scope:
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"page=1&token=secret",
        "root_path": "",
        "headers": headers,
        "client": ("10.1.2.3", 50000),
        "server": ("127.0.0.1", 8000),
        "extensions": {},
        "state": {},
    }


def _headers(number: int) -> RawHeaders:
    """Return what tells this client from all others; one in eight is always the same one, who asks for too much."""
    who = number if number % 8 else 0
    address = f"203.{who >> 16 & 255}.{who >> 8 & 255}.{who & 255}"
    return [
        (b"host", b"shop.example"),
        (b"user-agent", b"invented/%d" % number),
        (b"x-forwarded-for", address.encode()),
        (b"x-request-id", b"request-%d" % number),
        (b"x-api-key", b"key-%d" % who),
        (b"traceparent", b"00-%032x-%016x-0%d" % (number + 1, number + 1, number % 4 == 1)),
        (b"accept-encoding", (b"gzip", b"br", b"zstd;q=0.5, *;q=0.1", b"identity")[number % 4]),
        (b"accept", b"application/json, text/*;q=0.%d" % (number % 900 + 100)),
        (b"origin", ORIGIN.encode()),
    ]


def _body(content: bytes, headers: RawHeaders, *, announced: bool) -> list[Message]:
    """Return it in two messages, the last one first."""
    if not content:
        return [{"type": "http.request", "body": b"", "more_body": False}]
    headers.append(
        (b"content-length", b"%d" % len(content)) if announced else (b"transfer-encoding", b"chunked")
    )
    middle = len(content) // 2
    return [
        {"type": "http.request", "body": content[middle:], "more_body": False},
        {"type": "http.request", "body": content[:middle], "more_body": True},
    ]


def _talk(number: int, headers: RawHeaders) -> tuple[Scope, list[Message]]:
    texts = ["hello", f"I am {number}", "crash" if number % 9 == 0 else "bye"]
    feed: list[Message] = [{"type": "websocket.receive", "text": text} for text in reversed(texts)]
    scope = _scope("websocket", "/talk", headers)
    return {**scope, "subprotocols": []}, [*feed, {"type": "websocket.connect"}]


@final
class _Served:
    """One call, as its server sees it."""

    def __init__(self, call: Call, running: anyio.CancelScope) -> None:
        self._call = call
        self._running = running
        self._sent = 0
        self._over: anyio.Event | None = None
        self._has_left = False
        self._farewell = parting(call.scope)

    async def receive(self) -> Message:
        if self._call.feed and not self._has_left:
            return self._call.feed.pop()
        if self._call.scope["type"] == "http" and not self._has_left:
            # Nothing more comes but the news that the client has gone, or has been served.
            self._over = self._over or anyio.Event()
            await self._over.wait()
        return self._farewell

    async def send(self, message: Message) -> None:
        call = self._call
        if self._sent >= call.after and call.leaving != "stays":
            return await self._leave()
        self._sent += 1
        if "status" in message:
            call.statuses.append(message["status"])
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._end()

    async def _leave(self) -> None:
        self._end()
        match self._call.leaving:
            case "raises":
                raise OSError("the client has left")
            case "cancels":
                self._running.cancel()
                await anyio.lowlevel.checkpoint()

    def _end(self) -> None:
        self._has_left = True
        if self._over is not None:
            self._over.set()


async def play(app: ASGIApp, call: Call) -> None:
    """Let ``app`` answer. What it raises is what a server logs, and goes no further."""
    with anyio.CancelScope() as running:
        served = _Served(call, running)
        with suppress(Exception):
            await app(call.scope, served.receive, served.send)


async def play_all(app: ASGIApp, calls: Iterator[Call], at_once: int) -> dict[tuple[str, int | None], int]:
    """Let ``app`` answer all, so many at once. Return how often each kind had which status."""
    told: dict[tuple[str, int | None], int] = {}

    async def go_on() -> None:
        for call in calls:
            await play(app, call)
            key = (call.kind, call.statuses[-1] if call.statuses else None)
            told[key] = told.get(key, 0) + 1

    async with anyio.create_task_group() as tasks:
        for _ in range(at_once):
            tasks.start_soon(go_on)
    return told
