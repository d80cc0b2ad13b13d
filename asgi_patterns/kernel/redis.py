"""Lua scripts on a shared Redis: a single one, behind sentinels, or a cluster. asyncio only.

``Script``: constant text. ``Call``: its keys and arguments once. ``Redis``: runs a script for many calls
in one go. ``lease``: the ``Redis`` of the running loop for a store, shared by all who use that store.

    redis = lease(store)
    replies = await redis.run(script, [Call("7", [b"rl:{7}:ann"], [b"100"])], within=0.05)
    await redis.release()
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Final, final
from weakref import WeakValueDictionary

from asgi_patterns.kernel.cluster import Cluster
from asgi_patterns.kernel.dialing import link_to, link_to_master
from asgi_patterns.kernel.nodes import Nodes, Single
from asgi_patterns.kernel.optional import require
from asgi_patterns.kernel.resp import ErrorReply, Reply
from asgi_patterns.kernel.scripts import Call, Outcome, Run, Script
from asgi_patterns.kernel.store import Store
from asgi_patterns.kernel.wire import Unreachable

__all__ = ["Call", "ErrorReply", "Outcome", "Redis", "Reply", "Script", "Unreachable", "lease"]

NO_ASYNCIO: Final = "the Redis store needs asyncio"


@final
class Redis:
    """The servers of one store, for one event loop. `lease` makes it; it connects when it is needed."""

    def __init__(self, store: Store) -> None:
        require("redis.asyncio", "redis")
        self._store = store
        self._loop = _running_loop()
        self._nodes = _nodes_of(store)
        self._end: AsyncGenerator[None] | None = None
        self._is_closed = False
        self._users = 0

    def __repr__(self) -> str:
        return f"Redis({str(self._store)!r})"

    async def open(self) -> None:
        """Connect now, so that the first request does not have to. Raises `Unreachable`."""
        await self._enter()
        await self._nodes.open()

    async def run(
        self, script: Script, calls: Sequence[Call], *, within: float | None = None
    ) -> list[Outcome]:
        """Run the script once for each call, and return the outcomes in the order of the calls.

        A refusal of the server is returned in the place of its call, as `ErrorReply`; so is `Unreachable`
        where a server says that it cannot serve now. A server that is away raises `Unreachable`, one that
        does not answer ``within`` so many seconds `TimeoutError`; of a cluster both are returned in the
        places of that node's calls. Nobody knows then whether these have run: nothing is sent twice.
        """
        if self._end is None or self._is_closed or self._loop is not asyncio.get_running_loop():
            await self._enter()
        if not calls:
            return []
        deadline = None if within is None else self._loop.time() + within
        if not self._nodes.is_ready:
            async with asyncio.timeout_at(deadline):
                await self._nodes.ready()
        return await Run(self._nodes, script, calls, deadline).outcomes()

    async def release(self) -> None:
        """Give it back; the last user closes it, and who still waits for a reply hears `Unreachable`."""
        self._users -= 1
        if self._users == 0:
            self._is_closed = True
            _CLIENTS.pop(_key(self._loop, self._store), None)
            await self._nodes.aclose()
            if self._end is not None:
                await self._end.aclose()

    async def _enter(self) -> None:
        """See that it is used where it was made, and have it closed with its loop if nobody releases it."""
        if self._loop is not _running_loop():
            raise RuntimeError("this client of Redis belongs to another event loop: lease one here")
        if self._is_closed:
            raise RuntimeError("this client of Redis has been released")
        if self._end is None:
            self._end = _until_the_loop_ends(self._nodes)
            await anext(self._end)


def _nodes_of(store: Store) -> Nodes:
    match store.kind:
        case "memory":
            raise ValueError("memory:// is no server")
        case "cluster":
            return Cluster(store)
        case "sentinel":
            return Single(link_to_master(store))
        case "redis":
            (node,) = store.nodes
            return Single(link_to(store, node))


async def _until_the_loop_ends(nodes: Nodes) -> AsyncGenerator[None]:
    # An event loop closes the generators that were started in it before it is closed itself. That is the
    # only call that a server without lifespan, or a test, makes for us.
    try:
        yield
    finally:
        nodes.abort()


_CLIENTS: Final[WeakValueDictionary[tuple[int, str], Redis]] = WeakValueDictionary()
"""By event loop and URL. A client holds its loop, so as long as it lives no other has the same id."""


def lease(store: Store) -> Redis:
    """Return the client of the running loop for ``store``, to be released once by each who leased it.

    Raises ``RuntimeError`` where no asyncio runs, `MissingExtra` without redis-py, ``ValueError`` for
    ``memory://``.
    """
    key = _key(_running_loop(), store)
    redis = _CLIENTS.get(key)
    if redis is None:
        redis = _CLIENTS[key] = Redis(store)
    redis._users += 1
    return redis


def _key(loop: asyncio.AbstractEventLoop, store: Store) -> tuple[int, str]:
    return id(loop), store.url.get_secret_value()


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(NO_ASYNCIO) from None
