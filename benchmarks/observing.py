"""What it costs to see requests: the record that every observing layer shares, a line of the log, and Server-Timing."""

import logging
import time
from typing import Final, final

from prometheus_client import CollectorRegistry

from asgi_patterns import AccessLog, Metrics, Pipeline, RequestId, ServerTiming, Tracing, timing
from asgi_patterns.kernel.observing import observe
from asgi_patterns.kernel.record import Record
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.answers import small
from benchmarks.comparing import app, compare, floor, ours
from benchmarks.harness import ROUNDS
from benchmarks.request_id import ByHand
from benchmarks.results import Budget, Group
from benchmarks.tracing import provider
from benchmarks.whole_floors import Measured, Spanned
from benchmarks.whole_floors_plus import LOGGER, Logged

ALL: Final = Budget(
    most=40,
    of="us",
    reason="by hand, each as one middleware, it is more as well: a span takes half of it, logging itself 4 us a line",
)
_log = logging.getLogger("benchmarks.observing")


@final
class Minimal:
    """The least that is called an access log: method, path, status and time, of HTTP only, when the app returns."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begin = time.perf_counter()
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            taken = time.perf_counter() - begin
            _log.info("%s %s %s %.6f", scope["method"], scope["path"], status, taken)


@final
class Core:
    """The record alone."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await observe(self.app, scope, receive, send, _forget)


@final
class Timed:
    """An app that takes the time of one block."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with timing("db"):
            pass
        await self.app(scope, receive, send)


@final
class Field:
    """The least that is called Server-Timing: one entry, for everybody."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begin = time.perf_counter()

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = b"total;dur=%.2f" % ((time.perf_counter() - begin) * 1000)
                message = {**message, "headers": [*message["headers"], (b"server-timing", told)]}
            await send(message)

        await self.app(scope, receive, add)


def _forget(record: Record) -> None:
    pass


class _Formatting(logging.Handler):
    """Formats, as every handler does that writes, and writes nothing."""

    def emit(self, record: logging.LogRecord) -> None:
        self.format(record)


def _logging(app: ASGIApp, handler: logging.Handler | None) -> ASGIApp:
    """Return ``app`` with logging set up; each contender has a process of its own."""
    for name in ("benchmarks.observing", LOGGER, "asgi_patterns.access_log"):
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.setLevel(logging.WARNING if handler is None else logging.INFO)
        logger.handlers[:] = [] if handler is None else [handler]
    return app


def run(*, rounds: int = ROUNDS, calls: int | None = None) -> Group:
    """Measure."""
    alone = app("the app alone", lambda: small)
    log = compare(
        "a line of the access log",
        alone,
        floor("by hand, one line", lambda: _logging(Minimal(small), _Formatting())),
        ours("AccessLog, JSON", lambda: _logging(AccessLog()(small), _Formatting()), layer="AccessLog"),
        ours("AccessLog, text", lambda: _logging(AccessLog(format="text")(small), _Formatting())),
        ours("AccessLog, nobody formats", lambda: _logging(AccessLog()(small), logging.NullHandler())),
        ours("AccessLog, not in the sample", lambda: _logging(AccessLog(sample=0)(small), _Formatting())),
        ours("AccessLog, its logger is off", lambda: _logging(AccessLog()(small), None)),
        ours("the record that it shares, alone", lambda: Core(small)),
        ours("RequestId, AccessLog and ServerTiming", _all_three),
        rounds=rounds,
        calls=calls,
    )
    timings = compare(
        "Server-Timing",
        alone,
        floor("a total, by hand", lambda: Field(small)),
        ours("ServerTiming, a total", lambda: ServerTiming(allow="always")(small), layer="ServerTiming"),
        ours("ServerTiming, a total and a block", lambda: ServerTiming(allow="always")(Timed(small))),
        ours("ServerTiming, told to nobody here", lambda: ServerTiming(networks=["10.0.0.0/8"])(small)),
        rounds=rounds,
        calls=calls,
    )
    together = compare(
        "all that observes",
        alone,
        floor("by hand, each as one middleware", _all_by_hand),
        ours("RequestId, Tracing, Metrics, AccessLog and ServerTiming", _all_five, ALL),
        ours("the same, nobody formats lines", lambda: _all_five(logging.NullHandler())),
        rounds=rounds,
        calls=calls,
    )
    return Group(name="observing", title="Access log and Server-Timing", cases=(log, timings, together))


def _all_five(handler: logging.Handler | None = None) -> ASGIApp:
    layers = (
        RequestId(),
        Tracing(tracer_provider=provider(1)),
        Metrics(registry=CollectorRegistry()),
        AccessLog(),
        ServerTiming(networks=["127.0.0.0/8"]),
    )
    return _logging(Pipeline(*layers)(small), handler or _Formatting())


def _all_by_hand() -> ASGIApp:
    measured = Measured(Logged(small), CollectorRegistry())
    return _logging(Field(ByHand(Spanned(measured, provider(1)))), _Formatting())


def _all_three() -> ASGIApp:
    pipeline = Pipeline(RequestId(), AccessLog(), ServerTiming(networks=["127.0.0.0/8"]))
    return _logging(pipeline(small), _Formatting())
