"""Slots that one process counts by itself: nobody renews them, so they must not end before the request does."""

from collections.abc import Sequence

import anyio
import pytest

from asgi_patterns import Quota, RateLimit
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.ratelimit.asks import Ask, Decision, Stake
from asgi_patterns.ratelimit.counters import StoreAway
from asgi_patterns.ratelimit.memory import MemoryCounters
from asgi_patterns.ratelimit.pool import Pool
from asgi_patterns.ratelimit.slots import Slots
from asgi_patterns.testing import Client, Clock, hello

pytestmark = pytest.mark.anyio

ONE = Quota(limit=1, algorithm="concurrency", lease=1)


async def test_a_slow_request_keeps_its_slot_for_longer_than_a_lease() -> None:
    clock, running, done = Clock(), anyio.Event(), anyio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        running.set()
        await done.wait()
        await hello(scope, receive, send)

    client = Client(RateLimit(quotas=[ONE], clock=clock)(slow))
    async with anyio.create_task_group() as group:
        group.start_soon(client.get, "/")
        await running.wait()
        clock.advance(60)
        second = await client.get("/")
        done.set()

    third = await client.get("/")
    assert (second.status, third.status) == (429, 200)


class Away:
    """Counts that cannot be reached."""

    trouble = "gone"

    async def take(self, asks: Sequence[Ask]) -> Decision:
        raise StoreAway

    def charge(self, ask: Ask) -> None: ...

    def give_back(self, ask: Ask, at: float, token: bytes) -> None: ...

    async def forget(self, ask: Ask) -> None: ...

    async def open(self) -> None: ...

    def started(self) -> None: ...

    async def aclose(self) -> None: ...


async def test_while_the_store_is_away_neither_does_it_end() -> None:
    clock = Clock()
    pool = Pool(MemoryCounters(most=10, clock=clock), Away())
    asks = [(Stake("slots", Slots(1.0, 1.0)), "203.0.113.7")]

    first, counters = await pool.take(asks, lambda event: None)
    clock.advance(60)
    second, _ = await pool.take(asks, lambda event: None)
    counters.give_back(asks[0], first.times[0], first.token)
    third, _ = await pool.take(asks, lambda event: None)

    assert [each.allowed for each in (first, second, third)] == [True, False, True]
