"""What others cost that limit requests in memory: a decision alone, for few keys and many, and a whole request.

Decisions are of a token bucket wherever there is one: ours, throttled-py's and pyrate-limiter's, which fastapi-limiter
decides with; limits has windows only.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from asgi_patterns import RateLimit
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.ratelimit.asks import Stake
from asgi_patterns.ratelimit.buckets import TokenBucket
from asgi_patterns.ratelimit.memory import MemoryCounters
from benchmarks import peers
from benchmarks.asking import asking
from benchmarks.comparing import Entrant, app, compare, floor, ours, peer
from benchmarks.harness import MakeRound, Round
from benchmarks.results import Case

KEYS: Final = (1, 100_000)
TOGETHER: Final = 64
PLENTY: Final = 1_000_000
MOST: Final = 200_000

Decide = Callable[[str], Awaitable[Any]]
MakeDecide = Callable[[], Awaitable[Decide]]


def decisions(*, rounds: int, calls: int | None) -> Iterator[Case]:
    """Measure decisions alone. With few ``calls`` there are fewer keys."""
    for keys in KEYS:
        some = keys if calls is None else min(keys, calls * 400)
        name = f"a decision alone, {some:,} key{'s' if some > 1 else ''} in turn"
        how = partial(peers.deciding, keys=some)
        yield compare(name, *deciders(), rounds=rounds, calls=calls, how=how)
    yield compare(
        f"a decision alone, {TOGETHER} at once",
        *deciders(),
        rounds=rounds,
        calls=calls,
        how=at_once,
        counts=False,
    )


def deciders() -> Iterator[Entrant]:
    """Yield who decides; whoever is not installed is left out."""
    yield ours("RateLimit's counters", _ours)
    if find_spec("throttled"):
        yield peer("throttled-py", peers.throttled)
    if find_spec("pyrate_limiter"):
        yield peer("pyrate-limiter, as in fastapi-limiter", _pyrate)
    yield peer("limits", partial(_limits, statistics=False))
    yield peer("limits, with the statistics that headers need", partial(_limits, statistics=True))


def at_once(make: MakeDecide) -> MakeRound:
    """Return what measures decisions that are asked for at once, each for a key of its own."""

    @asynccontextmanager
    async def rounds() -> AsyncIterator[Round]:
        decide = await make()
        keys = [f"10.0.{at}.1" for at in range(TOGETHER)]

        async def one_round(turns: int) -> float:
            begin = time.perf_counter()
            for _ in range(turns):
                await asyncio.gather(*map(decide, keys))
            return (time.perf_counter() - begin) / (turns * TOGETHER) * 1e6

        await one_round(2)
        yield one_round

    return rounds


async def _ours() -> Decide:
    counters = MemoryCounters(most=MOST, clock=time.monotonic)
    stake = Stake("bench", TokenBucket(float(PLENTY), float(PLENTY)))

    async def decide(key: str) -> None:
        counters.take(((stake, key),))

    return decide


async def _limits(*, statistics: bool) -> Decide:
    from limits import parse
    from limits.aio.storage import MemoryStorage
    from limits.aio.strategies import FixedWindowRateLimiter

    limiter, rate = FixedWindowRateLimiter(MemoryStorage()), parse(f"{PLENTY}/second")

    async def decide(key: str) -> None:
        await limiter.hit(rate, key)
        if statistics:
            await limiter.get_window_stats(rate, key)

    return decide


async def _pyrate() -> Decide:
    from pyrate_limiter import Duration, MonotonicClock, Rate, StateBucket

    clock, rates = MonotonicClock(), [Rate(PLENTY, Duration.SECOND)]
    return pyrate(clock.now, lambda key: StateBucket(rates))


def pyrate(now: Callable[[], int], make: Callable[[str], Any]) -> Decide:
    """Return what decides with pyrate-limiter, with a bucket for each key, as its page routes them.

    Buckets of constant size, the cheapest that it has, which leak by themselves.
    """
    from pyrate_limiter import BucketFactory, Limiter, RateItem

    buckets: dict[str, Any] = {}

    def wrap_item(self: Any, name: str, weight: int = 1) -> Any:
        return RateItem(name, now(), weight=weight)

    def get(self: Any, item: Any) -> Any:
        bucket = buckets.get(item.name)
        if bucket is None:
            bucket = buckets[item.name] = make(item.name)
        return bucket

    factory: Any = type("ByName", (BucketFactory,), {"wrap_item": wrap_item, "get": get})
    limiter = Limiter(factory())

    async def decide(key: str) -> None:
        await limiter.try_acquire_async(key, blocking=False)

    return decide


# --- a whole request ---


def requests(by_hand: Callable[[ASGIApp], ASGIApp], *, rounds: int, calls: int | None) -> Iterator[Case]:
    """Measure whole requests, inside of frameworks. Some who limit keep what they decide in the request's state."""
    inside = "a limited request of Starlette's", _over_starlette(by_hand)
    within = "a limited request of FastAPI's", _over_fastapi(by_hand)
    for name, entrants in (inside, within):
        yield compare(name, *entrants, rounds=rounds, calls=calls, how=asking())


