"""Scripts on real servers: a single one, behind a sentinel, and a cluster of three."""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import pytest

from asgi_patterns.kernel.redis import Call, ErrorReply, Outcome, Redis, Script, Unreachable, lease
from asgi_patterns.kernel.store import Store
from tests.support.redis_kinds import RedisCluster, client_of, redis_cluster, redis_sentinel
from tests.support.redis_server import RedisServer, redis_server

PASSWORD = "pa55word"
WATCHWORD = "w4tch"
KINDS = ["redis", "sentinel", "cluster"]

ECHO = Script("return {KEYS[1], ARGV[1]}")
COUNT = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
SECONDS = 10.0
"""For what happens at once, on any machine: nothing here waits so long."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis"), password=PASSWORD) as server:
        yield server


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    with redis_cluster(tmp_path_factory.mktemp("cluster"), password=PASSWORD) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def sentinel(server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_sentinel(tmp_path_factory.mktemp("sentinel"), server, password=WATCHWORD) as sentinel:
        yield sentinel


@pytest.fixture
def stores(server: RedisServer, cluster: RedisCluster, sentinel: RedisServer) -> dict[str, str]:
    watched = f"redis+sentinel://:{PASSWORD}@127.0.0.1:{sentinel.port}/shop"
    return {
        "redis": server.url,
        "cluster": cluster.url,
        "sentinel": f"{watched}?sentinel_password={WATCHWORD}",
    }


@pytest.fixture
def url(request: pytest.FixtureRequest, stores: dict[str, str]) -> str:
    return stores[request.param]


every_kind = pytest.mark.parametrize("url", KINDS, indirect=True)


@asynccontextmanager
async def leased(url: str) -> AsyncIterator[Redis]:
    redis = lease(Store.parse(url))
    try:
        async with asyncio.timeout(SECONDS):
            yield redis
    finally:
        await redis.release()


def call(tag: object, value: object = 1) -> Call:
    return Call(str(tag), [b"t:{%b}" % str(tag).encode()], [str(value).encode()])


def clear(*servers: RedisServer) -> None:
    for server in servers:
        with client_of(server) as client:
            client.flushall()


@contextmanager
def stopped(server: RedisServer) -> Iterator[None]:
    """Let a server hold its connections and say nothing."""
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.process.pid, signal.SIGCONT)


async def sent(task: "asyncio.Task[list[Outcome]]") -> None:
    """Wait until all that a task can do without an answer is done."""
    for _ in range(10):
        await asyncio.sleep(0)
    assert not task.done()


@every_kind
@pytest.mark.asyncio
async def test_outcomes_stand_in_the_order_of_their_calls(url: str) -> None:
    calls = [call(number, number * 7) for number in range(100)]

    async with leased(url) as redis:
        outcomes = await redis.run(ECHO, calls)

    assert outcomes == [[*call.keys, *call.args] for call in calls]


@every_kind
@pytest.mark.asyncio
async def test_no_calls_have_no_outcomes(url: str) -> None:
    async with leased(url) as redis:
        assert await redis.run(ECHO, []) == []


REPLIES: list[tuple[str, str, Outcome]] = [
    ("text is bytes", "return 'a'", b"a"),
    ("a number", "return -3", -3),
    ("nothing", "return false", None),
    ("a status is bytes", "return redis.status_reply('FINE')", b"FINE"),
    ("any bytes", "return '\\r\\n$-1\\255\\0'", b"\r\n$-1\xff\x00"),
    ("an empty list", "return {}", []),
    ("lists in lists", "return {1, {'b', {}, false}, {''}}", [1, [b"b", [], None], [b""]]),
    ("more than one read", "return string.rep('x', 3000000)", b"x" * 3000000),
    (
        "many in more than one read",
        "local t = {} for i = 1, 50000 do t[i] = i end return t",
        list(range(1, 50001)),
    ),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("text", "outcome"), [row[1:] for row in REPLIES], ids=[row[0] for row in REPLIES])
async def test_a_reply_is_what_the_script_returned(text: str, outcome: Outcome, server: RedisServer) -> None:
    async with leased(server.url) as redis:
        outcomes = await redis.run(Script(text), [call(1), call(2)])

    assert outcomes == [outcome, outcome]


@every_kind
@pytest.mark.asyncio
async def test_a_call_that_is_refused_fails_alone(url: str) -> None:
    script = Script("if ARGV[1] == '5' then return redis.error_reply('SORRY not this') end return 1")

    async with leased(url) as redis:
        outcomes = await redis.run(script, [call(number, number) for number in range(10)])

    refused = outcomes.pop(5)
    assert outcomes == [1] * 9
    assert isinstance(refused, ErrorReply)
    assert (refused.code, str(refused)) == ("SORRY", "SORRY not this")


@every_kind
@pytest.mark.asyncio
async def test_a_script_that_is_none_is_refused_with_the_servers_words(url: str) -> None:
    async with leased(url) as redis:
        (outcome,) = await redis.run(Script("return ]"), [call(1)])

    assert isinstance(outcome, ErrorReply)
    assert "Error compiling script" in str(outcome)


@every_kind
@pytest.mark.asyncio
async def test_servers_that_forget_the_script_are_told_again(
    url: str, server: RedisServer, cluster: RedisCluster
) -> None:
    servers = [server, *cluster.nodes]
    clear(*servers)
    calls = [call(number) for number in range(30)]

    async with leased(url) as redis:
        before = await redis.run(COUNT, calls)
        for each in servers:
            with client_of(each) as client:
                client.script_flush()
        after = [await redis.run(COUNT, calls) for _ in range(2)]

    assert before == [1] * 30
    assert after == [[2] * 30, [3] * 30]


@every_kind
@pytest.mark.asyncio
async def test_runs_at_the_same_time_do_not_mix(url: str) -> None:
    async def own(redis: Redis, number: int) -> bool:
        calls = [call(f"{number}-{each}", number) for each in range(number % 5)]
        return await redis.run(ECHO, calls) == [[*call.keys, *call.args] for call in calls]

    async with leased(url) as redis:
        assert all(await asyncio.gather(*(own(redis, number) for number in range(100))))


@every_kind
@pytest.mark.asyncio
async def test_a_cancelled_run_leaves_nothing_behind(url: str) -> None:
    async with leased(url) as redis:
        await redis.run(ECHO, [call(number) for number in range(20)])
        for round_ in range(5):
            task = asyncio.create_task(redis.run(ECHO, [call(number) for number in range(round_ + 1)]))
            for _ in range(round_):
                await asyncio.sleep(0)
            task.cancel()
            outcomes = await redis.run(ECHO, [call(number, "next") for number in range(20)])
            await asyncio.wait([task])  # it may have been answered before

            assert outcomes == [[b"t:{%d}" % number, b"next"] for number in range(20)]


@pytest.mark.asyncio
async def test_a_run_that_leaves_does_not_harm_the_others_on_its_connection(server: RedisServer) -> None:
    async with leased(server.url) as redis:
        await redis.open()
        with stopped(server):
            leaving, staying = (
                asyncio.create_task(redis.run(ECHO, [call(name, name)])) for name in ("leaving", "staying")
            )
            await sent(staying)
            leaving.cancel()
        late = await redis.run(ECHO, [call("late", "late")])

        assert await staying == [[b"t:{staying}", b"staying"]]
        assert late == [[b"t:{late}", b"late"]]
        assert leaving.cancelled()


@pytest.mark.asyncio
async def test_a_mute_server_is_given_up_in_time_and_heard_again_on_a_new_connection(
    tmp_path: Path,
) -> None:
    with redis_server(tmp_path) as server:
        async with leased(server.url) as redis:
            await redis.open()
            before = connections(server)
            with stopped(server), pytest.raises(TimeoutError):
                await redis.run(ECHO, [call(1)], within=0.01)
            outcomes = await redis.run(ECHO, [call(1, "again")])

            assert outcomes == [[b"t:{1}", b"again"]]
            assert len(before) == 1
            assert not before & connections(server)


def connections(server: RedisServer) -> set[str]:
    """Whom a server is connected with, apart from us here."""
    with client_of(server) as client:
        own = client.client_id()
        return {each["addr"] for each in client.client_list() if int(each["id"]) != own}


@pytest.mark.asyncio
async def test_a_mute_node_costs_its_own_calls_alone(cluster: RedisCluster) -> None:
    calls = [call(number) for number in range(30)]

    async with leased(cluster.url) as redis:
        expected = await redis.run(ECHO, calls)
        with stopped(cluster.nodes[0]):
            outcomes = await redis.run(ECHO, calls, within=0.2)
        healed = await redis.run(ECHO, calls)

    lost = [outcome for outcome in outcomes if isinstance(outcome, TimeoutError)]
    assert 0 < len(lost) < 30
    assert all(
        isinstance(outcome, TimeoutError) or outcome == reply
        for outcome, reply in zip(outcomes, expected, strict=True)
    )
    assert healed == expected


@pytest.mark.asyncio
async def test_a_server_that_has_gone_is_unreachable_and_comes_back_to_the_same_client(
    tmp_path: Path,
) -> None:
    with redis_server(tmp_path) as server:
        port = server.port
        async with leased(server.url) as redis:
            await redis.run(ECHO, [call(1)])
            server.stop()
            for _ in range(3):
                with pytest.raises(Unreachable, match=f"127.0.0.1:{port}"):
                    await redis.run(ECHO, [call(1)])
            with pytest.raises(
                Unreachable, match=f"cannot connect to 127.0.0.1:{port}: ConnectionRefusedError"
            ):
                await redis.open()
            with redis_server(tmp_path, port=port):
                assert await redis.run(ECHO, [call(1)]) == [[b"t:{1}", b"1"]]


@pytest.mark.asyncio
async def test_a_server_that_dies_with_a_call_in_hand_is_unreachable(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        async with leased(server.url) as redis:
            await redis.open()
            with stopped(server):
                task = asyncio.create_task(redis.run(ECHO, [call(1)]))
                await sent(task)
                server.process.kill()

            with pytest.raises(Unreachable, match="has left before it answered"):
                await task


@pytest.mark.asyncio
async def test_a_server_that_cannot_serve_is_unreachable(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server, client_of(server) as client:
        async with leased(server.url) as redis:
            await redis.run(COUNT, [call(1)])
            client.execute_command("REPLICAOF", "127.0.0.1", "1")
            away = await redis.run(COUNT, [call(1), call(2)])
            client.execute_command("REPLICAOF", "NO", "ONE")
            back = await redis.run(COUNT, [call(1), call(2)])

    assert [type(outcome) for outcome in away] == [Unreachable] * 2
    assert str(away[0]) == f"127.0.0.1:{server.port} says READONLY"
    assert back == [2, 1]


@pytest.mark.asyncio
async def test_the_master_that_the_sentinels_name_next_is_found(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("one", "two", "sentinel")]
    for home in homes:
        home.mkdir()

    with (
        redis_server(homes[0], password=PASSWORD) as one,
        redis_server(homes[1], password=PASSWORD) as two,
        redis_sentinel(homes[2], one, password=WATCHWORD) as sentinel,
        client_of(sentinel) as watch,
    ):
        url = f"redis+sentinel://:{PASSWORD}@127.0.0.1:{sentinel.port}/shop?sentinel_password={WATCHWORD}"
        async with leased(url) as redis:
            before = [await redis.run(COUNT, [call(1)]) for _ in range(2)]
            watch.execute_command("SENTINEL", "REMOVE", "shop")
            watch.execute_command("SENTINEL", "MONITOR", "shop", "127.0.0.1", two.port, 1)
            watch.execute_command("SENTINEL", "SET", "shop", "auth-pass", PASSWORD)
            with client_of(one) as client:
                client.execute_command("REPLICAOF", "127.0.0.1", two.port)
            after = [await redis.run(COUNT, [call(1)]) for _ in range(2)]

    assert before == [[1], [2]]
    assert after == [[1], [2]]


SECRETS: list[tuple[str, str, str, str]] = [
    ("a server", "redis", PASSWORD, "AuthenticationError"),
    ("a cluster", "cluster", PASSWORD, "AuthenticationError"),
    ("a master", "sentinel", PASSWORD, "AuthenticationError"),
    ("sentinels", "sentinel", WATCHWORD, "MasterNotFoundError"),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("kind", "part", "why"), [row[1:] for row in SECRETS], ids=[row[0] for row in SECRETS]
)
async def test_a_wrong_password_is_told_and_not_shown(
    kind: str, part: str, why: str, stores: dict[str, str]
) -> None:
    async with leased(stores[kind].replace(part, "gue55")) as redis:
        with pytest.raises(Unreachable, match=why) as caught:
            await redis.run(ECHO, [call(1)])
        with pytest.raises(Unreachable, match=why):
            await redis.open()

        shown = repr(redis) + str(caught.value) + repr(caught.value)
        assert "127.0.0.1" in repr(redis)
        assert "gue55" not in shown


@pytest.mark.asyncio
async def test_users_of_one_store_share_a_client_until_the_last_has_released_it(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        store = Store.parse(server.url)
        one, other = lease(store), lease(Store.parse(server.url))
        elsewhere = lease(Store.parse(f"redis://127.0.0.1:{server.port}/1"))

        assert one is other
        assert one is not elsewhere
        await elsewhere.release()
        await one.run(ECHO, [call(1)])
        await one.release()
        assert await other.run(ECHO, [call(2)]) == [[b"t:{2}", b"1"]]
        await other.release()
        with pytest.raises(RuntimeError, match="has been released"):
            await other.run(ECHO, [call(3)])
        assert lease(store) is not other


@pytest.mark.asyncio
async def test_who_still_waits_when_a_client_is_closed_hears_of_it(server: RedisServer) -> None:
    redis = lease(Store.parse(server.url))
    await redis.open()
    with stopped(server):
        task = asyncio.create_task(redis.run(ECHO, [call(1)]))
        await sent(task)
        await redis.release()

        with pytest.raises(Unreachable):
            await task


@every_kind
@pytest.mark.asyncio
async def test_a_client_can_be_closed_while_it_connects(url: str) -> None:
    redis = lease(Store.parse(url))
    task = asyncio.create_task(redis.run(ECHO, [call(1)]))
    await sent(task)

    await redis.release()

    with pytest.raises(Unreachable):
        await task


@every_kind
def test_a_loop_that_ends_without_a_release_leaves_nothing_open(url: str) -> None:
    async def forget() -> list[Outcome]:
        redis = lease(Store.parse(url))
        await redis.open()
        return await redis.run(ECHO, [call(1)])

    # An unclosed connection would be a warning, and a warning is an error.
    outcomes = [asyncio.run(forget()) for _ in range(3)]
    gc.collect()

    assert outcomes == [[[b"t:{1}", b"1"]]] * 3


@pytest.mark.asyncio
async def test_a_client_that_everybody_has_forgotten_closes_by_itself(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        redis = lease(Store.parse(server.url))
        await redis.run(ECHO, [call(1)])
        before = connections(server)

        del redis
        gc.collect()

        after = before
        async with asyncio.timeout(SECONDS):
            while after:
                await asyncio.sleep(0)
                after = connections(server)
    assert len(before) == 1


def test_a_client_of_another_loop_is_refused(server: RedisServer) -> None:
    async def make() -> Redis:
        redis = lease(Store.parse(server.url))
        await redis.run(ECHO, [call(1)])
        return redis

    redis = asyncio.run(make())

    with pytest.raises(RuntimeError, match="belongs to another event loop"):
        asyncio.run(use(redis))


async def use(redis: Redis) -> Sequence[Outcome]:
    return await redis.run(ECHO, [call(1)])


def test_under_trio_it_says_what_it_needs(server: RedisServer) -> None:
    async def run() -> None:
        lease(Store.parse(server.url))

    with pytest.raises(RuntimeError, match="the Redis store needs asyncio"):
        anyio.run(run, backend="trio")


def test_memory_has_no_client() -> None:
    async def run() -> None:
        lease(Store.parse("memory://"))

    with pytest.raises(ValueError, match="memory://"):
        asyncio.run(run())
