"""How soon an event arrives that is sent coded."""

import statistics
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import brotli
import httpx2
from backports import zstd

from asgi_patterns.compression import Compression
from asgi_patterns.kernel.types import Receive, Scope, Send
from benchmarks.comparing import app, as_it_is, compare, ours
from benchmarks.compression_codecs import codes
from benchmarks.harness import Round
from benchmarks.results import Case
from tests.support.servers import serving, uvicorn

EVENTS = 50


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


def events(rounds: int) -> Case:
    """Measure over a real server."""
    with serving(*uvicorn("benchmarks.compression_events:served")) as server:
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
