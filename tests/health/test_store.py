"""The pipeline's store as a check, and Redis in all its forms, against real servers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from pydantic import ValidationError
from redis.asyncio import Redis

from asgi_patterns import Pipeline
from asgi_patterns.health import Check, CheckFailed, Health
from asgi_patterns.kernel.context import Context
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.store import Store
from asgi_patterns.kernel.types import Scope
from asgi_patterns.settings import SettingsError
from asgi_patterns.show import report
from asgi_patterns.testing import Answer, Client, hello
from tests.support.redis_kinds import redis_cluster, redis_sentinel
from tests.support.redis_server import RedisServer, redis_server

PASSWORD = "pa55word"
WATCHWORD = "w4tch"
BEARER = {"authorization": "Bearer s3cret"}
NOWHERE = "redis://u:pa55word@127.0.0.1:1"


async def own() -> None:
    """A check of the app's own."""


async def probe(store: str, path: str = "/health", **fields: Any) -> Answer:
    pipeline = Pipeline(Health(details_token="s3cret", **fields), store=store)
    return await Client(pipeline(hello), headers=BEARER).get(path)


def line(answer: Answer, name: str = "store") -> tuple[str, object]:
    found = answer.json()["checks"][name]
    return found["status"], found.get("details")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis"), password=PASSWORD) as server:
        yield server


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_cluster(tmp_path_factory.mktemp("cluster"), password=PASSWORD, size=1) as cluster:
        (node,) = cluster.nodes
        yield node


@pytest.fixture(scope="module")
def sentinel(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_sentinel(tmp_path_factory.mktemp("sentinel"), redis, password=WATCHWORD) as server:
        yield server


@pytest.fixture
def stores(redis: RedisServer, cluster: RedisServer, sentinel: RedisServer) -> dict[str, str]:
    login = f":{PASSWORD}@127.0.0.1"
    return {
        "redis": redis.url,
        "cluster": f"redis+cluster://{login}:{cluster.port}",
        "sentinel": f"redis+sentinel://{login}:{sentinel.port}/shop?sentinel_password={WATCHWORD}",
    }


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["redis", "cluster", "sentinel"])
async def test_a_store_that_answers_is_up(kind: str, stores: dict[str, str]) -> None:
    answer = await probe(stores[kind], checks=[own])

    assert list(answer.json()["checks"]) == ["own", "store"]
    assert line(answer) == ("UP", None)
    assert (answer.status, answer.json()["status"]) == (200, "UP")


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["redis", "cluster", "sentinel"])
async def test_a_check_of_ones_own_takes_the_same_urls(kind: str, stores: dict[str, str]) -> None:
    answer = await Client(Health(checks=[Check(redis=stores[kind])])(hello)).get("/health")

    assert line(answer, "redis") == ("UP", None)


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["redis", "cluster", "sentinel"])
async def test_no_connection_is_kept(
    kind: str, stores: dict[str, str], redis: RedisServer, cluster: RedisServer, sentinel: RedisServer
) -> None:
    servers = [redis, cluster, sentinel]
    before = [await connections(server) for server in servers]

    for _ in range(2):
        await probe(stores[kind])

    with anyio.move_on_after(5):
        while [await connections(server) for server in servers] != before:
            await anyio.wait_all_tasks_blocked()
            await anyio.sleep(0.001)  # servers learn of the end of a connection a moment later
    assert [await connections(server) for server in servers] == before


async def connections(server: RedisServer) -> int:
    """How many a server has, this one included."""
    async with Redis(port=server.port, password=server.password) as client:
        return len(await client.client_list())