def _over_starlette(by_hand: Callable[[ASGIApp], ASGIApp]) -> Iterator[Entrant]:
    yield app("Starlette alone", peers.starlette_app)
    yield floor("by hand", lambda: by_hand(peers.starlette_app()))
    yield ours(
        "RateLimit",
        lambda: RateLimit(quotas=[f"{PLENTY}/second"])(peers.starlette_app()),
        layer="RateLimit",
    )
    if find_spec("slowapi"):
        yield peer("slowapi", peers.slowapi_app)


def _over_fastapi(by_hand: Callable[[ASGIApp], ASGIApp]) -> Iterator[Entrant]:
    yield app("FastAPI alone", api)
    yield floor("by hand", lambda: by_hand(api()))
    yield ours("RateLimit", lambda: RateLimit(quotas=[f"{PLENTY}/second"])(api()))
    if find_spec("fastapi_limiter"):
        yield peer("fastapi-limiter, without fields", _fastapi_limiter)
    if find_spec("throttled"):
        yield peer("throttled-py's middleware, with fields", _throttled_api)


def api(**settings: Any) -> ASGIApp:
    """Return an app of FastAPI with one route."""
    app = FastAPI()

    @app.get("/items/{number}", **settings)
    async def item(number: int) -> JSONResponse:
        return JSONResponse({})

    made: ASGIApp = app
    return made


def _fastapi_limiter() -> ASGIApp:
    """Return the first example of its page, which keeps one bucket for all callers, whatever it calls their keys."""
    from fastapi_limiter.depends import RateLimiter
    from pyrate_limiter import Duration, Limiter, Rate

    limiter = RateLimiter(limiter=Limiter(Rate(PLENTY, Duration.SECOND)))
    return api(dependencies=[Depends(limiter)])


def _throttled_api() -> ASGIApp:
    from throttled.asyncio import MemoryStore
    from throttled.asyncio.contrib.fastapi import (
        Limiter,
        RateLimitExceededError,
        RateLimitMiddleware,
        get_remote_address,
        rate_limit_exceeded_handler,
    )

    store = MemoryStore(options={"MAX_SIZE": MOST})
    limiter = Limiter(f"{PLENTY}/s burst {PLENTY}", store=store, key_func=get_remote_address)
    app = FastAPI()
    app.add_middleware(RateLimitMiddleware)
    app.add_exception_handler(RateLimitExceededError, rate_limit_exceeded_handler)

    async def item(request: Request, number: int) -> JSONResponse:
        return JSONResponse({})

    app.get("/items/{number}")(limiter.limit()(item))
    made: ASGIApp = app
    return made
