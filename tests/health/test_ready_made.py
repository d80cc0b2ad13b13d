"""The ready-made checks, against real servers."""

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from asgi_patterns.health import Check, Health
from asgi_patterns.testing import Answer, Client, hello
from tests.health.canned import Canned, serving
from tests.support.redis_server import RedisServer, redis_server

TOKEN = "s3cret"
PASSWORD = "pa55word"
BEARER = {"authorization": f"Bearer {TOKEN}"}


async def probe(check: Check) -> Answer:
    return await Client(Health(checks=[check], details_token=TOKEN)(hello), headers=BEARER).get("/health")


def found(answer: Answer) -> tuple[str, object]:
    (line,) = answer.json()["checks"].values()
    return line["status"], line.get("details")


async def until_closed(canned: Canned) -> int:
    """How many connections are left; the server learns of their end a moment later."""
    with anyio.move_on_after(5):
        while canned.open:
            await anyio.wait_all_tasks_blocked()
            await anyio.sleep(0.001)
    return canned.open


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

ANSWERS: list[tuple[str, bytes, str, object]] = [
    ("200 is up", OK, "UP", None),
    ("204 is up", b"HTTP/1.1 204 No Content\r\n\r\n", "UP", None),
    ("299 is up", b"HTTP/1.1 299 Odd\r\nContent-Length: 0\r\n\r\n", "UP", None),
    ("500 is down", b"HTTP/1.1 500 No\r\nContent-Length: 7\r\n\r\nsecrets", "DOWN", "answered 500"),
    ("404 is down", b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "DOWN", "answered 404"),
    (
        "a redirect is down",
        b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
        "DOWN",
        "answered 302",
    ),
    ("what is no HTTP is down", b"SSH-2.0-OpenSSH\r\n\r\n", "DOWN", "RemoteProtocolError"),
    (
        "an answer that breaks off is down",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
        "DOWN",
        "RemoteProtocolError",
    ),
]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("sent", "status", "details"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
async def test_what_a_url_answers(sent: bytes, status: str, details: object) -> None:
    async with serving(sent) as canned:
        answer = await probe(Check(url=canned.url("/ping?deep=1")))

        assert found(answer) == (status, details)
        assert len(canned.heads) == 1
        assert canned.heads[0].startswith(b"GET /ping?deep=1 HTTP/1.1\r\n")
        assert await until_closed(canned) == 0


ENDLESS = [
    ("no length", b"HTTP/1.1 200 OK\r\n\r\n"),
    ("a length above the limit", b"HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n"),
    ("a length beyond all numbers", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"),
]


@pytest.mark.anyio
@pytest.mark.parametrize("head", [row[1] for row in ENDLESS], ids=[row[0] for row in ENDLESS])
async def test_an_endless_answer_is_not_read(head: bytes) -> None:
    async with serving(head + b"x" * 1024, endless=True) as canned:
        answer = await probe(Check(url=canned.url(), limit=10))

        assert found(answer) == ("UP", None)
        assert await until_closed(canned) == 0


@pytest.mark.anyio
async def test_a_body_at_the_limit_is_read_to_its_end() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n"

    async with serving(head + b"x" * 65536) as whole, serving(head + b"x" * 65535) as short:
        answers = [await probe(Check(url=each.url(), limit=10)) for each in (whole, short)]

    assert [found(answer)[0] for answer in answers] == ["UP", "DOWN"]


@pytest.mark.anyio
async def test_a_silent_url_is_given_up_at_the_limit() -> None:
    async with serving(b"") as canned:
        answer = await probe(Check(url=canned.url(), limit=0.05))

        assert found(answer)[0] == "DOWN"
        assert answer.json()["checks"]["url"]["responseTime"] != "0ms"
        assert await until_closed(canned) == 0


@pytest.mark.anyio
async def test_nobody_behind_a_url_is_down() -> None:
    async with serving(OK) as canned:
        pass

    answer = await probe(Check(url=canned.url()))

    assert found(answer) == ("DOWN", "ConnectError")


@pytest.mark.anyio
async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async with serving(OK) as canned:
        answer = await probe(Check(url=canned.url()))

    assert found(answer) == ("UP", None)


@pytest.mark.anyio
async def test_nothing_of_a_url_or_its_answer_is_shown() -> None:
    async with serving(b"HTTP/1.1 500 No\r\nX-Inner: hush\r\nContent-Length: 4\r\n\r\nhush") as canned:
        url = canned.url("/?key=hush").replace("//", f"//user:{PASSWORD}@", 1)
        answer = await probe(Check(url=url))

    assert found(answer) == ("DOWN", "answered 500")
    assert not [word for word in ("hush", PASSWORD, "127.0.0.1") if word in answer.text]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis"), password=PASSWORD) as server:
        yield server


@pytest.mark.asyncio
async def test_a_redis_that_answers_is_up(redis: RedisServer) -> None:
    answer = await probe(Check(redis=redis.url))

    assert answer.status == 200
    assert found(answer) == ("UP", None)


@pytest.mark.asyncio
async def test_a_redis_is_a_datastore_in_the_form_of_the_draft(redis: RedisServer) -> None:
    app = Health(checks=[Check(name="cache", redis=redis.url)])(hello)

    answer = await Client(app).get("/health", headers={"accept": "application/health+json"})

    (line,) = answer.json()["checks"]["cache:responseTime"]
    assert (line["status"], line["componentType"]) == ("pass", "datastore")


@pytest.mark.asyncio
async def test_no_connection_is_kept(redis: RedisServer) -> None:
    from redis.asyncio import Redis

    await probe(Check(redis=redis.url))
    await probe(Check(redis=redis.url))

    async with Redis.from_url(redis.url) as observer:
        clients = await observer.client_list()
    assert len(clients) == 1


@pytest.mark.asyncio
async def test_a_wrong_password_is_down_and_not_shown(redis: RedisServer) -> None:
    answer = await probe(Check(redis=redis.url.replace(PASSWORD, "gue55")))

    assert found(answer) == ("DOWN", "AuthenticationError")
    assert not [word for word in ("gue55", "127.0.0.1", str(redis.port)) if word in answer.text]


@pytest.mark.asyncio
async def test_a_redis_that_has_gone_is_down_at_once(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        url = server.url

    answer = await probe(Check(redis=url))

    assert found(answer) == ("DOWN", "ConnectionError")


@pytest.mark.asyncio
async def test_a_silent_redis_is_given_up_at_the_limit() -> None:
    async with serving(b"") as canned:
        answer = await probe(Check(redis=f"redis://127.0.0.1:{canned.port}", limit=0.05))

        assert found(answer)[0] == "DOWN"
        assert await until_closed(canned) == 0


def test_under_trio_a_redis_is_down_and_says_why() -> None:
    async def run() -> Answer:
        return await probe(Check(redis="redis://127.0.0.1:6379"))

    answer = anyio.run(run, backend="trio")

    assert found(answer) == ("DOWN", "the Redis client needs asyncio")
