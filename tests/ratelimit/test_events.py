"""What listeners are told, and what becomes of requests while the store is away."""

import asyncio
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from asgi_patterns import Caller, Pipeline, Quota, RateLimit
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.ratelimit import Delayed, Limited, NearLimit, StoreBack, StoreLost
from asgi_patterns.testing import Client, Clock, hello
from tests.ratelimit.reading import answers, left, one, statuses
from tests.support.redis_server import RedisServer, executable, redis_server

NOW = 1_700_000_000.0


def told_by(
    *quotas: Quota | str, clock: Clock | None = None, store: str = "memory://", **settings: Any
) -> tuple[ASGIApp, list[Event]]:
    """The app behind the layer, and the list of what listeners are told."""
    told: list[Event] = []

    def listen(event: Event, exchange: Exchange) -> None:
        told.append(event)

    layer = RateLimit(quotas=quotas, clock=clock or Clock(), **settings)
    return Pipeline(layer, listeners=[listen], store=store, identify=lambda scope: Caller(id="alice"))(
        hello
    ), told


@pytest.mark.anyio
async def test_a_request_that_is_allowed_is_no_event() -> None:
    app, told = told_by(one(limit=100))

    await statuses(app, "/", "/")

    assert told == []


@pytest.mark.anyio
async def test_of_a_refusal_each_quota_that_refused_is_told() -> None:
    app, told = told_by(
        one(name="a", limit=1),
        one(name="b", limit=1, key="user", window="1h"),
        one(name="c", limit=9),
        warn_at=1,
    )
    await statuses(app, "/")
    told.clear()

    await statuses(app, "/")

    assert told == [
        Limited(quota="a", key="203.0.113.7", mode="enforce", wait=60.0),
        Limited(quota="b", key="user:alice", mode="enforce", wait=3600.0),
    ]


@pytest.mark.anyio
async def test_near_its_end_a_quota_is_told_with_what_is_left() -> None:
    app, told = told_by(one(limit=4), warn_at=0.5)

    await statuses(app, *["/"] * 4)

    assert told == [NearLimit(quota="one", key="203.0.113.7", remaining=left) for left in (2, 1, 0)]


@pytest.mark.anyio
async def test_a_delay_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nap(seconds: float) -> None:
        """Sleep for no time."""

    monkeypatch.setattr("anyio.sleep", nap)
    app, told = told_by(one(algorithm="leaky_bucket", limit=2, window=1, max_delay=5))

    await statuses(app, "/", "/", "/")

    assert told == [Delayed(seconds=0.5), Delayed(seconds=1.0)]


@pytest.mark.anyio
async def test_a_listener_that_fails_refuses_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def listen(event: Event, exchange: Exchange) -> None:
        raise RuntimeError("no")

    app = Pipeline(RateLimit(quotas=[one(limit=1)], clock=Clock()), listeners=[listen])(hello)

    assert await statuses(app, "/", "/") == [200, 429]
    assert "failed on" in caplog.text


@pytest.mark.anyio
async def test_a_reset_forgets_one_key_of_one_quota() -> None:
    layer = RateLimit(quotas=[one(limit=1), one(name="two", limit=9)], clock=Clock())
    app = layer(hello)
    await statuses(app, "/", "/", client="203.0.113.7")
    await statuses(app, "/", client="203.0.113.8")

    await layer.reset("one", "203.0.113.7")
    (first,) = await answers(app, "/", client="203.0.113.7")
    second = await statuses(app, "/", client="203.0.113.8")

    assert (first.status, left(first), second) == (200, {"one": 0, "two": 7}, [429])


@pytest.mark.anyio
async def test_a_reset_of_what_is_not_there_says_what_is() -> None:
    with pytest.raises(LookupError, match="there is no quota called 'three': there are one, two"):
        await RateLimit(quotas=[one(), one(name="two")]).reset("three", "203.0.113.7")


# --- the store ---


