"""What it costs to limit a request: in this process beside hand-written middleware, and on Redis beside bare scripts.

``run``: the tables. Peers that are not installed are left out; ``make bench`` installs them.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from importlib.util import find_spec
from itertools import cycle
from math import ceil
from pathlib import Path
from typing import Any, final

from asgi_patterns.kernel.store import Store
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.ratelimit import RateLimit
from asgi_patterns.ratelimit.asks import Stake
from asgi_patterns.ratelimit.buckets import TokenBucket
from asgi_patterns.ratelimit.redis import SCRIPT, RedisCounters
from asgi_patterns.ratelimit.script import encode, encode_ask, order
from benchmarks import peers
from benchmarks.harness import Contender, MakeRound, Round, Times, call, measure, measure_rounds, table
from benchmarks.shape import whole
from tests.support.redis_kinds import redis_cluster
from tests.support.redis_server import redis_server

LIVE = 100_000
TOGETHER = 64
PLENTY = 1_000_000


@final
class Floor:
    """A token bucket for each address and both fields of the draft, by hand: no more than the benchmark looks at."""

    def __init__(self, app: ASGIApp, limit: int = PLENTY, window: float = 1.0) -> None:
        self.app = app
        self.limit = limit
        self.rate = limit / window
        self.buckets: dict[str, list[float]] = {}
        self.policy = (b"ratelimit-policy", b'"default";q=%d;w=%d' % (limit, window))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count, refuse or add the fields."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        now = time.monotonic()
        key = scope["client"][0]
        bucket = self.buckets.get(key)
        if bucket is None:
            bucket = self.buckets[key] = [self.limit, now]
        tokens = min(self.limit, bucket[0] + (now - bucket[1]) * self.rate)
        bucket[1] = now
        if tokens < 1:
            bucket[0] = tokens
            await send({"type": "http.response.start", "status": 429, "headers": [(b"retry-after", b"1")]})
            return await send({"type": "http.response.body", "body": b""})
        tokens -= 1
        bucket[0] = tokens
        left = int(tokens)
        line = (b"ratelimit", b'"default";r=%d;t=%d' % (left, ceil((left + 1 - tokens) / self.rate)))

        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], line, self.policy]}
            await send(message)

        await self.app(scope, receive, wrapped)


@final
class Crowd:
    """Calls an app for one client after the other."""

    def __init__(self, app: ASGIApp, size: int) -> None:
        self.app = app
        hosts = [(f"10.{at >> 16}.{at >> 8 & 255}.{at & 255}", 50000) for at in range(size)]
        self.clients = cycle(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Be the next client."""
        scope["client"] = next(self.clients)
        await self.app(scope, receive, send)


def limited(quotas: int) -> ASGIApp:
    """Return the app behind a layer with so many quotas."""
    return RateLimit(quotas=[f"{PLENTY + at}/second" for at in range(quotas)])(whole)


def crowd(make: Contender, size: int) -> MakeRound:
    """Return what calls the app for so many clients, all of whom it has seen before."""

    @asynccontextmanager
    async def rounds() -> AsyncIterator[Round]:
        app = Crowd(make(), size)
        await call(app, size)
        yield partial(call, app)

    return rounds


