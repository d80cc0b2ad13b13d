"""Very many invented requests, all observed: python -m tests.soak_observability [--requests N].

Each has a path, query, method, user agent, host, address, request id and trace of its own. They end in several ways.
Nothing may grow: no label, no cache, no span that stays open, nothing in the log's state. ``make soak`` runs a million.
"""

import argparse
import gc
import io
import json
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, final

import anyio
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from asgi_patterns import AccessLog, Metrics, Pipeline, Problems, RequestId, ServerTiming, Tracing, timing
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope

LOGGER: Final = "asgi_patterns.access_log.soak"
SLACK: Final = 4 * 1024 * 1024
"""Bytes by which a process may be seen to grow although it remembers nothing more."""
OBJECTS: Final = 500
"""Objects by which it may: what a collection of them has just not met."""
WARM: Final = 5_000
"""After so many requests everything has been made, and every cache is full."""
KINDS: Final = ("items", "nothing", "streams", "items", "leaves", "rooms")
RAISES: Final = 50
"""Every so many raise: a span keeps the text of a traceback, which takes longer than all else."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run has measured."""

    requests: int
    spans: int
    """Spans that have ended."""
    opened: int
    """Spans that have not."""
    lines: int
    counted: int
    """Requests that the numbers are of."""
    samples: int
    """What has been added to the page since it was warm."""
    objects: int
    """Objects that have been added since then."""
    grown: int
    """Bytes of resident memory that have."""
    seconds: float

    def complaints(self) -> Iterator[str]:
        """Yield what is wrong."""
        for name in ("spans", "lines", "counted"):
            if (found := getattr(self, name)) != self.requests:
                yield f"{self.requests} requests have {found} {name}"
        if self.opened:
            yield f"{self.opened} spans are open"
        if self.samples:
            yield f"the page of metrics has {self.samples} more values"
        if self.objects > OBJECTS:
            yield f"there are {self.objects} more objects"
        if self.grown > SLACK:
            yield f"the process grew by {self.grown:,} bytes"


@final
class Counting(SpanProcessor):
    """Counts spans, and forgets them."""

    opened = ended = 0

    def on_start(self, span: object, parent_context: object = None) -> None:
        """Count one that begins."""
        self.opened += 1

    def on_end(self, span: ReadableSpan) -> None:
        """Count one that ends."""
        self.opened -= 1
        self.ended += 1


@final
class Lines(logging.Handler):
    """Makes text of every line, and forgets it."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Make it."""
        io.StringIO().write(self.format(record))
        self.count += 1


async def item(request: Request) -> PlainTextResponse:
    with timing("db", description=request.url.path):
        return PlainTextResponse("hello")


async def stream(request: Request) -> StreamingResponse:
    async def ticks() -> AsyncIterator[bytes]:
        yield b"tick"
        yield b"tock"

    return StreamingResponse(ticks())


async def raises(request: Request) -> PlainTextResponse:
    raise LookupError(request.url.path)


async def leaves(request: Request) -> PlainTextResponse:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return PlainTextResponse("to nobody")


async def room(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close(1000)


APP: Final = Starlette(
    routes=[
        Route("/items/{id}", item),
        Route("/streams/{id}", stream),
        Route("/raises/{id}", raises),
        Route("/leaves/{id}", leaves),
        WebSocketRoute("/rooms/{id}", room),
    ]
)


async def soak(requests: int, warm: int = WARM) -> Outcome:
    """Send all of them, one after the other; the first ``warm`` are for what is made once."""
    spans, lines, registry = Counting(), Lines(), CollectorRegistry()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(spans)
    logger = logging.getLogger(LOGGER)
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    app = Pipeline(
        RequestId(),
        AccessLog(name="soak"),
        Metrics(registry=registry, token="let-me-in", max_values=100),
        Tracing(tracer_provider=provider, request_headers=["x-.*"]),
        ServerTiming(allow="always", layers=True),
        Problems(),
    )(APP)
    try:
        began = time.perf_counter()
        await _send(app, range(warm))
        samples, objects, resident = _samples(registry), _objects(), _resident()
        await _send(app, range(warm, requests))
    finally:
        logger.removeHandler(lines)
    return Outcome(
        requests=requests,
        spans=spans.ended,
        opened=spans.opened,
        lines=lines.count,
        counted=_counted(registry),
        samples=_samples(registry) - samples,
        objects=_objects() - objects,
        grown=_resident() - resident,
        seconds=round(time.perf_counter() - began, 1),
    )


async def _send(app: ASGIApp, numbers: range) -> None:
    for number in numbers:
        kind = KINDS[number % len(KINDS)] if number % RAISES else "raises"
        with suppress(LookupError):
            await app(_scope(number, kind), _receiving(kind), _nowhere)


def _scope(number: int, kind: str) -> Scope:
    name = b"%032x" % (number + 1)
    scope: Scope = {
        "type": "websocket" if kind == "rooms" else "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "ws" if kind == "rooms" else "http",
        "path": f"/{kind}/{number}",
        "raw_path": b"/",
        "query_string": b"q%d=%d" % (number, number),
        "root_path": "",
        "headers": [
            (b"host", name + b".example"),
            (b"user-agent", b"agent/%d" % number),
            (b"x-%d" % number, name),
            (b"x-request-id", name),
            (b"traceparent", b"00-%b-00f067aa0ba902b7-01" % name),
            (b"tracestate", b"k%d=%d" % (number, number)),
        ],
        "client": (f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", number & 65535),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    if kind == "rooms":
        scope["subprotocols"] = []
    else:
        scope["method"] = f"M{number}" if kind == "nothing" else "GET"
    return scope


def _receiving(kind: str) -> Receive:
    first: list[Message] = [{"type": "websocket.connect"} if kind == "rooms" else {"type": "http.request"}]

    async def receive() -> Message:
        return first.pop() if first else {"type": "http.disconnect"}

    return receive


async def _nowhere(message: Message) -> None:
    """Send it to nobody."""


def _samples(registry: CollectorRegistry) -> int:
    return sum(len(family.samples) for family in registry.collect())


def _counted(registry: CollectorRegistry) -> int:
    return int(
        sum(
            sample.value
            for family in registry.collect()
            for sample in family.samples
            if sample.name.endswith(("request_duration_seconds_count", "_stream_duration_seconds_count"))
            or sample.name == "asgi_patterns_websocket_duration_seconds_count"
        )
    )


def _objects() -> int:
    gc.collect()
    return len(gc.get_objects())


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> int:
    """Run it; the exit code is 1 where a promise is broken."""
    parser = argparse.ArgumentParser(description="Very many invented requests, all observed.")
    parser.add_argument("--requests", type=int, default=1_000_000)
    outcome = anyio.run(soak, parser.parse_args().requests)
    print(json.dumps(asdict(outcome)))
    complaints = [*outcome.complaints()]
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
