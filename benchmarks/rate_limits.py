"""What it costs to limit a request in this process, beside hand-written middleware and what others make."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import cycle
from math import ceil
from typing import final

from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.ratelimit import RateLimit
from benchmarks import limit_peers
from benchmarks.comparing import Entrant, app, compare, floor, ours
from benchmarks.harness import ROUNDS, Contender, MakeRound, Round, call
from benchmarks.results import Group
from benchmarks.shape import whole

LIVE = 100_000
PLENTY = 1_000_000


@final
class Floor:
    """A token bucket for each address and both fields of the draft, by hand: no more than the benchmark looks at."""

    def __init__(self, app: ASGIApp, limit: int = PLENTY, window: float = 1.0) -> None:
        self.app = app
        self.limit = limit
        self.rate = limit / window
        self.buckets: dict[str, list[float]] = {}
        self.policy = (b"ratelimit-policy", b'"default";q=%d;w=%d' % (limit, window))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count, refuse or add the fields."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        now = time.monotonic()
        key = scope["client"][0]
        bucket = self.buckets.get(key)
        if bucket is None:
            bucket = self.buckets[key] = [self.limit, now]
        tokens = min(self.limit, bucket[0] + (now - bucket[1]) * self.rate)
        bucket[1] = now
        if tokens < 1:
            bucket[0] = tokens
            await send({"type": "http.response.start", "status": 429, "headers": [(b"retry-after", b"1")]})
            return await send({"type": "http.response.body", "body": b""})
        tokens -= 1
        bucket[0] = tokens
        left = int(tokens)
        line = (b"ratelimit", b'"default";r=%d;t=%d' % (left, ceil((left + 1 - tokens) / self.rate)))

        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], line, self.policy]}
            await send(message)

        await self.app(scope, receive, wrapped)


@final
class Crowd:
    """Calls an app for one client after the other."""

    def __init__(self, app: ASGIApp, size: int) -> None:
        self.app = app
        hosts = [(f"10.{at >> 16}.{at >> 8 & 255}.{at & 255}", 50000) for at in range(size)]
        self.clients = cycle(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Be the next client."""
        scope["client"] = next(self.clients)
        await self.app(scope, receive, send)


def limited(quotas: int) -> ASGIApp:
    """Return the app behind a layer with so many quotas."""
    return RateLimit(quotas=[f"{PLENTY + at}/second" for at in range(quotas)])(whole)


def crowd(make: Contender, size: int) -> MakeRound:
    """Return what calls the app for so many clients, all of whom it has seen before."""

    @asynccontextmanager
    async def rounds() -> AsyncIterator[Round]:
        app = Crowd(make(), size)
        await call(app, size)
        yield partial(call, app)

    return rounds


def run(*, rounds: int = ROUNDS, calls: int | None = None) -> Group:
    """Measure."""
    live, few = LIVE if calls is None else calls * 400, max(2, rounds // 2)
    five = ours("RateLimit, five quotas", lambda: limited(5))
    cases = (
        compare("one client, fields on", *_one_quota(), five, rounds=rounds, calls=calls),
        compare(
            f"{live:,} clients in turn, all seen before",
            *_one_quota(),
            rounds=few,
            calls=calls,
            how=partial(crowd, size=live),
        ),
        *limit_peers.decisions(rounds=few, calls=calls),
        *limit_peers.requests(Floor, rounds=rounds, calls=calls),
    )
    return Group(name="rate_limits", title="Rate limiting in memory", cases=cases)


def _one_quota() -> list[Entrant]:
    return [
        app("the app alone", lambda: whole),
        floor("by hand, one quota", lambda: Floor(whole)),
        ours("RateLimit, one quota", lambda: limited(1)),
    ]
