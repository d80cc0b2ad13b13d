"""What others cost that send answers coded: whole, and in pieces.

All at the same level, over a bare app; how far back the codec of a stream looks is each one's own choice.

Of pieces each makes what its package thinks right: ours, zstd-asgi, brotli-asgi and Starlette's send each piece at
once; starlette-compress keeps what is not an event stream until the codec has enough of it, which is cheaper, and
later at the client.
"""

import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

import brotli
from backports import zstd
from starlette.middleware.gzip import GZipMiddleware

from asgi_patterns import Compression
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.answers import PIECES, streaming
from benchmarks.asking import Asking, How
from benchmarks.comparing import Entrant, app, compare, floor, ours, peer
from benchmarks.harness import Contender, MakeRound, Round, call, scope
from benchmarks.results import Case

LEVELS: Final = {"zstd": 3, "br": 4, "gzip": 6}


def pieces(size: str, body: bytes, coding: str, *, rounds: int, calls: int | None) -> Case:
    """Measure an answer in pieces; the floor is an app that codes each as it sends it."""
    answer = streaming(body)
    return compare(
        f"{coding}, {size} in {PIECES} pieces",
        *entrants(coding, answer),
        rounds=rounds,
        calls=calls,
        how=reading(coding, body, answer),
    )


def entrants(coding: str, answer: ASGIApp) -> Iterator[Entrant]:
    """Yield who codes pieces."""
    yield app("the app alone", lambda: answer)
    yield floor("an app that codes by itself, each piece", lambda: _coding_pieces(coding, answer))
    yield ours("Compression", lambda: Compression()(answer))
    yield from coders(coding, answer)


def coders(coding: str, app: ASGIApp) -> Iterator[Entrant]:
    """Yield who codes; whoever is not installed, or does not know the coding, is left out."""
    if find_spec("starlette_compress"):
        yield peer("starlette-compress", partial(_compressed, app))
    if coding == "zstd" and find_spec("zstd_asgi"):
        yield peer("zstd-asgi", partial(_zstd_asgi, app))
    if coding == "br" and find_spec("brotli_asgi"):
        yield peer("brotli-asgi", partial(_brotli_asgi, app))
    if coding == "gzip":
        yield peer("Starlette's GZipMiddleware", partial(GZipMiddleware, app, compresslevel=LEVELS["gzip"]))


def _compressed(app: ASGIApp) -> ASGIApp:
    from starlette_compress import CompressMiddleware

    levels: Any = {"zstd_level": LEVELS["zstd"], "brotli_quality": LEVELS["br"], "gzip_level": LEVELS["gzip"]}
    wrapped: ASGIApp = CompressMiddleware(app, **levels)
    return wrapped


def _zstd_asgi(app: ASGIApp) -> ASGIApp:
    from zstd_asgi import ZstdMiddleware

    wrapped: ASGIApp = ZstdMiddleware(app, level=LEVELS["zstd"])
    return wrapped


def _brotli_asgi(app: ASGIApp) -> ASGIApp:
    from brotli_asgi import BrotliMiddleware

    wrapped: ASGIApp = BrotliMiddleware(app, quality=LEVELS["br"])
    return wrapped


def _coding_pieces(coding: str, app: ASGIApp) -> ASGIApp:
    """Return an app that codes each piece as it sends it."""

    async def coded(scope: Scope, receive: Receive, send: Send) -> None:
        code, end = _coder(coding)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.body":
                piece = message["body"]
                message["body"] = code(piece) if message["more_body"] else end(piece)
            await send(message)

        await app(scope, receive, sending)

    return coded


def _coder(coding: str) -> tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]:
    """Return what codes a piece so that it can be read at once, and what codes the last one."""
    match coding:
        case "zstd":
            made: Any = zstd.ZstdCompressor(level=LEVELS[coding])
            return partial(made.compress, mode=made.FLUSH_BLOCK), partial(
                made.compress, mode=made.FLUSH_FRAME
            )
        case "br":
            made = brotli.Compressor(quality=LEVELS[coding])
            return (lambda piece: made.process(piece) + made.flush()), (
                lambda piece: made.process(piece) + made.finish()
            )
        case _:
            made = zlib.compressobj(LEVELS[coding], zlib.DEFLATED, 31)
            return (lambda piece: made.compress(piece) + made.flush(zlib.Z_SYNC_FLUSH)), (
                lambda piece: made.compress(piece) + made.flush()
            )


def decoded(coding: str, body: bytes) -> bytes:
    """Return what a client reads."""
    match coding:
        case "zstd":
            return zstd.decompress(body)
        case "br":
            return bytes(brotli.decompress(body))
        case _:
            return zlib.decompress(body, 31)


def reading(coding: str, body: bytes, alone: ASGIApp) -> How:
    """Return how to measure apps for a client that reads a coding, once each has shown that it is used.

    Not ``alone``, which does not know it.
    """
    line = (b"accept-encoding", coding.encode())

    def how(make: Contender) -> MakeRound:
        @asynccontextmanager
        async def rounds() -> AsyncIterator[Round]:
            made = make()
            app = Asking(made, line)
            sent = await answered(app)
            read = sent if made is alone else decoded(coding, sent)
            assert read == body, f"{len(read)} bytes came of {len(body)}"
            await call(app, 20)
            yield partial(call, app)

        return rounds

    return how


async def answered(app: ASGIApp) -> bytes:
    """Ask, and return the body of the answer."""
    pieces: list[bytes] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        pieces.append(message.get("body", b""))

    await app(scope(), receive, send)
    return b"".join(pieces)
