"""Locks that outlive their holder: leases, lines of several processes, a store that is away."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio

from asgi_patterns.caching.locks import Busy, StoreAway
from asgi_patterns.caching.redis import LONGEST_LINE, SCRIPT, RedisLocks
from asgi_patterns.kernel.store import Store
from tests.caching.lock_contract import SECONDS, is_free, turns
from tests.support.redis_kinds import RedisCluster, client_of, redis_cluster
from tests.support.redis_server import RedisServer, redis_server
from tests.support.servers import ROOT

pytestmark = pytest.mark.asyncio

LEASE = 1.0
"""Short enough to wait for its end, long enough for a machine that has much else to do."""
ENTRY = 24
"""Bytes of one who holds a lock, or stands in its line."""
_numbers = count()


class Make(Protocol):
    """Make the locks of one more process."""

    def __call__(
        self, *, wait: float = SECONDS, lease: float = SECONDS, timeout: float = SECONDS
    ) -> RedisLocks:
        """Return them; in this test all have the same prefix."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def client(server: RedisServer) -> Iterator[Any]:
    with client_of(server, decode=False) as client:
        yield client


@pytest.fixture
def prefix() -> str:
    return f"test{next(_numbers)}"


@pytest_asyncio.fixture
async def make(server: RedisServer, prefix: str) -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:

        def one_more(
            *, wait: float = SECONDS, lease: float = SECONDS, timeout: float = SECONDS
        ) -> RedisLocks:
            locks = locks_on(server.url, prefix, wait=wait, lease=lease, timeout=timeout)
            stack.push_async_callback(locks.aclose)
            return locks

        yield one_more


def locks_on(url: str, prefix: str, *, wait: float, lease: float, timeout: float) -> RedisLocks:
    return RedisLocks(Store.parse(url), prefix=prefix, partitions=16, timeout=timeout, lease=lease, wait=wait)


async def until(happens: Callable[[], object]) -> None:
    """Wait for what happens by itself, and soon."""
    async with asyncio.timeout(SECONDS):
        while not happens():  # noqa: ASYNC110 - a server has no event to set
            await asyncio.sleep(0.005)


def line(client: Any, prefix: str) -> list[bytes]:
    """Return the tokens at the only lock there is: who holds it, and who stands in line."""
    keys = client.keys(f"{prefix}:*")
    assert len(keys) <= 1
    found = (client.get(keys[0]) or b"") if keys else b""
    return [found[at : at + 16] for at in range(0, len(found), ENTRY)]


async def until_in_line(client: Any, prefix: str, number: int) -> None:
    await until(lambda: len(line(client, prefix)) == number)


# --- leases -------------------------------------------------------------------------------------------------------


async def test_a_lock_that_is_held_is_renewed_until_it_is_given_back(
    make: Make, client: Any, prefix: str
) -> None:
    locks, others = make(lease=LEASE), make(wait=0.0)
    refused = []

    async with locks.hold("/a") as lease:
        began = client.time()[0]  # in whole seconds: it may be nearly one more
        async with asyncio.timeout(SECONDS):
            while client.time()[0] < began + 4 * LEASE:
                refused.append(not await is_free(others, "/a"))
        lost = lease.is_lost
    await locks.aclose()

    assert all(refused)
    assert not lost
    assert line(client, prefix) == []
    assert await is_free(others, "/a")


