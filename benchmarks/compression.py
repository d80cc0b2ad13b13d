"""What it costs to send an answer coded, to see that a client reads no coding, and how soon a coded event arrives."""

import json
import statistics
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, final
from unittest.mock import patch

import anyio
import anyio.to_thread
import brotli
import httpx2
from backports import zstd
from starlette.middleware.gzip import GZipMiddleware

from asgi_patterns.compression import Compression
from asgi_patterns.compression.codecs import Brotli, Coder, Gzip, Zstd
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.asking import Asking, How, answering, asking
from benchmarks.comparing import app, as_it_is, compare, floor, ours, peer
from benchmarks.harness import CALLS, ROUNDS, Contender, MakeRound, Round, call
from benchmarks.results import Budget, Case, Group
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


def run(*, rounds: int = ROUNDS, calls: int = CALLS) -> Group:
    """Measure."""
    cases = [_unread(rounds, calls)]
    for size, body in SIZES.items():
        some = max(calls * 2048 // len(body), 20)
        for coding, code in codes().items():
            cases.append(_coded(f"{coding}, {size}", body, coding, code, rounds, some))
            cases.append(_beside(f"{coding}, {size}, without the codec", body, coding, code, rounds, some))
    cases.append(_events(rounds))
    return Group(name="compression", title="Compression", cases=tuple(cases))


def _unread(rounds: int, calls: int) -> Case:
    answer = answering(SIZES["2 KB"])
    return compare(
        "a client that reads no coding",
        app("the app alone", lambda: answer),
        floor("a function that adds a field, by hand", lambda: Nested(answer)),
        ours("Compression", lambda: Compression()(answer), Budget(most=1.5, of="us")),
        peer("Starlette's GZipMiddleware", lambda: GZipMiddleware(answer)),
        rounds=rounds,
        calls=calls,
    )


def _coded(name: str, body: bytes, coding: str, code: Code, rounds: int, calls: int) -> Case:
    answer, is_small = answering(body), body is SIZES["2 KB"]
    entrants = [
        app("the app alone", lambda: answer),
        app("an app that codes by itself, once a request", lambda: coding_app(body, code)),
        floor("by hand, with the same codec", lambda: Floor(answer, coding, code)),
        ours(
            "Compression",
            lambda: Compression()(answer),
            *([Budget(most=1.4)] if is_small else []),
            layer="Compression" if is_small and coding == "zstd" else "",
        ),
    ]
    if coding == "gzip":
        entrants.append(peer("Starlette's GZipMiddleware", lambda: GZipMiddleware(answer, compresslevel=6)))
    return compare(name, *entrants, rounds=rounds, calls=calls, how=_reading(coding))


def _reading(coding: str) -> How:
    return asking((b"accept-encoding", coding.encode()))


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

    def inside(self, coder: type[Coder], make: MakeRound) -> MakeRound:
        """Return the same with the codec of ours timed meanwhile."""

        @asynccontextmanager
        async def rounds() -> AsyncIterator[Round]:
            with patch.object(coder, "whole", self.around(coder.whole)):
                async with make() as one_round:
                    yield one_round

        return rounds

    async def _call(self, app: ASGIApp, calls: int) -> float:
        self.spent = 0.0
        return await call(app, calls) - self.spent / calls * 1e6


def _beside(name: str, body: bytes, coding: str, code: Code, rounds: int, calls: int) -> Case:
    """Measure the layer, and the app that codes by itself, both without the codec."""
    watch = Stopwatch()
    asked = (b"accept-encoding", coding.encode())

    def layer() -> ASGIApp:
        return Asking(Compression()(answering(body)), asked)

    is_large = body is SIZES["50 KB"]
    return compare(
        name,
        app(
            "an app that codes by itself, once a request",
            watch.without(lambda: Asking(coding_app(body, watch.around(code)), asked)),
        ),
        ours(
            "Compression",
            watch.inside(CODERS[coding], watch.without(layer)),
            *([Budget(most=4, of="us")] if is_large else []),
        ),
        rounds=rounds,
        calls=calls,
        how=as_it_is,
        counts=False,
    )


# --- how soon an event arrives ---


async def ticking(scope: Scope, receive: Receive, send: Send) -> None:
    """Send events that say when they were sent."""
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


def _events(rounds: int) -> Case:
    """Measure over a real server."""
    with serving(*uvicorn("benchmarks.compression:served")) as server:
        entrants = [ours(coding, partial(arriving, server.port, coding)) for coding in codes()]
        return compare(
            f"an event stream on uvicorn, from the app to the client that has decoded it, {EVENTS} events a round",
            app("not coded", partial(arriving, server.port, "identity")),
            *entrants,
            rounds=max(1, rounds // 60),
            calls=1,
            how=as_it_is,
            unit="ms",
            counts=False,
        )


@asynccontextmanager
async def arriving(port: int, coding: str) -> AsyncIterator[Round]:
    """Measure how late an event is, as a rule."""

    async def one_round(_: int) -> float:
        return statistics.median(await anyio.to_thread.run_sync(_late, port, coding))

    yield one_round


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
