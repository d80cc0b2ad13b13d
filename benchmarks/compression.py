"""What it costs to send an answer coded, to see that a client reads no coding, and how soon a coded event arrives."""

import json
import statistics
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, final

import brotli
import httpx2
from backports import zstd
from starlette.middleware.gzip import GZipMiddleware

from asgi_patterns.compression import Compression
from asgi_patterns.compression.codecs import Brotli, Coder, Gzip, Zstd
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.harness import Contender, MakeRound, Round, Times, call, measure, measure_rounds, table
from benchmarks.shape import Nested
from tests.support.servers import serving, uvicorn

Code = Callable[[bytes], bytes]

EVENTS = 50
ITEMS = [
    {"id": number, "name": f"teapot {number}", "price": number * 37 % 9973 / 100, "in stock": number % 3 == 0}
    for number in range(1000)
]
TEXT = json.dumps(ITEMS).encode()
CODERS: dict[str, type[Coder]] = {"zstd": Zstd, "br": Brotli, "gzip": Gzip}
SIZES = {"2 KB": TEXT[:2048], "50 KB": TEXT[:50_000]}


def codes() -> dict[str, Code]:
    """Return each coding at our level, made in the quickest way that its package has."""
    context = zstd.ZstdCompressor(level=3)
    return {
        "zstd": partial(context.compress, mode=context.FLUSH_FRAME),
        "br": lambda body: brotli.compress(body, quality=4),
        "gzip": lambda body: zlib.compress(body, 6, 31),
    }


@final
class Asking:
    """Calls an app for a client that reads a coding."""

    def __init__(self, app: ASGIApp, coding: str) -> None:
        self.app = app
        self.line = (b"accept-encoding", coding.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["headers"] = [*scope["headers"], self.line]
        await self.app(scope, receive, send)


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


def answering(body: bytes, code: Code | None = None) -> ASGIApp:
    """Return an app that answers with ``body`` in one piece; one with ``code`` codes it each time, by itself."""
    kind = (b"content-type", b"application/json")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        sent = body if code is None else code(body)
        headers = [kind, (b"content-length", b"%d" % len(sent))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": sent})

    return app


def run(*, rounds: int = 40, calls: int = 1000) -> str:
    """Measure, and return the table."""
    rows = [_unread(rounds, calls)]
    for size, body in SIZES.items():
        for coding, code in codes().items():
            some = max(calls * 2048 // len(body), 20)
            times = measure(_contenders(body, coding, code), rounds=rounds, calls=some)
            beside = measure_rounds(_beside(body, coding, code), rounds=rounds, calls=some)
            rows.append(_row(f"{coding}, {size}", times, beside))
    title = (
        "Compression, microseconds over the app alone; the floor does the same by hand, with the same codec"
    )
    return table(title, rows, ("", "codec", "floor", "ours", "of the floor", "beside the codec", "Starlette"))


def _contenders(body: bytes, coding: str, code: Code) -> dict[str, Contender]:
    app = answering(body)
    contenders: dict[str, Contender] = {
        "alone": lambda: Asking(app, coding),
        "codec": lambda: Asking(answering(body, code), coding),
        "floor": lambda: Asking(Floor(app, coding, code), coding),
        "ours": lambda: Asking(Compression()(app), coding),
    }
    if coding == "gzip":
        contenders["Starlette"] = lambda: Asking(GZipMiddleware(app, compresslevel=6), coding)
    return contenders


def _unread(rounds: int, calls: int) -> tuple[str, ...]:
    app = answering(SIZES["2 KB"])
    contenders: dict[str, Contender] = {
        "alone": lambda: app,
        "floor": lambda: Nested(app),
        "ours": lambda: Compression()(app),
        "Starlette": lambda: GZipMiddleware(app),
    }
    times = measure(contenders, rounds=rounds, calls=calls)
    return _row("a client that reads no coding", times, times)


def _row(name: str, times: dict[str, Times], beside: dict[str, Times]) -> tuple[str, ...]:
    def over(contender: str, of: dict[str, Times] = times) -> str:
        return f"{of[contender].minimum - of['alone'].minimum:.2f}" if contender in of else ""

    ratio = f"{float(over('ours')) / float(over('floor')):.2f}"
    return name, over("codec"), over("floor"), over("ours"), ratio, over("ours", beside), over("Starlette")


# --- what is ours, beside the codec ---


@final
class Stopwatch:
    """Takes the time of a codec out of that of a call.

    What we cost is a hundredth of what the codec does, and less than it varies: of two totals the difference would be
    mostly its own.
    """

    def __init__(self) -> None:
        self.spent = 0.0
        """Seconds in the codec."""

    def around(self, code: Callable[..., bytes]) -> Callable[..., bytes]:
        """Return the codec, timed."""

        def timed(*of: Any) -> bytes:
            begin = time.perf_counter()
            coded = code(*of)
            self.spent += time.perf_counter() - begin
            return coded

        return timed

    def without(self, make: Contender) -> MakeRound:
        """Return what measures calls of an app without its codec."""

        @asynccontextmanager
        async def rounds() -> AsyncIterator[Round]:
            app = make()
            await call(app, 20)
            yield partial(self._call, app)

        return rounds

    async def _call(self, app: ASGIApp, calls: int) -> float:
        self.spent = 0.0
        return await call(app, calls) - self.spent / calls * 1e6


def _beside(body: bytes, coding: str, code: Code) -> dict[str, MakeRound]:
    """Return what measures the layer, and the app that codes by itself, both without the codec."""
    watch = Stopwatch()

    def ours() -> ASGIApp:
        coder = CODERS[coding]
        coder.whole = watch.around(coder.whole)  # type: ignore[method-assign]  # this process is the contender's own
        return Asking(Compression()(answering(body)), coding)

    alone = watch.without(lambda: Asking(answering(body, watch.around(code)), coding))
    return {"alone": alone, "ours": watch.without(ours)}


# --- how soon an event arrives ---


async def ticking(scope: Scope, receive: Receive, send: Send) -> None:
    """Send events that say when they were sent."""
    import anyio

    if scope["type"] != "http":
        return
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
    )
    for _ in range(EVENTS):
        await anyio.sleep(0.01)
        event = b"data: %d\n\n" % time.perf_counter_ns()
        await send({"type": "http.response.body", "body": event, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


served = Compression()(ticking)


def run_events() -> str:
    """Measure over a real server, and return the table."""
    rows = []
    with serving(*uvicorn("benchmarks.compression:served")) as server:
        for coding in ("identity", *codes()):
            late = _late(server.port, coding)
            rows.append(
                (coding, *(f"{each:.2f}" for each in (min(late), statistics.median(late), max(late))))
            )
    title = f"An event stream on uvicorn, milliseconds from the app to the client that has decoded it, {EVENTS} events"
    return table(title, rows, ("", "minimum", "median", "maximum"))


def _late(port: int, coding: str) -> list[float]:
    late: list[float] = []
    decode = _decoder(coding)
    with httpx2.stream("GET", f"http://127.0.0.1:{port}/", headers={"accept-encoding": coding}) as answer:
        for part in answer.iter_raw():
            now = time.perf_counter_ns()
            late += [
                (now - int(each.removeprefix(b"data: "))) / 1e6
                for each in decode(part).split(b"\n\n")
                if each
            ]
    return late


def _decoder(coding: str) -> Any:
    match coding:
        case "zstd":
            return zstd.ZstdDecompressor().decompress
        case "br":
            return brotli.Decompressor().process
        case "gzip":
            return zlib.decompressobj(31).decompress
    return bytes
