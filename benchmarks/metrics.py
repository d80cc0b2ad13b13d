"""What it costs to measure requests, against children of ``prometheus_client`` that are kept and used by hand."""

from time import perf_counter
from typing import Any, final

from prometheus_client import CollectorRegistry, Gauge, Histogram

from asgi_patterns import Metrics
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.answers import small
from benchmarks.comparing import app, compare, floor, ours
from benchmarks.harness import ROUNDS
from benchmarks.observed_peers import over_starlette
from benchmarks.results import Budget, Group

FEW = "two instruments, by hand"
LABELS = ("method", "route", "status", "outcome")


@final
class Few:
    """A duration and what is in hand: the least that one would measure by hand."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        registry = CollectorRegistry()
        self.duration = Histogram("duration_seconds", "x", LABELS, registry=registry)
        self.active = Gauge("active", "x", ("method",), registry=registry)
        self.children: dict[tuple[str, str, int], Any] = {}
        self.gauges: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        status = 500
        method = scope["method"]
        gauge = self.gauges.get(method)
        if gauge is None:
            gauge = self.gauges[method] = self.active.labels(method)
        gauge.inc()

        async def wrapped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = perf_counter()
        try:
            await self.app(scope, receive, wrapped)
        finally:
            seconds = perf_counter() - began
            gauge.dec()
            key = (method, "none", status)
            child = self.children.get(key)
            if child is None:
                child = self.children[key] = self.duration.labels(method, "none", str(status), "ok")
            child.observe(seconds)


@final
class All:
    """The same four instruments as ours: duration, in hand, first byte and size of the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        registry = CollectorRegistry()
        self.duration = Histogram("duration_seconds", "x", LABELS, registry=registry)
        self.first = Histogram("first_seconds", "x", LABELS, registry=registry)
        self.size = Histogram("size_bytes", "x", LABELS, registry=registry, buckets=(256, 1024, 4096, 65536))
        self.active = Gauge("active", "x", ("method",), registry=registry)
        self.children: dict[tuple[str, str, int], Any] = {}
        self.gauges: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        status, size, first = 500, 0, None
        method = scope["method"]
        gauge = self.gauges.get(method)
        if gauge is None:
            gauge = self.gauges[method] = self.active.labels(method)
        gauge.inc()

        async def wrapped(message: Message) -> None:
            nonlocal status, size, first
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                if first is None:
                    first = perf_counter() - began
                size += len(message.get("body", b""))
            await send(message)

        began = perf_counter()
        try:
            await self.app(scope, receive, wrapped)
        finally:
            seconds = perf_counter() - began
            gauge.dec()
            key = (method, "none", status)
            children = self.children.get(key)
            if children is None:
                labels = (method, "none", str(status), "ok")
                children = self.children[key] = tuple(
                    each.labels(*labels) for each in (self.duration, self.first, self.size)
                )
            children[0].observe(seconds)
            children[1].observe(first or 0)
            children[2].observe(size)


def run(*, rounds: int = ROUNDS, calls: int | None = None) -> Group:
    """Measure."""
    budgets = Budget(most=1.8), Budget(most=1.8, of=FEW, reason="it keeps four instruments, not two")
    case = compare(
        "an answer of 2 KB",
        app("the app alone", lambda: small),
        floor("the same four instruments, by hand", lambda: All(small)),
        floor(FEW, lambda: Few(small)),
        ours("Metrics", lambda: Metrics(registry=CollectorRegistry())(small), *budgets),
        ours("Metrics without exemplars", _plain, *budgets),
        ours("Metrics, names of instrumentator", _named),
        rounds=rounds,
        calls=calls,
    )
    inside = over_starlette(rounds=rounds, calls=calls)
    return Group(name="metrics", title="Metrics, with prometheus_client", cases=(case, inside))


def _plain() -> ASGIApp:
    return Metrics(registry=CollectorRegistry(), exemplars=False)(small)


def _named() -> ASGIApp:
    return Metrics(registry=CollectorRegistry(), names="instrumentator", exemplars=False)(small)
