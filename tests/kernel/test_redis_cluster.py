"""A cluster that changes while it is used: slots move, nodes leave and come back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import final

import pytest

from asgi_patterns.kernel.redis import Call, ErrorReply, Outcome, Redis, Script, Unreachable, lease
from asgi_patterns.kernel.slots import slot_of
from asgi_patterns.kernel.store import Store
from tests.support.redis_kinds import RedisCluster, client_of, redis_cluster
from tests.support.redis_server import RedisServer, redis_server

PASSWORD = "pa55word"
SECONDS = 20.0
"""For what needs the nodes to agree; nothing waits so long."""

COUNT = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
SUM = Script("local n = 0 for _, key in ipairs(KEYS) do n = n + (redis.call('GET', key) or 0) end return n")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    with redis_cluster(tmp_path_factory.mktemp("cluster"), password=PASSWORD) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def clear(cluster: RedisCluster) -> None:
    for node in cluster.nodes:
        with client_of(node) as client:
            client.flushall()
            client.script_flush()
            client.config_resetstat()


@final
@dataclass(frozen=True)
class Move:
    """A slot that moves, once and for all, so that no two nodes can both think that they are its owner."""

    source: RedisServer
    target: RedisServer
    tag: str

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Start, and at the end move what is left, and name the new owner."""
        slot = slot_of(self.tag)
        with client_of(self.source) as here, client_of(self.target) as there:
            names = [client.execute_command("CLUSTER", "MYID") for client in (here, there)]
            there.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", names[0])
            here.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", names[1])
            yield
            self.carry(*here.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100))
            for client in (there, here):
                client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", names[1])

    def carry(self, *keys: str) -> None:
        """Move keys, as a tool that rebalances does."""
        with client_of(self.source) as client:
            address = ("127.0.0.1", self.target.port, "", 0, 5000)
            client.execute_command("MIGRATE", *address, "AUTH", PASSWORD, "KEYS", *keys)

    def told(self, code: str) -> int:
        """How often the two have answered with an error."""
        with client_of(self.source) as here, client_of(self.target) as there:
            found = [client.info("errorstats").get(f"errorstat_{code}", {}) for client in (here, there)]
        return sum(int(each.get("count", 0)) for each in found)


@pytest.fixture
def move(cluster: RedisCluster, request: pytest.FixtureRequest) -> Move:
    """A slot for each test."""
    source, target, _ = cluster.nodes
    tags = (f"{request.node.name}-{number}" for number in count())
    return Move(source, target, next(tag for tag in tags if cluster.owner(slot_of(tag)) is source))


@asynccontextmanager
async def leased(url: str) -> AsyncIterator[Redis]:
    redis = lease(Store.parse(url))
    try:
        async with asyncio.timeout(SECONDS):
            yield redis
    finally:
        await redis.release()


def call(tag: object, *names: str) -> Call:
    return Call(str(tag), [f"{name}:{{{tag}}}".encode() for name in names or ("n",)], [b"1"])


def test_a_slot_is_where_the_servers_say(cluster: RedisCluster) -> None:
    tags = ["7", "a", "user:1000", "\u00fc", "x" * 1000]

    with client_of(cluster.nodes[0]) as client:
        expected = [client.execute_command("CLUSTER", "KEYSLOT", f"rl:{{{tag}}}:x") for tag in tags]

    assert [slot_of(tag) for tag in tags] == expected


@pytest.mark.asyncio
async def test_a_slot_that_has_moved_is_found(cluster: RedisCluster, move: Move) -> None:
    calls = [call(move.tag), call("another")]

    async with leased(cluster.url) as redis:
        before = await redis.run(COUNT, calls)
        with move.going_on():
            pass
        after = [await redis.run(COUNT, calls) for _ in range(3)]

    assert before == [1, 1]
    assert after == [[2, 2], [3, 3], [4, 4]]
    assert move.told("MOVED") > 0


@pytest.mark.asyncio
async def test_after_a_move_the_new_owner_is_asked_at_once(cluster: RedisCluster, move: Move) -> None:
    async with leased(cluster.url) as redis:
        await redis.run(COUNT, [call(move.tag)])
        with move.going_on():
            pass
        redirections = [1]
        while redirections[-1]:
            before = move.told("MOVED")
            await redis.run(COUNT, [call(move.tag)])
            redirections.append(move.told("MOVED") - before)

    assert redirections[1] == 1


@pytest.mark.asyncio
async def test_a_new_key_of_a_slot_that_is_moving_is_made_where_it_will_be(
    cluster: RedisCluster, move: Move
) -> None:
    old, new = call(move.tag, "old"), call(move.tag, "new")

    async with leased(cluster.url) as redis:
        await redis.run(COUNT, [old])
        with move.going_on():
            outcomes = await redis.run(COUNT, [old, new, new])
        later = await redis.run(COUNT, [old, new])

    assert outcomes == [2, 1, 2]
    assert later == [3, 3]
    assert move.told("ASK") == 2


