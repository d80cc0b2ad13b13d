"""What others cost that limit requests on a Redis: one decision at a time, and 64 at once in one process.

Each makes the connections that it makes by itself. A limit of limits' own is a window, all others are token buckets.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

from redis.asyncio import Redis

from asgi_patterns.kernel.store import Store
from asgi_patterns.ratelimit.asks import Stake
from asgi_patterns.ratelimit.buckets import TokenBucket
from asgi_patterns.ratelimit.redis import RedisCounters
from benchmarks import peers
from benchmarks.comparing import Entrant, compare, floor, ours, peer
from benchmarks.harness import MakeRound, Round
from benchmarks.limit_peers import pyrate
from benchmarks.results import Case

TOGETHER: Final = 64
PLENTY: Final = 1_000_000
BARE: Final = "INCR through redis-py"

Decide = Callable[[str], Awaitable[Any]]
Deciding = Callable[[str], AbstractAsyncContextManager[Decide]]
"""Opens what decides on the Redis of a URL, and closes it."""


def cases(url: str, *, rounds: int, calls: int | None) -> Iterator[Case]:
    """Measure on the Redis of a URL."""
    yield compare(
        "a decision, one at a time",
        *_deciders(url),
        rounds=rounds,
        calls=calls,
        how=_one_by_one,
        counts=False,
    )
    yield compare(
        f"a decision, {TOGETHER} clients that ask again as soon as they are answered",
        *_deciders(url),
        rounds=rounds,
        calls=calls,
        how=_at_once,
        counts=False,
    )


def _deciders(url: str) -> Iterator[Entrant]:
    """Yield who decides; whoever is not installed is left out."""
    yield floor("INCR through redis-py", partial(_bare, url))
    yield ours("RateLimit's counters", partial(_ours, url))
    if find_spec("throttled"):
        yield peer("throttled-py", partial(_throttled, url))
    if find_spec("pyrate_limiter"):
        yield peer("pyrate-limiter, as in fastapi-limiter", partial(_pyrate, url))
    yield peer("limits", partial(_limits, url, statistics=False))
    yield peer("limits, with the statistics that headers need", partial(_limits, url, statistics=True))


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
