"""What every adapter of ``Locks`` promises, on any event loop that it runs on.

``Site``: where a promise is tried; ``PROMISES``: each a function whose name is the sentence.
"""

import random
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol, TypeAlias

import anyio
import pytest

from asgi_patterns.caching.locks import Busy, Locks

SECONDS: Final = 30.0
"""For what happens soon, on any machine: nothing here waits so long."""
CONTENDERS: Final = 200
UNUSUAL: Final = [
    *("", " ", "/", "*", "/a", "/A", "/a/", "/a?b", "/{a}", "{a}", "{}", "}", "\x00", "a\r\nDEL *"),
    *("/\u00fc\U0001f600", "/\udc80", "/" + "a" * 100_000, "/" + "a" * 100_001),
]
"""Keys that are different, however they are put together."""


class Site(Protocol):
    """Processes with the same locks. In memory there is but one, whose locks are always the same."""

    @abstractmethod
    def worker(self) -> Locks:
        """Return the locks of one more process, which waits for ``SECONDS``."""

    @abstractmethod
    def hasty(self) -> Locks:
        """Return the locks of one more process, which waits for no time at all."""

    @abstractmethod
    async def left(self) -> int:
        """End all, and return how many locks are left behind."""


Promise: TypeAlias = Callable[[Site], Awaitable[None]]


async def turns(number: int = 1) -> None:
    """Let everybody else do something."""
    for _ in range(number):
        await anyio.lowlevel.checkpoint()


class Room:
    """Where never more than one is let in."""

    def __init__(self) -> None:
        self.visitors: list[object] = []
        self._inside = 0

    async def visit(self, who: object = None) -> None:
        """Be inside for a few turns. Raises ``AssertionError`` for who is not alone."""
        self._inside += 1
        try:
            await turns(3)
            assert self._inside == 1
        finally:
            self._inside -= 1
        self.visitors.append(who)


async def is_free(locks: Locks, key: str) -> bool:
    """Whether who does not wait can hold it."""
    with suppress(Busy):
        async with locks.hold(key):
            return True
    return False


async def one_at_a_time_holds_a_key_of_many_who_want_it(site: Site) -> None:
    workers, room = [site.worker(), site.worker()], Room()

    async def write(number: int) -> None:
        async with workers[number % 2].hold("/a") as lease:
            await room.visit(number)
            assert not lease.is_lost

    with anyio.fail_after(SECONDS):
        async with anyio.create_task_group() as group:
            for number in range(CONTENDERS):
                group.start_soon(write, number)

    assert sorted(room.visitors, key=str) == sorted(range(CONTENDERS), key=str)
    assert await site.left() == 0


async def those_of_one_process_get_it_in_the_order_in_which_they_came(site: Site) -> None:
    locks, room = site.worker(), Room()

    async def write(number: int) -> None:
        async with locks.hold("/a"):
            await room.visit(number)

    async with anyio.create_task_group() as group, locks.hold("/a"):
        for number in range(20):
            group.start_soon(write, number)
            await turns(2)

    assert room.visitors == [*range(20)]


async def keys_do_not_run_into_each_other(site: Site) -> None:
    one, other = site.hasty(), site.hasty()

    async def hold(key: str) -> None:
        async with one.hold(key):
            held.append(key)
            await anyio.sleep_forever()

    held: list[str] = []
    async with anyio.create_task_group() as group:
        for key in UNUSUAL:
            group.start_soon(hold, key)
        with anyio.fail_after(SECONDS):
            while len(held) < len(UNUSUAL):
                await turns()
        found = [await is_free(other, key) for key in [*UNUSUAL, "/b"]]
        group.cancel_scope.cancel()

    assert found == [False] * len(UNUSUAL) + [True]
    assert await site.left() == 0


async def who_does_not_get_it_in_time_is_told_when_to_come_again(site: Site) -> None:
    async with site.worker().hold("/a"):
        with pytest.raises(Busy) as busy:
            async with site.hasty().hold("/a"):
                pytest.fail("two hold it")

    assert busy.value.retry_after > 0
    assert await site.left() == 0


