"""Every adapter of the port keeps every promise: in memory on both event loops, on one Redis, on a cluster of three."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import final

import pytest
import pytest_asyncio

from asgi_patterns.caching.locks import Locks
from asgi_patterns.caching.memory import MemoryLocks
from asgi_patterns.caching.redis import RedisLocks
from asgi_patterns.kernel.store import Store
from tests.caching.lock_contract import PROMISES, SECONDS, Promise
from tests.support.redis_kinds import RedisCluster, client_of, redis_cluster
from tests.support.redis_server import RedisServer, redis_server

_numbers = count()

each_promise = pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)


@final
class InMemory:
    """One process."""

    def __init__(self) -> None:
        self._locks = MemoryLocks(wait=SECONDS)

    def worker(self) -> Locks:
        return self._locks

    def hasty(self) -> Locks:
        self._locks._wait = 0.0
        return self._locks

    async def left(self) -> int:
        return len(self._locks)


@final
class OnRedis:
    """Each worker is as good as a process: it has nothing in common with others but the connection."""

    def __init__(self, url: str, nodes: list[RedisServer]) -> None:
        self._store = Store.parse(url)
        self._nodes = nodes
        self._prefix = f"test{next(_numbers)}"
        self._made: list[RedisLocks] = []

    def worker(self) -> Locks:
        return self._make(SECONDS)

    def hasty(self) -> Locks:
        return self._make(0.0)

    def _make(self, wait: float) -> Locks:
        locks = RedisLocks(
            self._store, prefix=self._prefix, partitions=16, timeout=SECONDS, lease=SECONDS, wait=wait
        )
        self._made.append(locks)
        return locks

    async def left(self) -> int:
        while self._made:
            await self._made.pop().aclose()
        number = 0
        for node in self._nodes:
            with client_of(node) as client:
                number += len(client.keys(f"{self._prefix}:*"))
        return number


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    with redis_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest_asyncio.fixture(params=["one Redis", "a cluster"])
async def on_redis(request: pytest.FixtureRequest) -> AsyncIterator[OnRedis]:
    if request.param == "one Redis":
        server: RedisServer = request.getfixturevalue("server")
        site = OnRedis(server.url, [server])
    else:
        cluster: RedisCluster = request.getfixturevalue("cluster")
        site = OnRedis(cluster.url, [*cluster.nodes])
    yield site
    await site.left()


@each_promise
@pytest.mark.anyio
async def test_in_memory(promise: Promise) -> None:
    await promise(InMemory())


@each_promise
@pytest.mark.asyncio
async def test_on_a_redis(promise: Promise, on_redis: OnRedis) -> None:
    await promise(on_redis)
