"""What it costs to look for a coding that is not there, to decode a body, and to decode one message of a server."""

import gzip
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, final

from asgi_patterns.compression import Decompression
from asgi_patterns.compression.decoding import Bounds, Coding, Decoding, Excess, openers
from asgi_patterns.kernel.optional import require
from asgi_patterns.kernel.types import AnyApp, ASGIApp, Message, Receive, Scope, Send
from benchmarks.harness import Contender, Times, measure, table

CONTENT: Final = json.dumps(
    [{"id": number, "name": f"Lamp {number}", "price": number % 97, "in stock": True} for number in range(40)]
).encode()
MESSAGE: Final = 64 * 1024


@final
class Floor:
    """The whole body at once, by hand and without any bound."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if dict(scope["headers"]).get(b"content-encoding") != b"gzip":
            return await self.app(scope, receive, send)
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        decoded = gzip.decompress(body)

        async def replayed() -> Message:
            return {"type": "http.request", "body": decoded, "more_body": False}

        await self.app(scope, replayed, send)


@final
class Posting:
    """Calls an app with a body."""

    def __init__(self, app: AnyApp, body: bytes, *lines: tuple[bytes, bytes]) -> None:
        self.app = app
        self.lines = lines
        self.message: Message = {"type": "http.request", "body": body, "more_body": False}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["headers"] = [*scope["headers"], *self.lines]
        await self.app(scope, self._receive, send)

    async def _receive(self) -> Message:
        return self.message


async def reading(scope: Scope, receive: Receive, send: Send) -> None:
    """Read a message of the body, and answer."""
    await receive()
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def run(*, rounds: int = 60, calls: int = 2000) -> str:
    """Measure, and return the tables."""
    coded = (b"content-encoding", b"gzip")
    body = gzip.compress(CONTENT)
    cases = {
        "Decompression, a request that is not coded": (CONTENT, ()),
        f"Decompression, gzip of {len(CONTENT) // 1024} KB of JSON": (body, (coded,)),
    }
    rows = []
    for name, (content, lines) in cases.items():
        apps: dict[str, AnyApp] = {
            "alone": reading,
            "floor": Floor(reading),
            "ours": Decompression()(reading),
        }
        contenders = {each: _posting(app, content, *lines) for each, app in apps.items()}
        rows.append(_row(name, measure(contenders, rounds=rounds, calls=calls)))
    title = "Decompression, microseconds over the app alone; the floor does the same by hand, without bounds"
    return "\n\n".join([table(title, rows, ("", "floor", "ours")), _messages(max(1, rounds // 6))])


def _posting(app: AnyApp, body: bytes, *lines: tuple[bytes, bytes]) -> Contender:
    return lambda: Posting(app, body, *lines)


def _row(name: str, times: Mapping[str, Times]) -> tuple[str, ...]:
    alone = times["alone"].minimum
    return name, f"{times['floor'].minimum - alone:.2f}", f"{times['ours'].minimum - alone:.2f}"


def _messages(rounds: int) -> str:
    """Say for how long the event loop decodes one message, of what clients send and of a bomb."""
    rows = []
    for coding in openers(None):
        encode = _encoder(coding)
        records = b"".join(b'{"id": %d, "lamp": %d},' % (n, n * n % 9973) for n in range(200_000))
        messages = [encode(content)[:MESSAGE] for content in (records, bytes(1 << 27))]
        times = [min(_decode(coding, message) for _ in range(rounds)) for message in messages]
        rows.append((f"{coding}, a message of 64 KB", *(f"{each:.1f}" for each in times)))
    return table(
        "Milliseconds on the event loop, until all is decoded or refused", rows, ("", "JSON", "a bomb")
    )


def _encoder(coding: Coding) -> Any:
    if coding == "gzip":
        return lambda content: gzip.compress(content, 1)
    if coding == "br":
        return lambda content: require("brotli", "compression").compress(content, quality=3)
    try:
        return require("compression.zstd", "compression").compress
    except ImportError:
        return require("backports.zstd", "compression").compress


def _decode(coding: Coding, message: bytes) -> float:
    bounds = Bounds(max_size=10 * 1024 * 1024, max_ratio=100, ratio_from=1024 * 1024)
    decoding = Decoding(openers((coding,))[coding](), bounds)
    begin = time.perf_counter()
    with suppress(Excess):  # a bomb is refused, and that is what is measured
        decoding.decode(message)
    return (time.perf_counter() - begin) * 1000