async def test_nothing_wakes_up_while_nothing_is_held(
    make: Make, client: Any, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, made = asyncio.get_running_loop(), []
    call_at = loop.call_at

    def noting(*args: Any, **kwargs: Any) -> asyncio.TimerHandle:
        made.append(call_at(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(loop, "call_at", noting)
    locks = make()

    async with locks.hold("/a"), locks.hold("/b"):
        while_held = [timer for timer in made if not timer.cancelled() and timer.when() > loop.time()]
    await until(lambda: not client.keys(f"{prefix}:*"))
    await turns(5)

    assert len(while_held) == 1
    assert [timer for timer in made if not timer.cancelled() and timer.when() > loop.time()] == []


async def test_who_stood_still_for_longer_than_its_lease_knows_it_and_harms_nobody(
    server: RedisServer, make: Make, client: Any, prefix: str
) -> None:
    """It does so in an event loop of its own, which is blocked meanwhile, as by a handler that is not async."""
    held, go_on, known = threading.Event(), threading.Event(), []

    async def stand_still() -> None:
        locks = locks_on(server.url, prefix, wait=SECONDS, lease=LEASE, timeout=SECONDS)
        async with locks.hold("/a") as lease:
            known.append(lease.is_lost)
            held.set()
            go_on.wait(SECONDS)
            known.append(lease.is_lost)
        await locks.aclose()

    late = asyncio.create_task(asyncio.to_thread(asyncio.run, stand_still()))
    await until(held.is_set)
    async with make().hold("/a") as lease:
        ours = line(client, prefix)
        go_on.set()
        await late

        assert known == [False, True]
        assert line(client, prefix) == ours
        assert not lease.is_lost
        assert not await is_free(make(wait=0.0), "/a")


async def test_who_lost_it_hears_so_with_the_next_renewal(make: Make, client: Any, prefix: str) -> None:
    """As after a fail-over to a server that has not heard of it yet."""
    locks, others = make(), make()

    async with locks.hold("/a") as lease:
        client.delete(*client.keys(f"{prefix}:*"))
        async with others.hold("/a") as newer:
            ours = line(client, prefix)
            assert not lease.is_lost
            assert locks._session is not None
            locks._session._renew()  # what the timer does later
            await until(lambda: lease.is_lost)
            kept = line(client, prefix)
    await locks.aclose()

    assert kept == ours
    assert not newer.is_lost
    assert lease.is_lost


DEAD = """
import asyncio, sys
from asgi_patterns.caching.redis import RedisLocks
from asgi_patterns.kernel.store import Store

async def main():
    url, prefix, lease = sys.argv[1:]
    locks = RedisLocks(
        Store.parse(url), prefix=prefix, partitions=16, timeout=1.0, lease=float(lease), wait=600.0
    )
    async with locks.hold("/a"):
        print("held", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def process(server: RedisServer, prefix: str) -> asyncio.subprocess.Process:
    """Start one that wants the lock, and keeps it for ever."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", DEAD, server.url, prefix, str(LEASE), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )


async def test_the_lock_of_a_killed_process_is_free_after_its_lease(
    server: RedisServer, make: Make, prefix: str
) -> None:
    holder = await process(server, prefix)
    async with asyncio.timeout(2 * SECONDS):
        assert holder.stdout is not None
        said = await holder.stdout.readline()
        held = not await is_free(make(wait=0.0), "/a")
        holder.kill()
        await holder.wait()
        async with make().hold("/a") as lease:
            pass

    assert said == b"held\n"
    assert held
    assert not lease.is_lost


async def test_a_process_that_is_killed_in_line_keeps_nobody_waiting(
    server: RedisServer, make: Make, client: Any, prefix: str
) -> None:
    async with asyncio.timeout(2 * SECONDS):
        async with make().hold("/a"):
            waiter = await process(server, prefix)
            await until_in_line(client, prefix, 2)
            behind = asyncio.create_task(is_free(make(), "/a"))
            await until_in_line(client, prefix, 3)
            waiter.kill()
            await waiter.wait()

        assert await behind


# --- lines --------------------------------------------------------------------------------------------------------


async def test_processes_get_it_in_the_order_in_which_they_came(make: Make, client: Any, prefix: str) -> None:
    """Who has had it does not get it again before those who wait, however quick it is."""
    seen = []

    async def write(locks: RedisLocks, name: str) -> None:
        async with locks.hold("/a"):
            seen.append(name)

    first = make()
    async with asyncio.TaskGroup() as group:
        async with first.hold("/a"):
            again = group.create_task(write(first, "first again"))
            for number in range(5):
                group.create_task(write(make(), f"process {number}"))
                await until_in_line(client, prefix, number + 2)
        await again

    assert seen == [*(f"process {number}" for number in range(5)), "first again"]


async def test_of_one_process_only_one_asks_however_many_wait(make: Make, client: Any, prefix: str) -> None:
    locks = make()

    async with asyncio.TaskGroup() as group, make().hold("/a"):
        waiting = [group.create_task(is_free(locks, "/a")) for _ in range(50)]
        await until(lambda: len(line(client, prefix)) > 1)
        standing = len(line(client, prefix))

    assert standing == 2
    assert all(task.result() for task in waiting)


RUN = [
    # what happens                              verb  token lease patience most  expected
    [("the first one has it",                   "T",  "a",  9,    9,       9,    0)],
    [
        ("the first one has it",                "T",  "a",  9,    9,       9,    0),
        ("the second one is behind it",         "T",  "b",  9,    9,       9,    1),
        ("the third one is behind both",        "T",  "c",  9,    9,       9,    2),
        ("who asks again keeps its place",      "T",  "b",  9,    9,       9,    1),
        ("who waits may leave",      "R",  "c",  9,    9,       9,    -1),
        ("who has left is gone",                "N",  "c",  9,    9,       9,    -1),
        ("the holder gives it back",            "R",  "a",  9,    9,       9,    -1),
        ("the next one has it once it asks",    "T",  "b",  9,    9,       9,    0),
        ("who comes again comes last",          "T",  "a",  9,    9,       9,    1),
    ],
    [
        ("the first one has it",                "T",  "a",  9,    9,       2,    0),
        ("one may wait",                        "T",  "b",  9,    9,       2,    1),
        ("and no more",                         "T",  "c",  9,    9,       2,    -1),
        ("but who waits already may ask",       "T",  "b",  9,    9,       2,    1),
    ],
    [
        ("a lease that has ended",              "T",  "a",  0,    9,       9,    0),
        ("is the next one's",                   "T",  "b",  9,    9,       9,    0),
        ("and not to be renewed",               "N",  "a",  9,    9,       9,    -1),
        ("nor given back",                      "R",  "a",  9,    9,       9,    -1),
        ("so the next one keeps it",            "N",  "b",  9,    9,       9,    0),
    ],
    [
        ("the first one has it",                "T",  "a",  9,    9,       9,    0),
        ("who does not ask again",              "T",  "b",  9,    0,       9,    1),
        ("loses its place",                     "T",  "c",  9,    9,       9,    1),
        ("to those who do",                     "T",  "b",  9,    9,       9,    2),
    ],
    [
        ("what nobody has is not renewed",      "N",  "a",  9,    9,       9,    -1),
        ("nor given back",                      "R",  "a",  9,    9,       9,    -1),
    ],
]  # fmt: skip


@pytest.mark.parametrize("rows", RUN, ids=lambda rows: rows[-1][0])
async def test_the_script(
    rows: list[tuple[str, str, str, float, float, int, int]], client: Any, prefix: str
) -> None:
    found = [
        (said, client.eval(SCRIPT.text, 1, f"{prefix}:{{0}}:a", verb, token * 16, lease, patience, most))
        for said, verb, token, lease, patience, most, _ in rows
    ]

    assert found == [(said, expected) for said, *_, expected in rows]


async def test_a_lock_that_nobody_wants_any_more_goes_with_the_last_lease(client: Any, prefix: str) -> None:
    client.eval(SCRIPT.text, 1, prefix, "T", "a" * 16, 60, 1, 9)
    client.eval(SCRIPT.text, 1, prefix, "T", "b" * 16, 60, 1, 9)

    assert 50_000 < client.pttl(prefix) <= 60_000
    client.eval(SCRIPT.text, 1, prefix, "R", "a" * 16, 60, 1, 9)
    assert client.pttl(prefix) <= 1_000
    client.eval(SCRIPT.text, 1, prefix, "R", "b" * 16, 60, 1, 9)
    assert not client.exists(prefix)


async def test_where_the_line_is_full_one_is_told_at_once(make: Make, client: Any, prefix: str) -> None:
    locks = make()
    async with locks.hold("/a"):
        (key,) = client.keys(f"{prefix}:*")
        for number in range(LONGEST_LINE - 1):
            client.eval(SCRIPT.text, 1, key, "T", f"{number:016}", 60, 60, LONGEST_LINE)

        with pytest.raises(Busy):
            async with make().hold("/a"):
                pytest.fail("two hold it")


# --- connections --------------------------------------------------------------------------------------------------


async def test_the_next_event_loop_finds_what_the_last_one_left(
    make: Make, server: RedisServer, prefix: str
) -> None:
    locks = locks_on(server.url, prefix, wait=0.0, lease=SECONDS, timeout=SECONDS)

    free = [await asyncio.to_thread(asyncio.run, is_free_and_closed(locks)) for _ in range(3)]
    async with make().hold("/a"):
        held = await asyncio.to_thread(asyncio.run, is_free_and_closed(locks))

    assert free == [True] * 3
    assert not held


async def is_free_and_closed(locks: RedisLocks) -> bool:
    found = await is_free(locks, "/a")
    await locks.aclose()
    return found


async def test_what_is_given_back_is_sent_before_the_connection_closes(
    make: Make, client: Any, prefix: str
) -> None:
    locks = make()

    async with locks.hold("/a"):
        pass
    await locks.aclose()

    assert line(client, prefix) == []


async def test_who_still_holds_one_when_all_is_closed_loses_it_with_its_lease(make: Make) -> None:
    locks = make(lease=LEASE)

    async with locks.hold("/a") as lease:
        waiting = asyncio.create_task(is_free(locks, "/a"))
        await asyncio.sleep(0)
        await locks.aclose()
        await until(lambda: lease.is_lost)
        async with make().hold("/a"):
            pass

    with pytest.raises(StoreAway):
        await waiting


async def test_a_key_that_holds_something_else_is_as_if_the_store_were_away_for_it_alone(
    make: Make, client: Any, prefix: str
) -> None:
    locks = make()
    async with locks.hold("/odd"):
        (key,) = client.keys(f"{prefix}:*")
    await until(lambda: not client.exists(key))
    client.hset(key, "a", "b")

    with pytest.raises(StoreAway):
        async with locks.hold("/odd"):
            pytest.fail("nobody knows who holds it")
    async with locks.hold("/even"):
        pass
    assert locks.trouble == ""


async def test_a_store_that_dies_is_away_at_once_and_then_back(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        locks = locks_on(server.url, "test", wait=SECONDS, lease=LEASE, timeout=SECONDS)
        async with locks.hold("/a") as lease:
            waiting = [asyncio.create_task(is_free(locks, "/a")) for _ in range(20)]
            await asyncio.sleep(0)
            server.process.kill()
            server.process.wait()
            # What they wait for is the holder in this process, which does not know yet.
            await until(lambda: lease.is_lost)
        found = await asyncio.gather(*waiting, return_exceptions=True)

    assert {type(each) for each in found} == {StoreAway}
    for _ in range(20):
        with pytest.raises(StoreAway):
            async with locks.hold("/b"):
                pytest.fail("nobody knows who holds it")
    assert locks.trouble
    with redis_server(tmp_path, port=server.port):
        await until_it_is_back(locks)
        assert locks.trouble == ""
        assert await is_free(locks, "/a")
        await locks.aclose()


async def until_it_is_back(locks: RedisLocks) -> None:
    """Wait for an answer in time, which no machine owes us."""
    async with asyncio.timeout(SECONDS):
        while await outcome(locks, "/b") is StoreAway:  # noqa: ASYNC110 - a server has no event to set
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("keys", [1, 100], ids=["one key", "a hundred keys"])
async def test_a_store_that_hangs_does_not_cost_each_a_timeout(
    keys: int, server: RedisServer, make: Make
) -> None:
    timeout = 0.5
    locks = make(timeout=timeout)
    await until_it_is_back(locks)
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        waiting = [locks.hold(f"/{number % keys}").__aenter__() for number in range(100)]
        found = await asyncio.gather(*waiting, return_exceptions=True)
        took = time.monotonic() - began
    finally:
        os.kill(server.process.pid, signal.SIGCONT)

    assert {type(each) for each in found} == {StoreAway}
    print(f"100 are told after {took:.2f} s, with a timeout of {timeout:g} s")
    assert took < 20 * timeout
    await until_it_is_back(locks)


async def test_what_may_be_ours_is_given_back_as_soon_as_the_store_answers_again(
    server: RedisServer, make: Make, client: Any, prefix: str
) -> None:
    """It hears our asking when nobody waits for it any more; the lease would be too long to wait for its end."""
    locks = make(timeout=0.2, lease=10 * SECONDS)
    await until_it_is_back(locks)
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(StoreAway):
            async with locks.hold("/a"):
                pytest.fail("nobody knows who holds it")
        # Long enough for what is given back not to be heard either.
        await until(lambda: locks.trouble)
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    await until_it_is_back(locks)

    async with asyncio.timeout(SECONDS), make().hold("/a"):
        pass
    await locks.aclose()


async def test_a_node_that_is_away_keeps_nobody_from_the_others(tmp_path: Path) -> None:
    with redis_cluster(tmp_path) as cluster:
        locks = locks_on(cluster.url, "test", wait=SECONDS, lease=SECONDS, timeout=SECONDS)
        keys = [f"/{number}" for number in range(60)]
        homes = {key: await home(locks, cluster, key) for key in keys}
        dead = homes[keys[0]]
        cluster.nodes[dead].process.kill()
        cluster.nodes[dead].process.wait()
        for node in cluster.nodes:
            if node is not cluster.nodes[dead]:
                with client_of(node) as client:
                    client.config_set("cluster-require-full-coverage", "no")

        found = {key: await outcome(locks, key) for key in keys}
        await locks.aclose()

    assert {homes[key] for key in keys} == {0, 1, 2}
    assert found == {key: StoreAway if homes[key] == dead else None for key in keys}


async def home(locks: RedisLocks, cluster: RedisCluster, key: str) -> int:
    """Return which node has a key."""
    async with locks.hold(key):
        for number, node in enumerate(cluster.nodes):
            with client_of(node) as client:
                if client.keys("test:*"):
                    return number
    raise AssertionError("nobody has it")


async def outcome(locks: RedisLocks, key: str) -> type[StoreAway] | None:
    try:
        async with locks.hold(key):
            return None
    except StoreAway:
        return StoreAway