async def who_holds_it_does_not_get_it_again(site: Site) -> None:
    locks = site.hasty()

    async with locks.hold("/a"):
        again = await is_free(locks, "/a")
    after = await is_free(locks, "/a")

    assert (again, after) == (False, True)


async def whoever_fails_gives_it_back(site: Site) -> None:
    locks = site.worker()

    with pytest.raises(ZeroDivisionError):
        async with locks.hold("/a"):
            raise ZeroDivisionError

    async with locks.hold("/a"):
        pass
    assert await site.left() == 0


async def a_holder_that_is_cancelled_gives_it_back(site: Site) -> None:
    locks, held = site.worker(), anyio.Event()

    async def hold() -> None:
        async with locks.hold("/a"):
            held.set()
            await anyio.sleep_forever()

    with anyio.fail_after(SECONDS):
        async with anyio.create_task_group() as group:
            group.start_soon(hold)
            await held.wait()
            group.cancel_scope.cancel()
        async with locks.hold("/a"):
            pass

    assert await site.left() == 0


async def one_who_leaves_the_line_leaves_nothing_behind(site: Site) -> None:
    locks, other = site.worker(), site.worker()

    async def hold() -> None:
        async with locks.hold("/a"):
            await anyio.sleep_forever()

    for number in range(12):
        async with other.hold("/a"), anyio.create_task_group() as group:
            group.start_soon(hold)
            await turns(number)
            group.cancel_scope.cancel()
        with anyio.fail_after(SECONDS):
            async with locks.hold("/a"), anyio.create_task_group() as group:
                group.start_soon(hold)
                await turns(number)
                group.cancel_scope.cancel()

    assert await site.left() == 0


async def who_leaves_just_when_it_is_handed_over_hands_it_on(site: Site) -> None:
    locks, room = site.worker(), Room()

    async def hold(key: str, scope: anyio.CancelScope) -> None:
        with scope:
            async with locks.hold(key):
                await room.visit()

    for number in range(12):
        leaving, staying = anyio.CancelScope(), anyio.CancelScope()
        with anyio.fail_after(SECONDS):
            async with anyio.create_task_group() as group:
                async with locks.hold("/a"):
                    group.start_soon(hold, "/a", leaving)
                    await turns(3)
                    group.start_soon(hold, "/a", staying)
                    await turns(3)
                await turns(number)
                leaving.cancel()
        assert not staying.cancelled_caught

    assert len(room.visitors) >= 12
    assert await site.left() == 0


async def any_number_may_leave_at_any_time(site: Site) -> None:
    workers, room, chance = [site.worker(), site.worker()], Room(), random.Random(5)
    staying = 0

    async def write(number: int, scope: anyio.CancelScope) -> None:
        nonlocal staying
        with scope:
            async with workers[number % 2].hold("/a"):
                await room.visit(number)
        staying += not scope.cancelled_caught

    async def disturb(scope: anyio.CancelScope, after: int) -> None:
        await turns(after)
        scope.cancel()

    with anyio.fail_after(SECONDS):
        async with anyio.create_task_group() as group:
            for number in range(100):
                scope = anyio.CancelScope()
                group.start_soon(write, number, scope)
                if number % 3:
                    group.start_soon(disturb, scope, chance.randrange(300))

    assert staying >= 34
    assert len(room.visitors) == staying
    assert await site.left() == 0


PROMISES: Final[list[Promise]] = [
    one_at_a_time_holds_a_key_of_many_who_want_it,
    those_of_one_process_get_it_in_the_order_in_which_they_came,
    keys_do_not_run_into_each_other,
    who_does_not_get_it_in_time_is_told_when_to_come_again,
    who_holds_it_does_not_get_it_again,
    whoever_fails_gives_it_back,
    a_holder_that_is_cancelled_gives_it_back,
    one_who_leaves_the_line_leaves_nothing_behind,
    who_leaves_just_when_it_is_handed_over_hands_it_on,
    any_number_may_leave_at_any_time,
]
