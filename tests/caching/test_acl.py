"""The rights that docs/deploy.md lists for turns on a Redis: with them all works, and none is too many."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from asgi_patterns import ConditionalRequests
from asgi_patterns.testing import Client
from tests.caching.documents import Counter
from tests.support.pages import ROOT
from tests.support.redis_server import RedisServer, redis_server

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
SAID = re.search(r"turns of `conditional_requests` need no more than `([^`]+)`", PAGE)
COMMANDS = re.findall(r"\+(\w+)", SAID[1] if SAID else "")
ALL = re.findall(r"\+(\w+)", (re.search(r"ACL SETUSER shop on (.+?)\n```", PAGE, re.DOTALL) or [""])[0])


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
    rights = ["on", ">password", "resetchannels", "~asgi_patterns:*", *(f"+{name}" for name in COMMANDS)]
    await admin.execute_command("ACL", "SETUSER", "shop", "reset", *rights, *further)  # type: ignore[no-untyped-call]  # redis-py has no types for it


async def everything(server: RedisServer) -> list[int]:
    """Take turns, renew one, stand in line and give up."""
    store = f"redis://shop:password@127.0.0.1:{server.port}"
    layer = ConditionalRequests(probe=True, store=store, store_timeout=5, lease=1, wait=0.1)
    others = ConditionalRequests(probe=True, store=store, store_timeout=5, lease=1, wait=0.1)
    app = Counter()
    async with Client(layer(app)) as client, Client(others(app)) as other:
        first = (await client.put("/", content=b"1")).status
        async with client.stream("PUT", "/", content=b"2") as stream:
            await anyio.sleep(0.5)
            second = (await other.put("/", content=b"3")).status
            await stream.read()
        return [first, second, stream.answer.status]


async def refused(admin: Redis) -> set[str]:
    """The commands that the user was refused. What the client of redis-py says about itself is its own affair."""
    return {str(entry["object"]) for entry in await admin.acl_log()} - {"client"}


@pytest.mark.asyncio  # locks on a Redis know no other loop
async def test_a_user_with_these_rights_can_do_all(server: RedisServer, admin: Redis) -> None:
    await grant(admin)

    assert await everything(server) == [204, 503, 204]
    assert await refused(admin) == set()
    assert await admin.keys("*") == []


@pytest.mark.asyncio
@pytest.mark.parametrize("command", COMMANDS)
async def test_no_right_is_too_many(command: str, server: RedisServer, admin: Redis) -> None:
    await grant(admin, f"-{command}")

    await everything(server)

    assert await refused(admin) == {command}


def test_the_list_for_all_has_them_and_the_script_calls_no_others() -> None:
    script = Path(ROOT, "asgi_patterns", "caching", "locks.lua").read_text(encoding="utf-8")

    called = {name.lower() for name in re.findall(r"call\('(\w+)'", script)}

    assert called == {*COMMANDS} - {"eval", "evalsha"}
    assert {*COMMANDS} <= {*ALL}
