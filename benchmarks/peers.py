"""What people take today to limit requests, each as its own pages say. Those that are not installed are left out."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from benchmarks.harness import Contender, MakeRound, Round

PLENTY = 1_000_000

Decide = Callable[[str], Awaitable[Any]]
"""Decides for a key."""


def starlette_app() -> Starlette:
    """Return an app of Starlette with one route, for what works only inside one."""

    async def item(request: Request) -> JSONResponse:
        return JSONResponse({})

    return Starlette(routes=[Route("/items/{id:int}", item)])


def middlewares() -> dict[str, Contender]:
    """Return what stands in front of a whole app, with the bare app that it stands in front of."""
    found: dict[str, Contender] = {"Starlette alone": starlette_app}
    if find_spec("slowapi"):
        found["slowapi"] = _slowapi
    return found


def _slowapi() -> ASGIApp:
    import slowapi
    from slowapi.middleware import SlowAPIASGIMiddleware
    from slowapi.util import get_remote_address

    app: Any = starlette_app()
    app.state.limiter = slowapi.Limiter(
        key_func=get_remote_address, default_limits=[f"{PLENTY}/second"], headers_enabled=True
    )
    app.add_middleware(SlowAPIASGIMiddleware)
    wrapped: ASGIApp = app
    return wrapped


def decisions(keys: int) -> dict[str, MakeRound]:
    """Return what only decides, in memory: no request, no fields. ``keys`` are seen before and asked in turn."""
    makers: dict[str, Callable[[], Awaitable[Decide]]] = {}
    if find_spec("throttled"):
        makers["throttled-py"] = _throttled
    if find_spec("limits"):
        makers["limits, with the statistics that headers need"] = _limits
    return {name: deciding(make, keys) for name, make in makers.items()}


def deciding(make: Callable[[], Awaitable[Decide]], keys: int) -> MakeRound:
    """Return what measures decisions for so many keys, all of whom have been seen before."""

    @asynccontextmanager
    async def rounds() -> AsyncIterator[Round]:
        decide = await make()
        names = [f"10.{at >> 16}.{at >> 8 & 255}.{at & 255}" for at in range(keys)]
        at = 0

        async def one_round(calls: int) -> float:
            nonlocal at
            begin = time.perf_counter()
            for _ in range(calls):
                await decide(names[at])
                at = (at + 1) % keys
            return (time.perf_counter() - begin) / calls * 1e6

        for name in names:
            await decide(name)
        yield one_round

    return rounds


async def _throttled() -> Decide:
    from throttled.asyncio import MemoryStore, RateLimiterType, Throttled, rate_limiter

    # Its store keeps 1,024 keys where nothing else is said.
    limiter = Throttled(
        using=RateLimiterType.TOKEN_BUCKET.value,
        quota=rate_limiter.per_sec(PLENTY, burst=PLENTY),
        store=MemoryStore(options={"MAX_SIZE": 200_000}),
    )
    decide: Decide = limiter.limit
    return decide


async def _limits() -> Decide:
    from limits import parse
    from limits.aio.storage import MemoryStorage
    from limits.aio.strategies import FixedWindowRateLimiter

    limiter, rate = FixedWindowRateLimiter(MemoryStorage()), parse(f"{PLENTY}/second")

    async def decide(key: str) -> None:
        await limiter.hit(rate, key)
        await limiter.get_window_stats(rate, key)

    return decide


def limits_on_redis(url: str, *, statistics: bool) -> Decide:
    """Return what decides with limits on a Redis; ``statistics`` are what headers need."""
    from limits import parse
    from limits.aio.storage import RedisStorage
    from limits.aio.strategies import FixedWindowRateLimiter

    storage = RedisStorage(f"async+{url}", implementation="redispy")
    limiter, rate = FixedWindowRateLimiter(storage), parse(f"{PLENTY}/second")

    async def decide(key: str) -> None:
        await limiter.hit(rate, key)
        if statistics:
            await limiter.get_window_stats(rate, key)

    return decide


def django_tags(body: bytes) -> dict[str, Contender]:
    """Return an answer of Django's alone, and with what tags it: called as it is, without a server or its handler."""
    return {"alone": lambda: _django(body, tagged=False), "with": lambda: _django(body, tagged=True)}


def _django(body: bytes, *, tagged: bool) -> ASGIApp:
    from django.conf import settings
    from django.http import HttpRequest, HttpResponse
    from django.middleware.http import ConditionalGetMiddleware

    if not settings.configured:
        settings.configure()
    request = HttpRequest()
    request.method = "GET"

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(body)

    answer: Callable[[HttpRequest], Any] = ConditionalGetMiddleware(view) if tagged else view

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        answer(request)

    return app
