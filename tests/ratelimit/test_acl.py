"""The rights that docs/deploy.md lists for a user of a Redis: with them all works, and none is too many."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from asgi_patterns import Quota, RateLimit, spend
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.ratelimit.counters import StoreAway
from asgi_patterns.ratelimit.quota import Algorithm
from asgi_patterns.testing import Client, hello, read_body
from tests.support.pages import ROOT
from tests.support.redis_server import RedisServer, redis_server

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
RULES = re.search(r"ACL SETUSER shop (on .+?)\n```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"\+(\w+)", RULES[1] if RULES else "")
NOT_OURS = {"ping"}  # the health check's


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as found:
        yield found


@pytest_asyncio.fixture
async def admin(server: RedisServer) -> AsyncIterator[Redis]:
    client = Redis.from_url(server.url)
    await client.flushall()
    await client.script_flush()
    await client.acl_log_reset()
    yield client
    await client.aclose()


async def grant(admin: Redis, *further: str) -> None:
    assert RULES is not None
    words = ["ACL", "SETUSER", "shop", "reset", *RULES[1].split(), *further]
    await admin.execute_command(*words)  # type: ignore[no-untyped-call]  # redis-py has no types for it


def quotas(algorithm: Algorithm) -> list[Quota]:
    if algorithm == "concurrency":
        return [Quota(name=algorithm, algorithm=algorithm, limit=2, lease=0.3)]
    window = (
        0.002 if algorithm == "leaky_bucket" else 60
    )  # of one that lets two through at once there is none
    one = Quota(name=algorithm, algorithm=algorithm, limit=2, window=window)
    return [one, replace(one, name=f"{algorithm}-failed", counts="failed")]


async def everything(server: RedisServer) -> None:
    """Take, refuse, refund, charge, renew and forget, with every algorithm."""
    by_bytes = Quota(name="bytes", limit=100, window="1m", unit="content-bytes")
    each = [quota for algorithm in get_args(Algorithm) for quota in quotas(algorithm)]
    limits = RateLimit(
        quotas=[*each, by_bytes], store=f"redis://shop:password@127.0.0.1:{server.port}", store_timeout=5
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await read_body(receive)
            await spend(scope, "token_bucket", 0)
        await hello(scope, receive, send)

    async with Client(limits(app)) as client:
        await client.post("/", content=[b"hel", b"lo"])
        async with client.stream("GET", "/") as stream:
            await stream.head()
            await _until_renewed()
            await stream.read()
        await client.get("/")
        with suppress(StoreAway):
            await limits.reset("token_bucket", "127.0.0.1")


async def _until_renewed() -> None:
    await asyncio.sleep(0.25)  # a lease of a server ends by the clock of that server


async def refused(admin: Redis) -> set[str]:
    """The commands that the user was refused. What the client of redis-py says about itself is its own affair."""
    return {str(entry["object"]) for entry in await admin.acl_log()} - {"client"}


@pytest.mark.asyncio  # the stores on a Redis know no other loop
async def test_a_user_with_these_rights_can_do_all(server: RedisServer, admin: Redis) -> None:
    await grant(admin)

    await everything(server)

    assert await refused(admin) == set()
    assert await admin.keys("asgi_patterns:*") == await admin.keys("*") != []


@pytest.mark.asyncio
@pytest.mark.parametrize("command", sorted({*COMMANDS} - NOT_OURS))
async def test_no_right_is_too_many(command: str, server: RedisServer, admin: Redis) -> None:
    await grant(admin, f"-{command}")

    await everything(server)

    assert await refused(admin) == {command}


def test_the_script_calls_nothing_else() -> None:
    script = Path(ROOT, "asgi_patterns", "ratelimit", "script.lua").read_text(encoding="utf-8")

    called = {name.lower() for name in re.findall(r"call\('(\w+)'", script)}

    assert called == {*COMMANDS} - NOT_OURS - {"eval", "evalsha"}