def run(*, rounds: int = 60, calls: int = 2000, live: int = LIVE) -> str:
    """Measure, and return the tables."""
    apps: dict[str, Contender] = {
        "the app alone": lambda: whole,
        "floor: by hand, one quota": lambda: Floor(whole),
        "RateLimit, one quota": lambda: limited(1),
        "RateLimit, five quotas": lambda: limited(5),
    }
    one = measure(apps, rounds=rounds, calls=calls)
    crowds = {name: crowd(make, live) for name, make in apps.items() if "five" not in name}
    many = measure_rounds(crowds, rounds=max(2, rounds // 4), calls=calls * 2)
    inside = measure(peers.middlewares(), rounds=max(2, rounds // 4), calls=max(1, calls // 10))
    bare = measure_rounds(peers.decisions(1), rounds=max(2, rounds // 4), calls=max(1, calls // 10))
    return "\n\n".join([*_in_process(one, many, live, inside, bare), on_redis(rounds=max(2, rounds // 2))])


def _in_process(
    one: dict[str, Times], many: dict[str, Times], live: int, inside: dict[str, Times], bare: dict[str, Times]
) -> list[str]:
    head = ("", "minimum", "median", "over", "of the floor")
    floor = _over(one, "floor: by hand, one quota")
    rows = [_row(name, times, one["the app alone"], floor) for name, times in one.items()]
    alone = many["the app alone"]
    rows += [
        _row(f"{name}, {live:,} live keys", times, alone, floor)
        for name, times in many.items()
        if times is not alone
    ]
    first = "Rate limiting in memory, fields on, microseconds a request; over = minimum over the app alone"
    starlette = inside["Starlette alone"]
    others = [_row(f"{name}, over Starlette", times, starlette, floor) for name, times in inside.items()][1:]
    others += [
        _row(f"{name}, a decision alone", times, Times(0.0, 0.0), floor) for name, times in bare.items()
    ]
    tables = [table(first, rows, head)]
    return tables + ([table("Peers in memory", others, head)] if others else [])


def _over(times: dict[str, Times], name: str) -> float:
    return times[name].minimum - times["the app alone"].minimum


def _row(name: str, times: Times, alone: Times, floor: float) -> tuple[str, ...]:
    over = times.minimum - alone.minimum
    return name, f"{times.minimum:.2f}", f"{times.median:.2f}", f"{over:.2f}", f"{over / floor:.2f}"


def on_redis(*, rounds: int) -> str:
    """Measure decisions on a Redis and on a cluster that are started for it, and return the tables."""
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
        url = stack.enter_context(redis_server(folders[0])).url
        nodes = stack.enter_context(redis_cluster(folders[1])).url
        together = measure_rounds(_together(url, nodes), rounds=rounds, calls=10)
        alone = measure_rounds(_alone(url), rounds=rounds, calls=100)
    floor = together[FLOOR].minimum
    rates = [
        (name, f"{1e6 / times.minimum:,.0f}", f"{1e6 / times.median:,.0f}", f"{floor / times.minimum:.2f}")
        for name, times in together.items()
    ]
    bare = alone[BARE].minimum
    single = [
        (name, f"{times.minimum:.1f}", f"{times.median:.1f}", f"{times.minimum / bare:.2f}")
        for name, times in alone.items()
    ]
    title = f"Decisions a second on Redis, {TOGETHER} requests at once in one process"
    return "\n\n".join(
        [
            table(title, rates, ("", "best", "median", "of the floor")),
            table(
                "One decision at a time on Redis, microseconds", single, ("", "minimum", "median", "of bare")
            ),
        ]
    )


FLOOR = "floor: one call of a bare script for each turn"
BARE = "the same script, EVALSHA through redis-py"

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


def _together(url: str, nodes: str) -> dict[str, MakeRound]:
    makers = {
        FLOOR: _floor_on(url),
        "RateLimit, one node": _ours(url, at_once=True),
        "RateLimit, three nodes, 16 partitions": _ours(nodes, at_once=True),
    }
    if find_spec("limits"):
        for statistics, name in ((False, "limits"), (True, "limits, with the statistics that headers need")):
            makers[name] = _peer(url, statistics=statistics)
    return makers


def _alone(url: str) -> dict[str, MakeRound]:
    return {BARE: _bare(url), "RateLimit": _ours(url, at_once=False)}


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


def _peer(url: str, *, statistics: bool) -> MakeRound:
    @asynccontextmanager
    async def rounds() -> AsyncIterator[Round]:
        decide = peers.limits_on_redis(url, statistics=statistics)
        await decide("10.0.0.1")
        yield partial(_many, decide)

    return rounds
