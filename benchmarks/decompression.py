"""What it costs to look for a coding that is not there, to decode a body, and to decode one message of a server."""

import gzip
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final, final

from asgi_patterns.compression import Decompression
from asgi_patterns.compression.decoding import Bounds, Coding, Decoding, Excess, openers
from asgi_patterns.kernel.optional import require
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.asking import asking
from benchmarks.comparing import Entrant, app, compare, floor, ours
from benchmarks.harness import ROUNDS, MakeRound, Round
from benchmarks.results import Case, Group

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


async def reading(scope: Scope, receive: Receive, send: Send) -> None:
    """Read a message of the body, and answer."""
    await receive()
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def run(*, rounds: int = ROUNDS, calls: int | None = None) -> Group:
    """Measure."""
    coded = asking((b"content-encoding", b"gzip"), method="POST", body=gzip.compress(CONTENT))
    plain = asking(method="POST", body=CONTENT)
    size = f"gzip of {len(CONTENT) // 1024} KB of JSON"
    cases = [
        compare("a request that is not coded", *_entrants(), rounds=rounds, calls=calls, how=plain),
        compare(size, *_entrants("Decompression"), rounds=rounds, calls=calls, how=coded),
        *_messages(rounds=max(1, rounds // 6)),
    ]
    title = "Decompression; the floor does the same by hand, without bounds"
    return Group(name="decompression", title=title, cases=tuple(cases))


def _entrants(layer: str = "") -> list[Entrant]:
    return [
        app("the app alone", lambda: reading),
        floor("by hand", lambda: Floor(reading)),
        ours("Decompression", lambda: Decompression()(reading), layer=layer),
    ]


def _messages(rounds: int) -> Iterator[Case]:
    """Say for how long the event loop decodes one message, until all is decoded or refused."""
    records = b"".join(b'{"id": %d, "lamp": %d},' % (n, n * n % 9973) for n in range(200_000))
    for name, content in (("JSON", records), ("a bomb", bytes(1 << 27))):
        messages = {coding: _encoder(coding)(content)[:MESSAGE] for coding in openers(None)}
        entrants = [ours(coding, partial(_decode, coding, message)) for coding, message in messages.items()]
        yield compare(
            f"on the event loop, one message of 64 KB of {name}",
            *entrants,
            rounds=rounds,
            calls=1,
            how=repeating,
            unit="ms",
            counts=False,
        )


def repeating(once: Callable[[], float]) -> MakeRound:
    """Return what measures a function that times itself."""

    @asynccontextmanager
    async def rounds() -> AsyncIterator[Round]:
        async def one_round(times: int) -> float:
            return sum(once() for _ in range(times)) / times

        yield one_round

    return rounds


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
