"""What a client reads of a coded answer, with decoders that are not ours, and apps that are worth coding."""

import json
import zlib
from collections.abc import Callable
from typing import Any

import brotli
from backports import zstd

from asgi_patterns import Compression, Pipeline
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.testing import Answer, Client, chunk, head

LONG = json.dumps([{"number": number, "name": "teapot"} for number in range(100)]).encode()
"""Some kilobytes of JSON."""

DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": zstd.decompress,
    "br": brotli.decompress,
    "gzip": lambda body: zlib.decompress(body, 31),
}


def decoder(coding: str) -> Any:
    """Return what decodes a body as it comes."""
    match coding:
        case "zstd":
            return zstd.ZstdDecompressor().decompress
        case "br":
            return brotli.Decompressor().process
        case _:
            return zlib.decompressobj(31).decompress


def content(answer: Answer) -> bytes:
    """Return what an answer says, decoded as its ``Content-Encoding`` has it."""
    coding = answer.header("content-encoding")
    return answer.body if coding is None else DECODERS[coding](answer.body)


def document(
    *fields: tuple[str, str],
    status: int = 200,
    body: bytes = LONG,
    media_type: str | None = "application/json",
    sized: bool = True,
) -> ASGIApp:
    """Answer everything with the same document in one piece."""
    kinds = [] if media_type is None else [("content-type", media_type)]
    size = [("content-length", str(len(body)))] if sized else []
    lines = [(name.encode(), value.encode()) for name, value in (*kinds, *size, *fields)]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [*lines]})
        await send(chunk(b"" if scope["method"] == "HEAD" else body, more=False))

    return app


def stream(*parts: bytes, media_type: str = "text/event-stream") -> ASGIApp:
    """Answer everything with the same parts, one after the other."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head(200, (b"content-type", media_type.encode())))
        for part in parts:
            await send(chunk(part))
        await send(chunk(b"", more=False))

    return app


def served(app: ASGIApp, **given: object) -> Client:
    """Return a client of ``app`` behind the layer."""
    return Client(Compression(**given)(app))  # type: ignore[arg-type]  # whatever a test is about


def heard(app: ASGIApp, **given: object) -> tuple[Client, list[Event]]:
    """Return the same, and where its events will be."""
    events: list[Event] = []

    def listen(event: Event, exchange: Exchange) -> None:
        events.append(event)

    layer = Compression(**given)  # type: ignore[arg-type]  # whatever a test is about
    return Client(Pipeline(layer, listeners=[listen])(app)), events
