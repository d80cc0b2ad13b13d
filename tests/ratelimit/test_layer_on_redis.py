"""What a layer charges and gives back is the same on a Redis, whose answers have to be waited for."""

from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from asgi_patterns import Pipeline, Problems, Quota, RateLimit, spend
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.testing import UNUSUAL_APPS, Client, chunk, head, hello, read_body
from tests.ratelimit.reading import answers, left, statuses
from tests.support.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.asyncio  # the stores on a Redis know no other loop


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as found:
        yield found


@pytest.fixture
def store(server: RedisServer, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings of a layer that counts there, apart from all others."""
    name = "".join(each if each.isalnum() else "_" for each in request.node.name)
    return {"store": server.url, "store_timeout": 5, "prefix": name[-64:]}


@pytest.fixture(autouse=True)
def _never_away(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """See that it was the store that has counted, and not this process in its place."""
    yield
    assert "the store" not in caplog.text


def day(**fields: Any) -> Quota:
    """A quota that refills nothing while a test runs."""
    return Quota(**{"name": "one", "limit": 2, "window": "1d", **fields})


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Do what the path says."""
    match scope["path"]:
        case "/shed":
            Exchange.of(scope)[0].turned_away = True
            await send(head(503))
            await send(chunk(b"", more=False))
        case "/failed":
            await send(head(401))
            await send(chunk(b"", more=False))
        case "/spend":
            await spend(scope, "one", 2)
            await hello(scope, receive, send)
        case "/crash":
            raise Crash
        case _:
            await read_body(receive)
            await hello(scope, receive, send)


class Crash(Exception):
    """The app has crashed."""


def limited(*quotas: Quota, inside: ASGIApp = app, **settings: Any) -> ASGIApp:
    return Pipeline(Problems(), RateLimit(quotas=quotas, **settings))(inside)


SLOT = Quota(name="slot", limit=1, algorithm="concurrency")

STORIES: list[tuple[str, list[Quota], str, str]] = [
    ("a limit", [day()], "/ / /", "200 200 429"),
    ("all or none", [day(name="two", limit=3), day(match="/a")], "/a /a /a /b /b", "200 200 429 200 429"),
    ("only failures", [day(counts="failed")], "/ / / /failed /failed /", "200 200 200 401 401 429"),
    ("only successes", [day(counts="succeeded")], "/failed /failed /failed / / /", "401 401 401 200 200 429"),
    ("what was turned away", [day()], "/shed /shed /shed / / /", "503 503 503 200 200 429"),
    ("what a handler spends", [day(cost=0)], "/spend /spend /", "200 429 200"),
    ("slots of what has ended", [SLOT], "/ /crash /failed /", "200 500 401 200"),
    ("an observer beside a limit", [day(name="watched", limit=1, mode="observe"), day()], "/ / /", "200 200 429"),
    ("everybody", [day(key="global")], "/ / /", "200 200 503"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("quotas", "urls", "expected"), [row[1:] for row in STORIES], ids=[row[0] for row in STORIES]
)
async def test_the_story_is_the_same_of(
    quotas: list[Quota], urls: str, expected: str, store: dict[str, Any]
) -> None:
    in_memory = await statuses(limited(*quotas), *urls.split())
    on_redis = await statuses(limited(*quotas, **store), *urls.split())

    assert " ".join(map(str, in_memory)) == expected
    assert " ".join(map(str, on_redis)) == expected


@pytest.mark.parametrize(
    "algorithm", ["token_bucket", "fixed_window", "sliding_window", "sliding_log", "leaky_bucket"]
)
async def test_fields_are_the_same(algorithm: Any, store: dict[str, Any]) -> None:
    quotas = [day(algorithm=algorithm, limit=3, cost=2), day(name="other", limit=9)]

    in_memory = await answers(limited(*quotas), "/", "/")
    on_redis = await answers(limited(*quotas, **store), "/", "/")

    assert [left(answer) for answer in on_redis] == [left(answer) for answer in in_memory]
    assert [answer.status for answer in on_redis] == [answer.status for answer in in_memory] == [200, 429]


async def test_bytes_without_a_length_are_counted_once_they_have_come(store: dict[str, Any]) -> None:
    client = Client(limited(day(limit=100, unit="content-bytes"), **store))
    chunked = {"transfer-encoding": "chunked"}

    first = await client.post("/", content=[b"x" * 100, b"x" * 50], headers=chunked)
    second = await client.post("/", content=b"x")

    assert (first.status, second.status) == (200, 429)


async def test_a_slot_is_held_until_the_last_message(store: dict[str, Any]) -> None:
    client = Client(limited(SLOT, inside=hello, **store))

    async with client.stream("GET", "/") as stream:
        await stream.head()
        during = (await client.get("/")).status
        await stream.read()
        after = (await client.get("/")).status

    assert (during, after) == (429, 200)


async def test_a_slot_comes_back_from_a_cancelled_request(store: dict[str, Any]) -> None:
    waits = anyio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/waits":
            waits.set()
            await anyio.sleep_forever()
        await hello(scope, receive, send)

    client = Client(limited(SLOT, inside=slow, **store))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.get, "/waits")
        await waits.wait()
        during = (await client.get("/")).status
        tasks.cancel_scope.cancel()
    after = (await client.get("/")).status

    assert (during, after) == (429, 200)


async def test_requests_at_the_same_time_are_admitted_as_often_as_there_is_room(
    store: dict[str, Any],
) -> None:
    client = Client(limited(day(limit=7), day(name="wide", limit=100), inside=hello, **store))
    found = []

    async def get() -> None:
        found.append((await client.get("/")).status)

    async with anyio.create_task_group() as tasks:
        for _ in range(40):
            tasks.start_soon(get)

    assert sorted(found) == [200] * 7 + [429] * 33


async def test_what_is_refused_here_is_given_back_there(store: dict[str, Any]) -> None:
    quotas = [day(name="here", limit=9, store="memory://"), day(name="there", limit=1)]

    *_, refused, other = await answers(limited(*quotas, **store), "/", "/", "/")

    assert [refused.status, other.status] == [429, 429]
    assert left(other)["there"] == 0
    (after,) = await answers(limited(*quotas, **store), "/")
    assert after.status == 429


@pytest.mark.parametrize("name", UNUSUAL_APPS)
async def test_the_unusual_passes(name: str, store: dict[str, Any]) -> None:
    client = Client(limited(day(counts="failed"), SLOT, inside=UNUSUAL_APPS[name], **store))
    bare = await Client(UNUSUAL_APPS[name]).get("/")

    found = [await client.get("/") for _ in range(2)]

    assert [answer.body for answer in found] == [bare.body] * 2
