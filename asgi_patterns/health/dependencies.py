"""The checks that ask somebody else: a Redis, a URL, a database. They show no message of a client."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import anyio

from asgi_patterns.health.core import Finding
from asgi_patterns.kernel.dialing import login, timing, verified
from asgi_patterns.kernel.optional import require
from asgi_patterns.kernel.store import Store

Ready = Callable[[], Awaitable[Finding]]
"""A ready-made check."""

MAX_ANSWER = 64 * 1024
"""Bytes of an answer to a URL check up to which its body is read."""

_CLOSING = 1.0  # seconds that a connection may take to close after it has been given up


def redis_check(url: str, *, limit: float) -> Ready:
    """Return a check that a Redis answers PING, over a connection that is opened for it and closed again.

    Of a cluster every primary has to answer, of sentinels the master that they name.
    """

    async def ping() -> Finding:
        if not _is_on_asyncio():
            return Finding(False, "the Redis client needs asyncio")
        opened = _deployment(Store.parse(url), limit) if is_deployment(url) else _single(url, limit)
        async with opened as call:
            await call()
        return Finding(True)

    return discreet(ping)


def is_deployment(url: str) -> bool:
    """Whether ``url`` names several processes that are one Redis together."""
    return url.startswith(("redis+cluster://", "redis+sentinel://"))


Ping = Callable[[], Awaitable[object]]


@asynccontextmanager
async def _single(url: str, limit: float) -> AsyncIterator[Ping]:
    options = timing(limit)
    if url.startswith("rediss://") and "ssl_cert_reqs=" not in url:
        options["ssl_check_hostname"] = True  # the client's own default only since version 6
    connection = require("redis.asyncio", "redis").Redis.from_url(url, **options)
    try:
        yield connection.ping
    finally:
        await close(connection.aclose)


@asynccontextmanager
async def _deployment(store: Store, limit: float) -> AsyncIterator[Ping]:
    client = require("redis.asyncio", "redis")
    options = timing(limit)
    if store.tls:
        options |= {"ssl": True} | verified(store)
    own = login(store.username, store.password)
    async with AsyncExitStack() as stack:
        if store.kind == "cluster":
            nodes = [client.cluster.ClusterNode(*node) for node in store.nodes]
            cluster = client.RedisCluster(startup_nodes=nodes, **options, **own)
            stack.push_async_callback(close, cluster.aclose)
            yield partial(cluster.ping, target_nodes=client.RedisCluster.PRIMARIES)
            return
        watch = options | login(store.sentinel_username, store.sentinel_password)
        sentinel = client.Sentinel([*store.nodes], sentinel_kwargs=watch, db=store.db, **options, **own)
        for each in sentinel.sentinels:
            stack.push_async_callback(close, each.aclose)
        master = sentinel.master_for(store.master)
        stack.push_async_callback(close, master.aclose)
        yield master.ping


def url_check(url: str, *, limit: float, tls: ssl.SSLContext) -> Ready:
    """Return a check that ``url`` answers GET with 2xx.

    A body that is announced with at most ``MAX_ANSWER`` bytes is read to its end, of any other nothing.
    """
    client = require("httpx2", "client")

    async def fetch() -> Finding:
        session = client.AsyncClient(verify=tls, timeout=limit, trust_env=False, follow_redirects=False)
        async with session, session.stream("GET", url) as response:
            if _is_short(response.headers.get("content-length", "")):
                async for _ in response.aiter_raw():
                    pass
        up = response.is_success
        return Finding(up, None if up else f"answered {response.status_code}")

    return discreet(fetch)


def _is_short(length: str) -> bool:
    return length.isdecimal() and len(length) < 10 and int(length) <= MAX_ANSWER


def _is_on_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def close(aclose: Callable[[], Awaitable[object]]) -> None:
    """Close a connection that may have been given up, and do not wait for it for long."""
    with anyio.move_on_after(_CLOSING, shield=True):
        await aclose()


def discreet(check: Ready) -> Ready:
    """Keep of an exception the name of its class alone: messages of clients repeat addresses and credentials."""

    async def run() -> Finding:
        try:
            return await check()
        except Exception as exc:
            return Finding(False, type(exc).__name__)

    return run
