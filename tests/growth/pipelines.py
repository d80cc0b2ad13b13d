"""The layers that are watched, with settings that make each of them remember something, and little of that.

``Watched``: all of them, for one store, with what tells whether anything is still in hand.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from prometheus_client import CollectorRegistry

from asgi_patterns import (
    AccessLog,
    BodyLimit,
    CachePolicy,
    CacheRule,
    Caller,
    Compression,
    ConditionalRequests,
    Cors,
    Deadline,
    DeadlineRule,
    Decompression,
    Health,
    LoadShedding,
    Metrics,
    Pipeline,
    Problems,
    ProblemType,
    Quota,
    RateLimit,
    RequestId,
    SecurityHeaders,
    ServerTiming,
    Tracing,
    WebSocketLimits,
)
from asgi_patterns.caching.memory import MemoryLocks
from asgi_patterns.caching.redis import RedisLocks
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.headers import get
from asgi_patterns.kernel.layer import Layer
from asgi_patterns.kernel.types import Scope
from asgi_patterns.protection.adaptive import MOST_SAMPLES
from asgi_patterns.protection.pools import Pool
from asgi_patterns.protection.priorities import PriorityRule
from asgi_patterns.ratelimit.redis import MOST_REFUSED, RedisCounters
from tests.growth.traffic import ORIGIN, TOKEN

MOST_KEYS: Final = 100
"""Keys of each quota that are remembered."""
MOST_VALUES: Final = 40
"""Values of each label."""
MOST_SERIES: Final = 10 * (MOST_VALUES + 2) * 12 * 12
"""Methods, routes, statuses and outcomes that this app has together."""
MOST_LINES: Final = 12 * MOST_SERIES
"""Counts and sums of the histograms that each has, and counters of events beside them."""
MOST_BUCKETS: Final = 20
MOST_THREADS: Final = 60
"""Of anyio 40, of ``Compression`` 2, and a check's; some were there before."""
PATIENCE: Final = 10.0
"""Seconds that the store may take: a slow machine is not to be taken for a store that is away."""

QUOTAS: Final = (
    Quota(name="addresses", limit=40, window="1s"),
    Quota(name="keys", limit=60, window="1s", key="header:X-API-Key", algorithm="sliding_window"),
    Quota(name="users", limit=60, window="1s", key="user", algorithm="fixed_window", match="/busy"),
    Quota(name="log", limit=20, window="1s", algorithm="sliding_log", match="/lines"),
    Quota(name="guesses", limit=2, window="1h", match="/nowhere/**"),
    Quota(name="failed", limit=50, window="1s", counts="failed"),
    Quota(name="slots", limit=4, algorithm="concurrency"),
    Quota(name="octets", limit=1_000_000, window="1s", unit="content-bytes", match="/uploads"),
)


