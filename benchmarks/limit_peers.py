"""What others cost that limit requests in memory: a decision alone, for few keys and many, and a whole request.

Decisions are of a token bucket wherever there is one: ours, throttled-py's and pyrate-limiter's, which fastapi-limiter
decides with; limits has windows only.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
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
from benchmarks.harness import Contender, MakeRound, Round, Times, measure, measure_rounds, table
from benchmarks.rate_limits import Floor
from benchmarks.whole_stacks import Asking

KEYS: Final = (1, 1000, 100_000)
TOGETHER: Final = 64
PLENTY: Final = 1_000_000
MOST: Final = 200_000

Decide = Callable[[str], Awaitable[Any]]
MakeDecide = Callable[[], Awaitable[Decide]]


def run(*, rounds: int = 20, calls: int = 1000, most: int = KEYS[-1]) -> str:
    """Measure, and return the tables. No more than ``most`` keys."""
    return "\n\n".join([_decisions(rounds, calls, most), _requests(rounds, calls)])


def _decisions(rounds: int, calls: int, most: int) -> str:
    made = deciders()
    columns: dict[str, Mapping[str, Times]] = {}
    for keys in KEYS:
        if keys <= most:
            makers = {name: peers.deciding(make, keys) for name, make in made.items()}
            columns[f"{keys:,} keys"] = measure_rounds(makers, rounds=rounds, calls=calls)
    together = {name: at_once(make) for name, make in made.items()}
    columns[f"{TOGETHER} at once"] = measure_rounds(together, rounds=rounds, calls=max(1, calls // TOGETHER))
    rows = [(name, *(f"{times[name].minimum:.2f}" for times in columns.values())) for name in made]
    return table("A decision in memory, microseconds", rows, ("", *columns))


def deciders() -> Mapping[str, MakeDecide]:
    """Return who decides; whoever is not installed is left out."""
    found: dict[str, MakeDecide] = {"RateLimit's counters": _ours}
    if find_spec("throttled"):
        found["throttled-py"] = peers._throttled
    if find_spec("pyrate_limiter"):
        found["pyrate-limiter, as in fastapi-limiter"] = _pyrate
    found["limits"] = partial(_limits, statistics=False)
    found["limits, with the statistics that headers need"] = partial(_limits, statistics=True)
    return found


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


def _requests(rounds: int, calls: int) -> str:
    some = max(1, calls // 5)
    inside = measure(_with_own_state(over_starlette()), rounds=rounds, calls=some)
    within = measure(_with_own_state(over_fastapi()), rounds=rounds, calls=some)
    rows = [
        (f"{name}, over Starlette", _over(inside, name, STARLETTE)) for name in inside if name != STARLETTE
    ]
    rows += [(f"{name}, over FastAPI", _over(within, name, FASTAPI)) for name in within if name != FASTAPI]
    return table("A limited request in memory, microseconds over the framework", rows, ("", "over"))


STARLETTE: Final = "Starlette alone"
FASTAPI: Final = "FastAPI alone"


def _over(times: Mapping[str, Times], name: str, alone: str) -> str:
    return f"{times[name].minimum - times[alone].minimum:.2f}"


def _with_own_state(contenders: Mapping[str, Contender]) -> Mapping[str, Contender]:
    """Return them asked as servers do, with state of each request's own: some keep there what they have decided."""

    def asking(make: Contender) -> Contender:
        return lambda: Asking(make())

    return {name: asking(make) for name, make in contenders.items()}


def over_starlette() -> Mapping[str, Contender]:
    """Return what stands in front of or in Starlette, and Starlette."""
    found = peers.middlewares()
    return {
        STARLETTE: found.pop(STARLETTE),
        "by hand": lambda: Floor(peers.starlette_app()),
        "RateLimit": lambda: RateLimit(quotas=[f"{PLENTY}/second"])(peers.starlette_app()),
        **found,
    }


def over_fastapi() -> Mapping[str, Contender]:
    """Return what stands in front of or in FastAPI, and FastAPI."""
    found: dict[str, Contender] = {
        FASTAPI: api,
        "by hand": lambda: Floor(api()),
        "RateLimit": lambda: RateLimit(quotas=[f"{PLENTY}/second"])(api()),
    }
    if find_spec("fastapi_limiter"):
        found["fastapi-limiter, without fields"] = _fastapi_limiter
    if find_spec("throttled"):
        found["throttled-py's middleware, with fields"] = _throttled_api
    return found


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
