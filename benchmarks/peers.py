"""What people take today to limit requests, each as its own pages say. Those that are not installed are left out."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
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


def slowapi_app() -> ASGIApp:
    """Return it with slowapi in it."""
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


async def throttled() -> Decide:
    """Return what decides with throttled-py."""
    from throttled.asyncio import MemoryStore, RateLimiterType, Throttled, rate_limiter

    # Its store keeps 1,024 keys where nothing else is said.
    limiter = Throttled(
        using=RateLimiterType.TOKEN_BUCKET.value,
        quota=rate_limiter.per_sec(PLENTY, burst=PLENTY),
        store=MemoryStore(options={"MAX_SIZE": 200_000}),
    )
    decide: Decide = limiter.limit
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
