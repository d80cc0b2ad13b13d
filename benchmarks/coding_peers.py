"""What others cost that send answers coded: whole, and in pieces.

All at the same level, over a bare app; how far back the codec of a stream looks is each one's own choice. A codec
alone is an app that codes by itself, in the quickest way that its package has, and sends no field about it.

Of pieces each makes what its package thinks right: ours, zstd-asgi, brotli-asgi and Starlette's send each piece at
once; starlette-compress keeps what is not an event stream until the codec has enough of it, which is cheaper, and
later at the client.
"""

import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

import brotli
from backports import zstd
from starlette.middleware.gzip import GZipMiddleware

from asgi_patterns import Compression
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.answers import SIZES, answering, streaming
from benchmarks.compression import Asking, Floor, codes
from benchmarks.harness import Contender, MakeRound, Round, Times, call, measure_rounds, scope, table

LEVELS: Final = {"zstd": 3, "br": 4, "gzip": 6}
HOW: Final[Mapping[str, Callable[[bytes], ASGIApp]]] = {"whole": answering, "in pieces": streaming}


def run(*, rounds: int = 30, calls: int = 1000) -> str:
    """Measure, and return a table for each coding."""
    return "\n\n".join(_table(coding, rounds, calls) for coding in LEVELS)


def _table(coding: str, rounds: int, calls: int) -> str:
    found: dict[str, list[str]] = {}
    for body in SIZES.values():
        some = max(calls * 2048 // len(body), 20)
        for how, make in HOW.items():
            made = contenders(coding, how, make(body))
            made["the codec, in the app"] = partial(_alone, coding, how, body)
            makers = {
                name: checked(each, coding, body, is_app=name == "alone") for name, each in made.items()
            }
            _enter(found, measure_rounds(makers, rounds=rounds, calls=some))
    columns = [f"{size}, {how}" for size in SIZES for how in HOW]
    rows = [(name, *cells) for name, cells in found.items()]
    title = f"{coding}, level {LEVELS[coding]}: microseconds over the app alone"
    return table(title, rows, ("", *columns))


def _enter(found: dict[str, list[str]], times: Mapping[str, Times]) -> None:
    """Add a column; whoever has no part in it has an empty cell."""
    alone, columns = times["alone"].minimum, max(map(len, found.values()), default=0)
    for name in dict.fromkeys([*found, *times]):
        if name != "alone":
            cell = f"{times[name].minimum - alone:.1f}" if name in times else ""
            found.setdefault(name, [""] * columns).append(cell)


def contenders(coding: str, how: str, app: ASGIApp) -> dict[str, Contender]:
    """Return who codes; whoever is not installed, or does not know the coding, is left out."""
    found: dict[str, Contender] = {"alone": lambda: app}
    if how == "whole":
        found["by hand"] = lambda: Floor(app, coding, codes()[coding])
    found["Compression"] = lambda: Compression()(app)
    if find_spec("starlette_compress"):
        found["starlette-compress"] = partial(_compressed, app)
    if coding == "zstd" and find_spec("zstd_asgi"):
        found["zstd-asgi"] = partial(_zstd_asgi, app)
    if coding == "br" and find_spec("brotli_asgi"):
        found["brotli-asgi"] = partial(_brotli_asgi, app)
    if coding == "gzip":
        found["Starlette's GZipMiddleware"] = lambda: GZipMiddleware(app, compresslevel=LEVELS["gzip"])
    return found


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


def _alone(coding: str, how: str, body: bytes) -> ASGIApp:
    """Return the app that codes by itself."""
    if how == "whole":
        code = codes()[coding]

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await answering(code(body))(scope, receive, send)

        return app
    return _coding_pieces(coding, streaming(body))


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


def checked(make: Contender, coding: str, body: bytes, *, is_app: bool = False) -> MakeRound:
    """Return what measures an app, once it has shown that a client reads from it what it should."""

    @asynccontextmanager
    async def rounds() -> AsyncIterator[Round]:
        app = Asking(make(), coding)
        sent = await answered(app)
        if not is_app:
            sent = decoded(coding, sent)
        assert sent == body, f"{len(sent)} bytes came of {len(body)}"
        await call(app, 20)
        yield partial(call, app)

    return rounds


async def answered(app: ASGIApp) -> bytes:
    """Ask, and return the body of the answer."""
    pieces: list[bytes] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        pieces.append(message.get("body", b""))

    await app(scope(), receive, send)
    return b"".join(pieces)
