"""What others cost that limit requests on a Redis: one decision at a time, and 64 at once in one process.

Each makes the connections that it makes by itself. A limit of limits' own is a window, all others are token buckets.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis

from asgi_patterns.kernel.store import Store
from asgi_patterns.ratelimit.asks import Stake
from asgi_patterns.ratelimit.buckets import TokenBucket
from asgi_patterns.ratelimit.redis import RedisCounters
from benchmarks import peers
from benchmarks.harness import MakeRound, Round, measure_rounds, table
from benchmarks.limit_peers import pyrate
from tests.support.redis_server import redis_server

TOGETHER: Final = 64
PLENTY: Final = 1_000_000
BARE: Final = "INCR through redis-py"

Decide = Callable[[str], Awaitable[Any]]
Deciding = Callable[[str], AbstractAsyncContextManager[Decide]]
"""Opens what decides on the Redis of a URL, and closes it."""


def run(*, rounds: int = 20, calls: int = 100) -> str:
    """Start a Redis, measure, and return the table."""
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as server:
        opened = {name: partial(make, server.url) for name, make in deciders().items()}
        alone = {name: _one_by_one(each) for name, each in opened.items()}
        together = {name: _at_once(each) for name, each in opened.items()}
        one = measure_rounds(alone, rounds=rounds, calls=calls)
        many = measure_rounds(together, rounds=rounds, calls=max(1, calls // 10))
    rows = [
        (
            name,
            f"{one[name].minimum:.0f}",
            f"{one[name].minimum / one[BARE].minimum:.2f}",
            f"{many[name].minimum:.0f}",
            f"{many[name].minimum / many[BARE].minimum:.2f}",
        )
        for name in one
    ]
    title = f"A decision on a Redis, microseconds: one at a time, and {TOGETHER} at once"
    return table(title, rows, ("", "alone", "of INCR", "at once", "of INCR"))


def deciders() -> Mapping[str, Deciding]:
    """Return who decides; whoever is not installed is left out."""
    found: dict[str, Deciding] = {BARE: _bare, "RateLimit's counters": _ours}
    if find_spec("throttled"):
        found["throttled-py"] = _throttled
    if find_spec("pyrate_limiter"):
        found["pyrate-limiter, as in fastapi-limiter"] = _pyrate
    found["limits"] = partial(_limits, statistics=False)
    found["limits, with the statistics that headers need"] = partial(_limits, statistics=True)
    return found


@asynccontextmanager
async def _bare(url: str) -> AsyncIterator[Decide]:
    client = Redis.from_url(url)

    async def decide(key: str) -> None:
        await client.incr(key)

    yield decide
    await client.aclose()


@asynccontextmanager
async def _ours(url: str) -> AsyncIterator[Decide]:
    counters = RedisCounters(Store.parse(url), prefix="bench", partitions=16, timeout=5.0)
    stake = Stake("bench", TokenBucket(float(PLENTY), float(PLENTY)))

    async def decide(key: str) -> None:
        await counters.take(((stake, key),))

    await counters.open()
    yield decide
    await counters.aclose()


@asynccontextmanager
async def _throttled(url: str) -> AsyncIterator[Decide]:
    from throttled.asyncio import RateLimiterType, RedisStore, Throttled, rate_limiter

    limiter = Throttled(
        using=RateLimiterType.TOKEN_BUCKET.value,
        quota=rate_limiter.per_sec(PLENTY, burst=PLENTY),
        store=RedisStore(server=url),
    )

    async def decide(key: str) -> None:
        await limiter.limit(key)

    yield decide


@asynccontextmanager
async def _pyrate(url: str) -> AsyncIterator[Decide]:
    from pyrate_limiter import Duration, Rate, RedisStateStore, StateBucket, WallClock

    client, rates = Redis.from_url(url), [Rate(PLENTY, Duration.SECOND)]
    clock = WallClock()
    yield pyrate(clock.now, lambda key: StateBucket(rates, store=RedisStateStore(client, f"pyrate:{key}")))
    await client.aclose()


@asynccontextmanager
async def _limits(url: str, *, statistics: bool) -> AsyncIterator[Decide]:
    yield peers.limits_on_redis(url, statistics=statistics)


def _one_by_one(opened: Callable[[], AbstractAsyncContextManager[Decide]]) -> MakeRound:
    @asynccontextmanager
    async def rounds() -> AsyncIterator[Round]:
        async with opened() as decide:

            async def one_round(calls: int) -> float:
                begin = time.perf_counter()
                for _ in range(calls):
                    await decide("10.0.0.1")
                return (time.perf_counter() - begin) / calls * 1e6

            await one_round(20)
            yield one_round

    return rounds


def _at_once(opened: Callable[[], AbstractAsyncContextManager[Decide]]) -> MakeRound:
    """Return what measures many clients, of whom each asks again as soon as it is answered."""

    @asynccontextmanager
    async def rounds() -> AsyncIterator[Round]:
        async with opened() as decide:

            async def client(key: str, calls: int) -> None:
                for _ in range(calls):
                    await decide(key)

            async def one_round(calls: int) -> float:
                begin = time.perf_counter()
                await asyncio.gather(*(client(f"10.0.{at}.2", calls) for at in range(TOGETHER)))
                return (time.perf_counter() - begin) / (calls * TOGETHER) * 1e6

            await one_round(2)
            yield one_round

    return rounds