@pytest.mark.asyncio
async def test_a_call_whose_keys_are_being_moved_is_tried_until_they_are_together(
    cluster: RedisCluster, move: Move
) -> None:
    async with leased(cluster.url) as redis:
        await redis.run(COUNT, [call(move.tag, "old"), call(move.tag, "new")])
        with move.going_on():
            move.carry(f"new:{{{move.tag}}}")
            task = asyncio.create_task(redis.run(SUM, [call(move.tag, "old", "new")]))
            for _ in range(10000):
                if move.told("TRYAGAIN"):
                    break
                await asyncio.sleep(0)
            # Nothing of ours runs before the move has ended.
        outcomes = await task

    assert move.told("TRYAGAIN") > 0
    assert outcomes == [2]


@pytest.mark.asyncio
async def test_a_call_whose_keys_stay_apart_is_refused_in_the_end(cluster: RedisCluster, move: Move) -> None:
    async with leased(cluster.url) as redis:
        await redis.run(COUNT, [call(move.tag, "old"), call(move.tag, "new")])
        with move.going_on():
            move.carry(f"new:{{{move.tag}}}")
            (outcome,) = await redis.run(SUM, [call(move.tag, "old", "new")])

    assert isinstance(outcome, ErrorReply)
    assert outcome.code == "TRYAGAIN"


@pytest.mark.asyncio
async def test_keys_of_another_tag_are_refused_and_the_others_answered(cluster: RedisCluster) -> None:
    wrong = Call("7", [b"n:{7}", b"n:{8}"], [b"1"])

    async with leased(cluster.url) as redis:
        outcome, good = await redis.run(COUNT, [wrong, call(7)])

    assert isinstance(outcome, ErrorReply)
    assert outcome.code == "CROSSSLOT"
    assert good == 1


@pytest.mark.asyncio
async def test_any_node_of_the_url_will_do(cluster: RedisCluster) -> None:
    url = cluster.url.replace(f"127.0.0.1:{cluster.nodes[0].port}", "127.0.0.1:1,127.0.0.1:2")

    async with leased(url) as redis:
        assert await redis.run(COUNT, [call(number) for number in range(20)]) == [1] * 20


@pytest.mark.asyncio
async def test_a_server_that_is_no_cluster_is_named(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        async with leased(f"redis+cluster://127.0.0.1:{server.port}") as redis:
            with pytest.raises(Unreachable, match=f"127.0.0.1:{server.port} has no table of slots"):
                await redis.run(COUNT, [call(7)])


@pytest.mark.asyncio
async def test_a_node_of_a_cluster_alone_shows_that_the_url_is_wrong(cluster: RedisCluster) -> None:
    async with leased(cluster.nodes[0].url) as redis:
        outcomes = await redis.run(COUNT, [call(number) for number in range(20)])

    codes = {outcome.code if isinstance(outcome, ErrorReply) else outcome for outcome in outcomes}
    assert codes == {"MOVED", 1}


@pytest.mark.asyncio
async def test_no_cluster_is_unreachable_and_found_when_it_is_there(tmp_path: Path) -> None:
    with redis_cluster(tmp_path, size=1) as cluster:
        (node,) = cluster.nodes
        node.stop()
        async with leased(cluster.url) as redis:
            for _ in range(3):
                with pytest.raises(Unreachable, match=f"127.0.0.1:{node.port}: ConnectionRefusedError"):
                    await redis.run(COUNT, [call(7)])
            with redis_server(tmp_path / "node0", port=node.port, is_node=True):
                assert await served(redis, [call(7)]) == [1]


async def served(redis: Redis, calls: list[Call]) -> list[Outcome]:
    """Run until the nodes have agreed, which they do in their own time."""
    while True:
        outcomes = await redis.run(COUNT, calls)
        if not any(isinstance(outcome, Unreachable) for outcome in outcomes):
            return outcomes
        await asyncio.sleep(0.02)


@pytest.mark.asyncio
async def test_a_node_that_has_gone_costs_its_own_calls_alone_and_comes_back(tmp_path: Path) -> None:
    with redis_cluster(tmp_path) as cluster:
        calls = [call(number) for number in range(30)]
        lost = {number for number in range(30) if cluster.owner(slot_of(str(number))) is cluster.nodes[1]}
        async with leased(cluster.url) as redis:
            await redis.run(COUNT, calls)
            cluster.nodes[1].stop()
            away = [await redis.run(COUNT, calls) for _ in range(3)]
            with redis_server(tmp_path / "node1", port=cluster.nodes[1].port, is_node=True):
                back = await served(redis, [calls[number] for number in lost])

    assert 0 < len(lost) < 30
    for round_, outcomes in enumerate(away):
        assert {number for number, each in enumerate(outcomes) if isinstance(each, Unreachable)} == lost
        assert {each for number, each in enumerate(outcomes) if number not in lost} == {round_ + 2}
    assert back == [1] * len(lost)