WRONG: list[tuple[str, str, str, str]] = [
    ("a wrong password", "redis", PASSWORD, "AuthenticationError"),
    ("a wrong password of a cluster", "cluster", PASSWORD, "RedisClusterException"),
    ("a wrong password of the master", "sentinel", PASSWORD, "AuthenticationError"),
    ("a wrong password of the sentinels", "sentinel", WATCHWORD, "MasterNotFoundError"),
    ("a master that nobody knows", "sentinel", "/shop", "MasterNotFoundError"),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("kind", "part", "error"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
async def test_a_store_that_refuses_is_degraded_and_its_url_is_not_shown(
    kind: str, part: str, error: str, stores: dict[str, str]
) -> None:
    url = stores[kind].replace(part, "/market" if part == "/shop" else "gue55")

    answer = await probe(url)

    assert line(answer) == ("DOWN", error)
    assert (answer.status, answer.json()["status"]) == (200, "DEGRADED")
    assert not [word for word in ("gue55", PASSWORD, "127.0.0.1", "market") if word in answer.text]


@pytest.mark.asyncio
@pytest.mark.parametrize("scheme", ["redis://", "redis+cluster://", "redis+sentinel://"])
async def test_a_store_that_has_gone_is_degraded(scheme: str, tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        address = f"{scheme}127.0.0.1:{server.port}"

    answer = await probe(f"{address}/shop" if "sentinel" in scheme else address)

    assert (answer.status, answer.json()["status"]) == (200, "DEGRADED")


TLS = [
    ("one", "rediss://:{}@127.0.0.1:{}"),
    ("a cluster", "redis+cluster://:{}@127.0.0.1:{}?tls=true"),
    ("sentinels", "redis+sentinel://127.0.0.1:{1}/shop?tls=true&sentinel_password={0}"),
]


@pytest.mark.asyncio
@pytest.mark.parametrize("url", [row[1] for row in TLS], ids=[row[0] for row in TLS])
async def test_over_tls_nothing_is_said_before_the_other_side_has_proven_who_it_is(url: str) -> None:
    heard: list[bytes] = []

    async def listen(stream: SocketStream) -> None:
        async with stream:
            heard.append(await stream.receive())

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610  # anyio's extra, not Django's
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, listen)
            answer = await probe(url.format(PASSWORD, port))
            tasks.cancel_scope.cancel()

    assert answer.json()["status"] == "DEGRADED"
    assert heard
    assert all(each.startswith(b"\x16\x03") and PASSWORD.encode() not in each for each in heard)


ASKED: list[tuple[str, str, str, dict[str, Any], list[str]]] = [
    ("all in all", NOWHERE, "/health", {}, ["store"]),
    ("readiness", NOWHERE, "/health/ready", {}, ["store"]),
    ("liveness asks nobody", NOWHERE, "/health/live", {}, []),
    ("start-up asks what is critical", NOWHERE, "/health/startup", {}, []),
    ("memory is always there", "memory://", "/health", {}, []),
    ("it is switched off", NOWHERE, "/health", {"store_check": False}, []),
    (
        "a check of that name takes its place",
        NOWHERE,
        "/health",
        {"checks": [Check(name="store", check=own)]},
        ["store"],
    ),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("store", "path", "fields", "names"), [row[1:] for row in ASKED], ids=[row[0] for row in ASKED]
)
async def test_who_asks_the_store(store: str, path: str, fields: dict[str, Any], names: list[str]) -> None:
    answer = await probe(store, path, **fields)

    assert list(answer.json()["checks"]) == names
    assert answer.status == 200


@pytest.mark.asyncio
async def test_a_check_of_that_name_is_the_one_that_runs() -> None:
    answer = await probe(NOWHERE, checks=[Check(name="store", check=own)])

    assert line(answer) == ("UP", None)


@pytest.mark.asyncio
async def test_without_a_pipeline_there_is_no_store() -> None:
    answer = await Client(Health()(hello)).get("/health")

    assert answer.json()["checks"] == {}


@pytest.mark.asyncio
async def test_one_layer_in_two_pipelines_asks_the_store_of_each(redis: RedisServer) -> None:
    layer = Health()
    here, there = (Client(Pipeline(layer, store=url)(hello)) for url in (redis.url, NOWHERE))

    answers = [await client.get("/health") for client in (here, there, here)]

    assert [line(answer)[0] for answer in answers] == ["UP", "DOWN", "UP"]


@pytest.mark.asyncio
async def test_listeners_are_told_of_the_store() -> None:
    told: list[Event] = []
    pipeline = Pipeline(Health(), store=NOWHERE, listeners=[lambda event, _: told.append(event)])

    await Client(pipeline(hello)).get("/health")

    assert [(each.check, each.reason) for each in told if isinstance(each, CheckFailed)] == [
        ("store", "ConnectionError")
    ]


def test_under_trio_a_store_is_degraded_and_says_why() -> None:
    async def run() -> Answer:
        return await probe("redis+cluster://127.0.0.1:1")

    answer = anyio.run(run, backend="trio")

    assert line(answer) == ("DOWN", "the Redis client needs asyncio")
    assert answer.status == 200


def test_a_pipeline_never_shows_the_credentials_of_its_store() -> None:
    pipeline = Pipeline(store=NOWHERE)
    wrapped = pipeline(hello)

    shown = repr(pipeline) + repr(pipeline.options) + repr(wrapped) + repr(vars(wrapped))

    assert PASSWORD not in shown
    assert "127.0.0.1:1" in shown


def test_a_store_that_cannot_be_is_refused_by_name_and_not_repeated() -> None:
    with pytest.raises(ValidationError, match=r"(?s)\nstore\n.*write a number from 1 to 65535") as caught:
        Pipeline(store=f"redis://u:{PASSWORD}@cache:port")

    assert PASSWORD not in str(caught.value)


def test_what_it_would_ask_is_forecast() -> None:
    context = Context(store=Store.parse(NOWHERE))
    request: Scope = {"type": "http", "method": "GET", "path": "/health", "headers": [], "client": None}
    _, scope = Exchange.begin(request, context)

    assert "asks own, store" in Health(checks=[own]).explain(scope).says
    assert "asks own" in Health(checks=[own], store_check=False).explain(scope).says


@pytest.mark.asyncio
async def test_the_store_of_the_settings_is_asked_and_shown_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "asgi-patterns.toml").write_text(f'store = "{NOWHERE}"\n')
    pipeline = Pipeline.from_settings()

    answer = await Client(pipeline(hello)).get("/health")

    shown = "\n".join(report(pipeline, None))
    assert line(answer) == ("DOWN", None)
    assert "  store" in shown
    assert PASSWORD not in shown + repr(pipeline.settings)


def test_an_error_of_the_settings_says_what_is_right_and_not_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASGI_PATTERNS_STORE", f"redis://u:{PASSWORD}@cache:99999")

    with pytest.raises(SettingsError, match="ASGI_PATTERNS_STORE: has a port that is none; write") as caught:
        Pipeline.from_settings()

    assert PASSWORD not in str(caught.value)