@pytest.fixture
def nowhere() -> str:
    """The URL of a store that nobody serves."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"redis://:s3cr3t@127.0.0.1:{port}"


@contextmanager
def again(port: int, folder: Path) -> Iterator[None]:
    """Run another Redis where one has been."""
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    process = subprocess.Popen([executable(), *options], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        RedisServer(port=port, process=process).stop()


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    with redis_server(tmp_path) as found:
        yield found


AWAY: list[tuple[Any, list[int], list[dict[str, int]]]] = [
    ("local", [200, 429], [{"one": 0}, {"one": 0}]),
    ("open", [200, 200], [{}, {}]),
    ("closed", [503, 503], [{}, {}]),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("policy", "expected", "said"), AWAY, ids=[row[0] for row in AWAY])
async def test_while_the_store_is_away(
    policy: Any, expected: list[int], said: list[dict[str, int]], nowhere: str
) -> None:
    app, told = told_by(one(limit=1), store=nowhere, store_away=policy, warn_at=1)

    found = await answers(app, "/", "/")

    assert [answer.status for answer in found] == expected
    assert [left(answer) for answer in found] == said
    lost = [event for event in told if isinstance(event, StoreLost)]
    assert len(lost) == 1
    assert "s3cr3t" not in repr(told)
    if policy == "closed":
        assert found[0].header("retry-after") == "1"
        problem = found[0].json()
        assert problem["type"].endswith("#temporary-reduced-capacity")
        assert "violated-policies" not in problem


@pytest.mark.asyncio
async def test_a_store_that_is_away_keeps_nobody_from_starting(nowhere: str) -> None:
    app, _ = told_by(one(limit=1), store=nowhere)

    async with Client(app) as client:
        assert (await client.get("/")).status == 200


@pytest.mark.asyncio
async def test_an_outage_costs_few_requests_their_time(nowhere: str) -> None:
    app, told = told_by(one(limit=1000), store=nowhere, store_timeout=0.2)
    client = Client(app)

    began = time.monotonic()
    found = [(await client.get("/")).status for _ in range(100)]

    assert found == [200] * 100
    assert time.monotonic() - began < 100 * 0.05
    assert [type(event) for event in told] == [StoreLost]


@pytest.mark.asyncio
async def test_both_edges_of_an_outage_are_told(server: RedisServer, tmp_path: Path) -> None:
    app, told = told_by(one(limit=100_000), store=server.url, store_timeout=5)
    client = Client(app)
    assert (await client.get("/")).status == 200
    assert told == []

    server.stop()
    lost = [await client.get("/") for _ in range(5)]
    with again(server.port, tmp_path):
        back = [await client.get("/")]
        async with asyncio.timeout(10):
            while len(told) < 2:
                await asyncio.sleep(0.02)
                back.append(await client.get("/"))

    assert {answer.status for answer in (*lost, *back)} == {200}
    assert [type(event) for event in told] == [StoreLost, StoreBack]


@pytest.mark.asyncio
async def test_a_store_is_shared_and_a_reset_is_seen(server: RedisServer) -> None:
    layers = [RateLimit(quotas=[one(limit=2)], store=server.url, store_timeout=5) for _ in range(2)]
    apps = [layer(hello) for layer in layers]

    found = [(await statuses(app, "/"))[0] for app in (apps[0], apps[1], apps[0])]
    await layers[0].reset("one", "203.0.113.7")
    again = [(await statuses(app, "/"))[0] for app in apps]

    assert (found, again) == ([200, 200, 429], [200, 200])


@pytest.mark.asyncio
async def test_quotas_may_be_counted_in_two_places(server: RedisServer) -> None:
    quotas = [one(name="here", limit=1, store="memory://"), one(name="there", limit=9)]
    first, second = (RateLimit(quotas=quotas, store=server.url, store_timeout=5)(hello) for _ in range(2))

    found = [*await answers(first, "/", "/"), *await answers(second, "/")]

    assert [answer.status for answer in found] == [200, 429, 200]
    assert [left(answer) for answer in found] == [
        {"here": 0, "there": 8},
        {"here": 0},
        {"here": 0, "there": 7},
    ]
