"""Every adapter of the port, with several writers at once: in memory, on one Redis, on a cluster of three nodes."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count

import pytest
import pytest_asyncio

from asgi_patterns.kernel.store import Store
from asgi_patterns.ratelimit.asks import UNSEEN
from asgi_patterns.ratelimit.buckets import LeakyBucket, TokenBucket
from asgi_patterns.ratelimit.counters import Counters, StoreAway
from asgi_patterns.ratelimit.keys import EVERYBODY
from asgi_patterns.ratelimit.memory import MemoryCounters
from asgi_patterns.ratelimit.redis import RedisCounters
from asgi_patterns.ratelimit.rules import Rule
from asgi_patterns.ratelimit.script import code_of
from asgi_patterns.ratelimit.slots import Slots
from asgi_patterns.ratelimit.windows import FixedWindow, SlidingLog
from asgi_patterns.testing import Clock
from tests.ratelimit.contract import DAY, ONE_OF_EACH, UNUSUAL, N, Worker, give_back, stake, take
from tests.support.redis_kinds import RedisCluster, client_of, redis_cluster
from tests.support.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.asyncio

SECONDS = 10.0
"""For what happens at once, on any machine: nothing here waits so long."""
KINDS = ["memory", "redis", "cluster in 1 partition", "cluster in 16 partitions"]
CLIENTS = [f"203.0.113.{number}" for number in range(8)]
"""So many that with 16 partitions most are in another one than what all share."""

each_rule = pytest.mark.parametrize(
    "rule", [row[1] for row in ONE_OF_EACH], ids=[row[0] for row in ONE_OF_EACH]
)
_numbers = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    with redis_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest) -> Callable[[], Counters]:
    """Make counts that are new to this test, and shared by all that it makes."""
    kind: str = request.param
    if kind == "memory":
        alone = MemoryCounters(most=100, clock=Clock())
        return lambda: alone
    url: str = request.getfixturevalue("server" if kind == "redis" else "cluster").url
    prefix = f"test{next(_numbers)}"
    partitions = 16 if "16" in kind else 1
    return lambda: RedisCounters(Store.parse(url), prefix=prefix, partitions=partitions, timeout=SECONDS)


@pytest_asyncio.fixture
async def worker(make: Callable[[], Counters]) -> AsyncIterator[Worker]:
    made: list[Counters] = []

    def one_more() -> Counters:
        made.append(make())
        return made[-1]

    yield one_more
    for each in made:
        if isinstance(each, RedisCounters):
            await each.aclose()


@pytest.fixture
def counters(worker: Worker) -> Counters:
    return worker()


async def turn() -> None:
    """Let everybody else do something."""
    await asyncio.sleep(0)


@each_rule
async def test_ten_times_as_many_takes_at_once_admit_exactly_as_many_as_may(
    worker: Worker, rule: Rule
) -> None:
    ask = stake(rule), "ann"
    workers = [worker(), worker()]

    decisions = await asyncio.gather(*(take(workers[number % 2], ask) for number in range(10 * N)))

    assert sum(decision.allowed for decision in decisions) == N
    assert sorted(d.taken[0].remaining for d in decisions if d.allowed) == [*range(N)]
    assert {d.taken[0].remaining for d in decisions if not d.allowed} == {0}


@pytest.mark.parametrize("shared", [N, 3 * N], ids=["what all share ends first", "their own ends first"])
async def test_several_quotas_never_admit_too_many_and_leave_nothing_behind(
    worker: Worker, shared: int
) -> None:
    own, common = stake(FixedWindow(3.0, DAY)), stake(FixedWindow(float(shared), DAY), quota="all")
    most = min(shared, 3 * len(CLIENTS))
    workers = [worker(), worker()]
    turns = [
        (workers[number % 2], (own, CLIENTS[number % 8]), (common, EVERYBODY)) for number in range(10 * N)
    ]

    decisions = await asyncio.gather(*(take(*each) for each in turns))
    fresh = worker()
    later = [await take(fresh, *asks) for _, *asks in turns]

    # Who is refused while another one's charge is still to be given back may have been refused in vain.
    assert sum(decision.allowed for decision in decisions) <= most
    assert sum(decision.allowed for decision in decisions + later) == most


@pytest.mark.parametrize("client", CLIENTS)
async def test_where_the_second_refuses_the_first_is_not_charged(counters: Counters, client: str) -> None:
    first, second = (
        (stake(FixedWindow(5.0, DAY)), client),
        (stake(FixedWindow(1.0, DAY), quota="all"), EVERYBODY),
    )
    await take(counters, first, second)

    refused = await take(counters, first, second)
    after = await take(counters, first)

    assert (refused.allowed, refused.taken[1].allowed) == (False, False)
    assert after.taken[0].remaining == 3


@pytest.mark.parametrize("client", CLIENTS)
async def test_where_the_first_refuses_the_second_is_not_charged(counters: Counters, client: str) -> None:
    first, second = (
        (stake(FixedWindow(1.0, DAY)), client),
        (stake(FixedWindow(5.0, DAY), quota="all"), EVERYBODY),
    )
    await take(counters, first, second)

    refused = await take(counters, first, second)
    after = await take(counters, second)

    assert (refused.allowed, refused.taken[0].allowed) == (False, False)
    assert after.taken[0].remaining == 3


async def test_each_quota_says_what_it_has_to_say_in_the_order_of_the_asks(counters: Counters) -> None:
    asks = [(stake(rule, 2, quota=f"quota{number}"), "ann") for number, (_, rule) in enumerate(ONE_OF_EACH)]

    decision = await take(counters, *asks)

    assert decision.allowed
    # A leaky bucket is busy with it for two of its times.
    assert [taken.remaining for taken in decision.taken] == [N - 2] * len(asks)
    assert len(decision.times) == len(asks)
    assert UNSEEN not in decision.taken


async def test_one_that_is_not_binding_refuses_nobody_and_is_not_charged_beyond(counters: Counters) -> None:
    binding, watched = stake(FixedWindow(5.0, DAY)), stake(FixedWindow(1.0, DAY), quota="new", binding=False)
    await take(counters, (binding, "ann"), (watched, "ann"))

    decision = await take(counters, (binding, "ann"), (watched, "ann"))
    alone = await take(counters, (watched, "ann"))
    charged = await take(counters, (binding, "ann"))

    assert (decision.allowed, [taken.allowed for taken in decision.taken]) == (True, [True, False])
    assert (alone.allowed, alone.taken[0].allowed) == (True, False)
    assert charged.taken[0].remaining == 2


async def test_one_that_is_not_binding_is_not_charged_where_another_refuses(counters: Counters) -> None:
    binding, watched = stake(FixedWindow(1.0, DAY)), stake(FixedWindow(5.0, DAY), quota="new", binding=False)
    await take(counters, (binding, "ann"), (watched, "ann"))

    await take(counters, (binding, "ann"), (watched, "ann"))

    assert (await take(counters, (watched, "ann"))).taken[0].remaining == 3


@pytest.mark.parametrize(
    "rule",
    # What is queued is not given back: those behind have been told their times.
    [LeakyBucket(DAY), *(rule for _, rule in ONE_OF_EACH if not isinstance(rule, LeakyBucket))],
    ids=lambda rule: type(rule).__name__,
)
async def test_what_is_given_back_can_be_taken_again_also_by_who_was_refused(
    counters: Counters, rule: Rule
) -> None:
    ask = stake(rule), "ann"
    passed = []
    while (decision := await take(counters, ask)).allowed:
        passed.append(decision)

    give_back(counters, [ask], passed[0])

    assert (await take(counters, ask)).allowed
    assert not (await take(counters, ask)).allowed


@each_rule
async def test_a_charge_counts_each_time_and_over_the_limit(counters: Counters, rule: Rule) -> None:
    for _ in range(3):
        counters.charge((stake(rule, 2), "ann"))
    some = await take(counters, (stake(rule), "ann"))
    for _ in range(2):
        counters.charge((stake(rule, N), "ann"))
    none = await take(counters, (stake(rule), "ann"))

    assert (some.allowed, some.taken[0].remaining) == (True, N - 7)
    assert (none.allowed, none.taken[0].remaining) == (False, 0)


@each_rule
async def test_what_is_forgotten_was_never_taken(counters: Counters, rule: Rule) -> None:
    ask, other = (stake(rule), "ann"), (stake(rule), "bob")
    await take(counters, other)
    while (await take(counters, ask)).allowed:
        pass

    await counters.forget(ask)

    assert (await take(counters, ask)).taken[0].remaining == N - 1
    assert (await take(counters, other)).taken[0].remaining == N - 2


async def test_what_nobody_has_taken_can_be_forgotten_and_given_back(counters: Counters) -> None:
    ask = stake(SlidingLog(2.0, DAY)), "ann"

    await counters.forget(ask)
    counters.give_back(ask, 0.0, bytes(8))

    assert (await take(counters, ask)).taken[0].remaining == 1


async def test_quotas_and_keys_do_not_run_into_each_other(counters: Counters) -> None:
    rule = FixedWindow(1.0, DAY)
    asks = [(stake(rule, quota=quota), key) for quota, key in UNUSUAL]

    first = [(await take(counters, ask)).allowed for ask in asks]
    second = [(await take(counters, ask)).allowed for ask in asks]

    assert first == [True] * len(asks)
    assert second == [False] * len(asks)


async def test_slots_are_held_by_no_more_than_there_are(worker: Worker) -> None:
    workers = [worker(), worker()]
    asks = [(stake(Slots(3.0, DAY)), "ann"), (stake(Slots(3.0, DAY), quota="all"), EVERYBODY)]
    running = most = 0

    async def run(counters: Counters) -> None:
        nonlocal running, most
        while not (decision := await take(counters, *asks)).allowed:
            await turn()
        running += 1
        most = max(most, running)
        for _ in range(5):
            await turn()
        running -= 1
        give_back(counters, asks, decision)

    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        for number in range(24):
            group.create_task(run(workers[number % 2]))

    assert most <= 3
    after = await take(workers[0], *asks)
    assert (after.allowed, [taken.remaining for taken in after.taken]) == (True, [2, 2])


@pytest.mark.parametrize("turns", [0, 1, 2, 5])
async def test_a_waiter_that_is_cancelled_harms_nobody_and_keeps_nothing(worker: Worker, turns: int) -> None:
    counters = worker()
    slots = [(stake(Slots(1.0, DAY)), "ann"), (stake(Slots(1.0, DAY), quota="all"), EVERYBODY)]
    bucket = stake(TokenBucket(50.0, 1.0)), "bob"

    leaving = asyncio.create_task(take(counters, *slots))
    staying = [asyncio.create_task(take(counters, bucket)) for _ in range(5)]
    for _ in range(turns):
        await turn()
    leaving.cancel()
    decisions = await asyncio.gather(*staying)
    gone = (await asyncio.gather(leaving, return_exceptions=True))[0]

    assert all(decision.allowed for decision in decisions)
    if isinstance(gone, asyncio.CancelledError):
        async with asyncio.timeout(SECONDS):
            while not (again := await take(counters, *slots)).allowed:
                await turn()
        assert [taken.remaining for taken in again.taken] == [0, 0]


# --- counts that outlive who uses them ----------------------------------------------------------------------------

LEASE = 1.0
"""Short enough to wait for its end, long enough for a machine that has much else to do."""

DEAD = """
import asyncio, sys
from asgi_patterns.kernel.store import Store
from asgi_patterns.ratelimit.asks import Stake
from asgi_patterns.ratelimit.redis import RedisCounters
from asgi_patterns.ratelimit.script import code_of
from asgi_patterns.ratelimit.slots import Slots