@final
class OpenSpans(SpanProcessor):
    """Counts spans that have begun and not ended, and keeps none."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.begun += 1

    def on_end(self, span: ReadableSpan) -> None:
        self.ended += 1


@final
class Watched:
    """Each layer with a store and a clock, and what is in hand."""

    def __init__(self, store: str, clock: Callable[[], float], *, saturated: bool = False) -> None:
        """``saturated``: requests come as fast as they are answered, so that the event loop never is idle."""
        self._store = store
        self.spans = OpenSpans()
        self.registry = CollectorRegistry()
        self.events = 0
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(self.spans)
        self.limits = RateLimit(
            quotas=QUOTAS,
            identify=identify,
            max_keys=MOST_KEYS,
            messages="50/second",
            block=["203.0.255.255"],
            store=store,
            store_timeout=PATIENCE,
            clock=clock,
        )
        self.shedding = LoadShedding(
            min_limit=60 if saturated else 10,
            max_limit=80 if saturated else 20,
            max_lag=None if saturated else 0.1,
            queue=6,
            pools=[Pool(name="lines", match="/lines", limit=3, queue=2)],
            priorities=[
                PriorityRule(match="/busy", priority="low"),
                PriorityRule(match="/late", priority="critical"),
            ],
            websockets=5,
            clock=clock,
        )
        self.metrics = Metrics(registry=self.registry, token=TOKEN, max_values=MOST_VALUES)
        self.conditional = ConditionalRequests(probe=True, store=store, store_timeout=PATIENCE)
        self.layers: Mapping[str, Layer] = {layer.label: layer for layer in self._made(provider)}

    def _made(self, provider: TracerProvider) -> list[Layer]:
        return [
            Health(checks=[is_there, is_slow]),
            RequestId(),
            AccessLog(query_values=["page"]),
            self.metrics,
            Tracing(tracer_provider=provider, request_headers=["user-agent"]),
            ServerTiming(allow="always", max_entries=4),
            Cors(allow_origins=[ORIGIN], allow_methods=["GET", "PUT"]),
            SecurityHeaders(),
            Problems(base="/problems", upgrade="all", types=[ProblemType("sold-out", "Sold out", 409)]),
            Decompression(max_size=100_000),
            BodyLimit(
                limit=15_000,
                max_header_count=50,
                websocket=WebSocketLimits(idle_timeout=60, lifetime="1h"),
            ),
            self.limits,
            Deadline(rules=[DeadlineRule(match="/late", start="20ms")]),
            self.shedding,
            Compression(),
            self.conditional,
            CachePolicy(rules=[CacheRule(match="/items/**", public=True, max_age="1m", vary=["Accept"])]),
        ]

    def pipeline(self) -> Pipeline:
        """Return all of them in one."""
        return Pipeline(
            *self.layers.values(),
            trusted_proxies=["10.0.0.0/8"],
            identify=identify,
            listeners=[self._hear],
            store=self._store,
        )

    def _hear(self, event: Event, exchange: Exchange) -> None:
        self.events += 1

    def in_hand(self) -> dict[str, Any]:
        """Return what is not back yet, by its name; empty where nothing is in hand."""
        load = self.shedding.load.pools
        found: dict[str, Any] = {
            "open spans": self.spans.begun - self.spans.ended,
            "requests by the metrics": self._gauge("http_server_active_requests"),
            "WebSockets by the metrics": self._gauge("asgi_patterns_websocket_active_connections"),
            "requests by the shedder": sum(pool.in_hand + pool.waiting for pool in load.values()),
            "leases": sum(_held(self.limits, self.conditional)),
        }
        return {name: value for name, value in found.items() if value}

    def _gauge(self, name: str) -> float:
        return sum(
            sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == name
        )

    def remembered(self) -> dict[str, tuple[int, int]]:
        """Return of each bounded store in this process how much it holds, and how much it may hold."""
        limits = self.limits._counting.pools.values()
        refused = [pool.shared._refused.known for pool in limits if isinstance(pool.shared, RedisCounters)]
        recorder, learner = self.metrics._recorder, self.shedding._admission.main.learner
        known = recorder._folds._known
        lines = [line for family in self.registry.collect() for line in family.samples]
        return {
            "keys of quotas": (sum(len(pool.local) for pool in limits), MOST_KEYS * len(QUOTAS)),
            "refusals on a store": (sum(map(len, refused)), MOST_REFUSED),
            "values of labels": (max(map(len, known.values()), default=0), MOST_VALUES + 2),
            "series of metrics": (len(recorder._series), MOST_SERIES),
            "lines of metrics": (sum("le" not in line.labels for line in lines), MOST_LINES),
            "exemplars": (sum(line.exemplar is not None for line in lines), MOST_LINES * MOST_BUCKETS),
            "latencies of a window": (0 if learner is None else len(learner._samples), MOST_SAMPLES),
            "worker threads": (threading.active_count(), MOST_THREADS),
        }


def _held(limits: RateLimit, conditional: ConditionalRequests) -> list[int]:
    """Return how many slots and turns are held, in this process and in the name of this process on a store."""
    found = []
    for pool in limits._counting.pools.values():
        # What is lent is the state of a key, as times: whoever has none has given all back.
        found += [len(state) for state in pool.local._shelves["slots"].values() if state]
        found += [len(each._held) for each in getattr(pool.shared, "_sessions", {}).values()]
    for locks in conditional._made.values():
        if isinstance(locks, MemoryLocks):
            found.append(len(locks))
        elif isinstance(locks, RedisLocks) and locks._session is not None:
            found += [len(locks._session._held), len(locks._session.gate)]
    return found


def identify(scope: Scope) -> Caller | None:
    """Say who asks, as a gateway in front would."""
    key = get(scope["headers"], b"x-api-key")
    return None if key is None else Caller(id=key.decode("latin-1"))


async def is_there() -> str:
    """A check that is up."""
    return "all of it"


def is_slow() -> bool:
    """A check that runs in a thread."""
    return True
