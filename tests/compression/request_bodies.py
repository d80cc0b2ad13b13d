"""Bodies of requests in every coding, and what becomes of them behind the layer."""

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import brotli

from asgi_patterns import Decompression, Pipeline
from asgi_patterns.compression.decoding import CODINGS, Bounds, Coding, Decoding, opener
from asgi_patterns.compression.packages import zstd_package
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.testing import Client, chunk, head, read_body

__all__ = [
    "CODINGS",
    "ENCODERS",
    "WIDE",
    "Coding",
    "Mirror",
    "cut",
    "decoded",
    "heard",
    "served",
    "zeros",
    "zstd",
]

zstd: Any = zstd_package()

ENCODERS: Final[Mapping[Coding, Callable[[bytes], bytes]]] = {
    "gzip": gzip.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}
WIDE: Final = Bounds(max_size=1 << 30, max_ratio=1_000_000, ratio_from=0)
"""Bounds that no test passes unless it is about them."""


def decoding(coding: Coding, bounds: Bounds = WIDE) -> Decoding:
    """Return what undoes one body."""
    return Decoding(opener(coding)(), bounds)


def cut(data: bytes, size: int) -> Iterator[bytes]:
    """Cut a body into chunks of ``size`` bytes."""
    return (data[at : at + size] for at in range(0, len(data), size))


def decoded(coding: Coding, *chunks: bytes, bounds: Bounds = WIDE) -> bytes:
    """Decode a whole body."""
    one = decoding(coding, bounds)
    return b"".join(one.decode(each) for each in chunks if each) + one.finish()


def zeros(coding: Coding, megabytes: int) -> bytes:
    """Encode so many MB of zeros, without ever having them all."""
    block = bytes(1 << 20)
    encoder: Any
    match coding:
        case "gzip":
            encoder = zlib.compressobj(9, wbits=31)
        case "br":
            encoder = brotli.Compressor(quality=5)
        case "zstd":
            encoder = zstd.ZstdCompressor()
    step = encoder.process if coding == "br" else encoder.compress
    end = encoder.finish if coding == "br" else encoder.flush
    return b"".join([*(step(block) for _ in range(megabytes)), end()])


def served(app: ASGIApp, **given: object) -> Client:
    """Return a client of ``app`` behind the layer."""
    return Client(Decompression(**given)(app))  # type: ignore[arg-type]  # whatever a test is about


def heard(app: ASGIApp, **given: object) -> tuple[Client, list[Event]]:
    """Return the same, and where its events will be."""
    events: list[Event] = []

    def listen(event: Event, exchange: Exchange) -> None:
        events.append(event)

    layer = Decompression(**given)  # type: ignore[arg-type]  # whatever a test is about
    return Client(Pipeline(layer, listeners=[listen])(app)), events


class Mirror:
    """Answers with the body that it reads, and keeps what it was called with."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.messages: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)

        async def noted() -> Message:
            message = await receive()
            self.messages.append(message)
            return message

        body = await read_body(noted)
        await send(head(200, (b"content-type", b"application/octet-stream")))
        await send(chunk(body, more=False))

    @property
    def fields(self) -> dict[bytes, bytes]:
        """The fields of the one request that came."""
        (scope,) = self.scopes
        return dict(scope["headers"])
