"""What a decision costs on Redis, beside bare scripts. The Redis and the cluster are started for it."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from asgi_patterns.kernel.store import Store
from asgi_patterns.ratelimit.asks import Stake
from asgi_patterns.ratelimit.buckets import TokenBucket
from asgi_patterns.ratelimit.redis import SCRIPT, RedisCounters
from asgi_patterns.ratelimit.script import encode, encode_ask, order
from benchmarks import limit_peers_redis
from benchmarks.comparing import Entrant, as_it_is, compare, floor, ours
from benchmarks.harness import ROUNDS, MakeRound, Round
from benchmarks.results import Group
from tests.support.redis_kinds import redis_cluster
from tests.support.redis_server import redis_server

TOGETHER = 64
PLENTY = 1_000_000


def run(*, rounds: int = ROUNDS // 2, calls: int | None = None) -> Group:
    """Measure. Nothing is counted: how often the event loop turns until an answer comes is chance."""
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
        url = stack.enter_context(redis_server(folders[0])).url
        nodes = stack.enter_context(redis_cluster(folders[1])).url
        together = compare(
            f"a decision, {TOGETHER} requests at once in one process",
            *_together(url, nodes),
            rounds=rounds,
            calls=calls,
            how=as_it_is,
            counts=False,
        )
        alone = compare(
            "one decision at a time",
            floor("the same script, EVALSHA through redis-py", _bare(url)),
            ours("RateLimit", _ours(url, at_once=False)),
            rounds=rounds,
            calls=calls,
            how=as_it_is,
            counts=False,
        )
        others = [*limit_peers_redis.cases(url, rounds=rounds, calls=calls)]
    return Group(name="rate_limits_redis", title="Rate limiting on Redis", cases=(together, alone, *others))


# What the floor's script does for each key is the least that a limit has to do: read, write, expire.
_LEAST = """
local replies = {}
for at, key in ipairs(KEYS) do
  local used = tonumber(redis.call('GET', key) or '0') + 1
  redis.call('SET', key, used, 'PX', 60000)
  replies[at] = used
end
return replies
"""


def _keys() -> list[str]:
    return [f"10.0.{at}.1" for at in range(TOGETHER)]


def _together(url: str, nodes: str) -> Iterator[Entrant]:
    yield floor("one call of a bare script for each turn", _floor_on(url))
    yield ours("RateLimit, one node", _ours(url, at_once=True))
    yield ours("RateLimit, three nodes, 16 partitions", _ours(nodes, at_once=True))


async def _many(decide: Callable[[str], Awaitable[Any]], calls: int) -> float:
    """Decide for all keys at once, each again as soon as it is answered."""

    async def client(key: str) -> None:
        for _ in range(calls):
            await decide(key)

    begin = time.perf_counter()
    await asyncio.gather(*map(client, _keys()))
    return (time.perf_counter() - begin) / (calls * TOGETHER) * 1e6


async def _one_by_one(decide: Callable[[str], Awaitable[Any]], calls: int) -> float:
    begin = time.perf_counter()
    for _ in range(calls):
        await decide("10.0.0.1")
    return (time.perf_counter() - begin) / calls * 1e6


def _stake() -> Stake:
    return Stake("bench", TokenBucket(float(PLENTY), float(PLENTY)))


def _ours(url: str, *, at_once: bool) -> MakeRound:
    @asynccontextmanager
    async def rounds() -> AsyncIterator[Round]:
        counters = RedisCounters(Store.parse(url), prefix="bench", partitions=16, timeout=5.0)
        stake = _stake()

        async def decide(key: str) -> None:
            await counters.take(((stake, key),))

        await counters.open()
        await _one_by_one(decide, 100)
        yield partial(_many if at_once else _one_by_one, decide)
        await counters.aclose()

    return rounds


def _floor_on(url: str) -> MakeRound:
    @asynccontextmanager
    async def rounds() -> AsyncIterator[Round]:
        from redis.asyncio import Redis

        client = Redis.from_url(url)
        sha = await client.script_load(_LEAST)

        async def one_round(calls: int) -> float:
            begin = time.perf_counter()
            for _ in range(calls):
                loop = asyncio.get_running_loop()
                waiting = [loop.create_future() for _ in range(TOGETHER)]
                replies: Sequence[Any] = await client.evalsha(sha, TOGETHER, *_keys())
                for future, reply in zip(waiting, replies, strict=True):
                    future.set_result(reply)
                await asyncio.gather(*waiting)
            return (time.perf_counter() - begin) / (calls * TOGETHER) * 1e6

        await one_round(10)
        yield one_round
        await client.aclose()

    return rounds


def _bare(url: str) -> MakeRound:
    @asynccontextmanager
    async def rounds() -> AsyncIterator[Round]:
        from redis.asyncio import Redis

        client = Redis.from_url(url)
        await client.script_load(SCRIPT.text)
        stake = _stake()
        ask = encode_ask(stake.rule, stake.cost, binding=True)

        async def decide(key: str) -> None:
            keys, packed = encode([order(b"T", [f"bench:{{0}}:bench:T:{key}".encode()], [ask])])
            await client.evalsha(SCRIPT.sha, 1, keys[0], b"", packed)

        await _one_by_one(decide, 100)
        yield partial(_one_by_one, decide)
        await client.aclose()

    return rounds
