"""Locks in one process: their bounds, the moment at which time runs out, and one event loop after the other."""

import asyncio
import gc
import time

import anyio
import pytest

from asgi_patterns.caching.locks import Busy
from asgi_patterns.caching.memory import MemoryLocks
from tests.caching.lock_contract import SECONDS, is_free, turns


@pytest.mark.anyio
async def test_as_many_may_wait_as_may_and_the_next_is_told_at_once() -> None:
    locks, got = MemoryLocks(wait=SECONDS, waiters=2), []

    async def write() -> None:
        got.append(await is_free(locks, "/a"))

    async with anyio.create_task_group() as group:  # noqa: SIM117 - it is given back before all have ended
        async with locks.hold("/a"):
            for _ in range(2):
                group.start_soon(write)
            await turns(3)
            third = await is_free(locks, "/a")
            other = await is_free(locks, "/b")

    assert (third, other, got) == (False, True, [True, True])
    assert len(locks) == 0


@pytest.mark.anyio
async def test_who_waits_in_vain_keeps_its_place_until_then_and_not_after() -> None:
    locks = MemoryLocks(wait=0.01, waiters=1)

    async with locks.hold("/a"):
        for _ in range(3):
            with pytest.raises(Busy):
                async with locks.hold("/a"):
                    pytest.fail("two hold it")

    assert len(locks) == 0


@pytest.mark.anyio
@pytest.mark.parametrize("number", range(4))
async def test_when_it_is_handed_over_just_as_time_runs_out_it_is_not_lost(number: int) -> None:
    wait = 0.02
    locks, got = MemoryLocks(wait=wait), []

    async def write() -> None:
        got.append(await is_free(locks, "/a"))

    async with anyio.create_task_group() as group:  # noqa: SIM117 - it is given back before all have ended
        async with locks.hold("/a"):
            group.start_soon(write)
            await turns(3)
            time.sleep(2 * wait)  # noqa: ASYNC251 - so that both happen in the same turn
            await turns(number)

    assert len(got) == 1
    assert len(locks) == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("number", range(4))
async def test_a_task_that_is_cancelled_just_when_it_is_handed_over_hands_it_on(number: int) -> None:
    """A cancellation by asyncio itself comes also to a task that has been woken up already."""
    locks = MemoryLocks(wait=SECONDS)

    async with locks.hold("/a"):
        leaving, staying = (asyncio.create_task(is_free(locks, "/a")) for _ in range(2))
        await turns(3)
    await turns(number)
    leaving.cancel()

    assert await asyncio.wait_for(staying, SECONDS)
    assert len(locks) == 0


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_one_event_loop_after_the_other_may_use_it(backend: str) -> None:
    locks = MemoryLocks(wait=SECONDS)

    async def contend() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(is_free, locks, "/a")

    for _ in range(3):
        anyio.run(contend, backend=backend)

    assert len(locks) == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_who_was_left_behind_in_a_loop_that_was_closed_keeps_nobody_waiting() -> None:
    """As where a loop is closed and its tasks are not cancelled before: they are dropped, whenever that may be."""
    locks, loop = MemoryLocks(wait=SECONDS), asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # it complains of the tasks

    async def hold() -> None:
        async with locks.hold("/a"):
            await asyncio.Event().wait()

    async def start() -> list["asyncio.Task[None]"]:
        tasks = [asyncio.create_task(hold()) for _ in range(3)]
        await turns(3)
        return tasks

    tasks = loop.run_until_complete(start())
    loop.close()
    held = len(locks)
    del tasks, loop
    gc.collect()

    assert held == 1
    assert len(locks) == 0
    assert asyncio.run(is_free(locks, "/a"))