async def main():
    url, prefix, lease = sys.argv[1:]
    counters = RedisCounters(Store.parse(url), prefix=prefix, partitions=1, timeout=10.0)
    decision = await counters.take([(Stake("slots", Slots(1.0, float(lease))), "ann")])
    print("lent" if decision.allowed else "refused", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_slot_whose_holder_was_killed_is_free_after_its_lease(server: RedisServer) -> None:
    prefix, ask = f"test{next(_numbers)}", (stake(Slots(1.0, LEASE), quota="slots"), "ann")
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DEAD, server.url, prefix, str(LEASE), stdout=asyncio.subprocess.PIPE
    )
    counters = RedisCounters(Store.parse(server.url), prefix=prefix, partitions=1, timeout=SECONDS)
    async with asyncio.timeout(3 * SECONDS):
        assert holder.stdout is not None
        said = await holder.stdout.readline()
        held = await take(counters, ask)
        holder.kill()
        await holder.wait()
        while not (free := await take(counters, ask)).allowed:
            await turn()
    await counters.aclose()

    assert said == b"lent\n"
    assert (held.allowed, held.taken[0].remaining) == (False, 0)
    assert free.allowed


async def test_a_slot_that_is_held_is_renewed_until_it_is_given_back(server: RedisServer) -> None:
    prefix, ask = f"test{next(_numbers)}", (stake(Slots(1.0, LEASE), quota="slots"), "ann")
    counters, others = (
        RedisCounters(Store.parse(server.url), prefix=prefix, partitions=1, timeout=SECONDS) for _ in range(2)
    )
    key = f"{prefix}:{{0}}:slots:C:ann"
    refused = []
    with client_of(server, decode=False) as client:
        held = await take(counters, ask)
        async with asyncio.timeout(2 * SECONDS):
            while client.zrange(key, 0, 0, withscores=True)[0][1] < held.times[0] + 2 * LEASE:
                refused.append(not (await take(others, ask)).allowed)
        give_back(counters, [ask], held)
        await counters.aclose()
        left = client.exists(key)
    free = await take(others, ask)
    await others.aclose()

    assert held.allowed
    assert all(refused)
    assert left == 0
    assert free.allowed


