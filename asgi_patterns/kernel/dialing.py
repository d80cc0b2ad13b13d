"""Opening connections to a Redis as its URL says: TLS, login and sentinels are the business of redis-py."""

from asyncio import StreamWriter
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Final

from pydantic import SecretStr

from asgi_patterns.kernel.optional import require
from asgi_patterns.kernel.store import Node, Store
from asgi_patterns.kernel.wire import CONNECT_SECONDS, Link, Wire

__all__ = ["link_to", "link_to_master", "login", "timing", "verified"]

LEAST_SECONDS: Final = 0.25
"""Seconds that a sentinel has at least: with many of them their share would be too short."""


def timing(seconds: float) -> dict[str, Any]:
    """Return the options that give redis-py so many seconds to connect, and for each answer, once.

    Without further tries: the next call is one, and a refusal is worth more than a time-out.
    """
    once = require("redis.asyncio.retry", "redis").Retry(require("redis.backoff", "redis").NoBackoff(), 0)
    return {"socket_connect_timeout": seconds, "socket_timeout": seconds, "retry": once}


def login(username: SecretStr | None, password: SecretStr | None) -> dict[str, Any]:
    """Return the options that say who we are."""
    found = {"username": username, "password": password}
    return {name: secret.get_secret_value() for name, secret in found.items() if secret is not None}


def verified(store: Store) -> dict[str, Any]:
    """Return the options of a connection over TLS, where ``store`` asks for one."""
    # The client checks the host's name by itself only since version 6.
    return {"ssl_cert_reqs": "required", "ssl_check_hostname": True} if store.tls else {}


def link_to(store: Store, node: Node) -> Link:
    """Return the link to one server of ``store``; nothing is connected yet."""
    return Link(partial(_connect, store, node), f"{node.host}:{node.port}")


def link_to_master(store: Store) -> Link:
    """Return the link to the master, for whom the sentinels are asked each time that it is connected."""

    async def connect() -> Wire:
        return await _connect(store, await _find_master(store))

    return Link(connect, f"the master {store.master}")


async def _connect(store: Store, node: Node) -> Wire:
    client = require("redis.asyncio", "redis")
    kind = client.SSLConnection if store.tls else client.Connection
    # RESP2 has no messages that nobody asked for, and needs no HELLO.
    connection = kind(
        host=node.host,
        port=node.port,
        db=store.db,
        protocol=2,
        socket_keepalive=True,
        **timing(CONNECT_SECONDS),
        **login(store.username, store.password),
        **verified(store),
    )
    try:
        await connection.connect()
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    return Wire(_take(connection), f"{node.host}:{node.port}")


def _take(connection: Any) -> StreamWriter:
    """Take the stream out of a connection, which has done its part. The names are private, and old."""
    writer: StreamWriter = connection._writer
    connection._reader = connection._writer = None
    return writer


async def _find_master(store: Store) -> Node:
    client = require("redis.asyncio", "redis")
    # A sentinel that is away must leave time for the others.
    seconds = max(CONNECT_SECONDS / (len(store.nodes) + 1), LEAST_SECONDS)
    options = timing(seconds) | login(store.sentinel_username, store.sentinel_password)
    if store.tls:
        options |= {"ssl": True} | verified(store)
    sentinel = client.Sentinel([*store.nodes], sentinel_kwargs=options)
    async with AsyncExitStack() as stack:
        for each in sentinel.sentinels:
            stack.push_async_callback(each.aclose)
        host, port = await sentinel.discover_master(store.master)
    return Node(host, int(port))
