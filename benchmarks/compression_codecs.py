"""The codecs by themselves, and what uses them by hand."""

import zlib
from collections.abc import Callable
from functools import partial
from typing import final

import brotli
from backports import zstd

from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.answers import answering

Code = Callable[[bytes], bytes]


def codes() -> dict[str, Code]:
    """Return each coding at our level, made in the quickest way that its package has."""
    context = zstd.ZstdCompressor(level=3)
    return {
        "zstd": partial(context.compress, mode=context.FLUSH_FRAME),
        "br": lambda body: brotli.compress(body, quality=4),
        "gzip": lambda body: zlib.compress(body, 6, 31),
    }


@final
class Floor:
    """One coding for every whole answer, by hand: no more than the benchmark looks at."""

    def __init__(self, app: ASGIApp, coding: str, code: Code) -> None:
        self.app = app
        self.coding = coding.encode()
        self.code = code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        accepts = b""
        for name, value in scope["headers"]:
            if name == b"accept-encoding":
                accepts = value
        if self.coding not in accepts:
            return await self.app(scope, receive, send)
        start: Message | None = None

        async def wrapped(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return None
            if start is None:
                return await send(message)
            coded = self.code(message["body"])
            headers = [line for line in start["headers"] if line[0] != b"content-length"]
            headers += [(b"content-encoding", self.coding), (b"vary", b"Accept-Encoding")]
            headers.append((b"content-length", b"%d" % len(coded)))
            await send({**start, "headers": headers})
            await send({"type": "http.response.body", "body": coded})

        await self.app(scope, receive, wrapped)


def coding_app(body: bytes, code: Code) -> ASGIApp:
    """Return an app that codes its answer each time, by itself."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answering(code(body))(scope, receive, send)

    return app