async def test_the_next_event_loop_finds_what_the_last_one_counted(server: RedisServer) -> None:
    prefix, ask = f"test{next(_numbers)}", (stake(FixedWindow(5.0, DAY)), "ann")
    counters = RedisCounters(Store.parse(server.url), prefix=prefix, partitions=1, timeout=SECONDS)

    decisions = [await asyncio.to_thread(asyncio.run, take(counters, ask)) for _ in range(3)]

    assert [decision.taken[0].remaining for decision in decisions] == [4, 3, 2]


@pytest.mark.parametrize("rule", [FixedWindow(5.0, DAY), Slots(5.0, DAY)], ids=["a window", "slots"])
async def test_a_key_that_holds_something_else_is_as_if_the_store_were_away_for_it_alone(
    server: RedisServer, rule: Rule
) -> None:
    prefix = f"test{next(_numbers)}"
    counters = RedisCounters(Store.parse(server.url), prefix=prefix, partitions=1, timeout=SECONDS)
    odd, even = (stake(rule), "odd"), (stake(rule), "even")
    with client_of(server) as client:
        client.hset(f"{prefix}:{{0}}:quota:{code_of(rule)}:odd", "a", "b")

    found = await asyncio.gather(*(take(counters, ask) for ask in (even, odd, even)), return_exceptions=True)
    after = await take(counters, even)
    await counters.forget(odd)
    cured = await take(counters, odd)
    await counters.aclose()

    assert isinstance(found[1], StoreAway)
    assert [type(each).__name__ for each in found] == ["Decision", "StoreAway", "Decision"]
    assert (after.taken[0].remaining, cured.taken[0].remaining) == (2, 4)
    assert counters.trouble == ""
