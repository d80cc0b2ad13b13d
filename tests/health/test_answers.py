"""What probes get: paths, methods, forms, details."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from asgi_patterns import Pipeline
from asgi_patterns.health import Check, Health
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.testing import UNUSUAL_APPS, Client, Clock, hello

pytestmark = pytest.mark.anyio

TOKEN = "s3cret"
BEARER = {"authorization": f"Bearer {TOKEN}"}


async def up() -> None:
    """A check that is up."""


async def down() -> None:
    raise ConnectionError("db.internal:5432 refused")


async def detailed() -> dict[str, int]:
    return {"pool": 3}


OPTIONAL = Check(name="optional", check=down, critical=False)


async def untouchable(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("a probe came through to the app")


PROBES: list[tuple[str, list[Check | Callable[[], Any]], str, int, str]] = [
    ("without checks all is up", [], "/health", 200, "UP"),
    ("so it is ready", [], "/health/ready", 200, "UP"),
    ("and alive", [], "/health/live", 200, "UP"),
    ("and has started", [], "/health/startup", 200, "UP"),
    ("a check that is up", [up], "/health", 200, "UP"),
    ("a critical check that is down", [up, down], "/health", 503, "DOWN"),
    ("it is not ready then", [up, down], "/health/ready", 503, "DOWN"),
    ("but alive", [up, down], "/health/live", 200, "UP"),
    ("and has not started", [up, down], "/health/startup", 503, "DOWN"),
    ("another check that is down", [up, OPTIONAL], "/health", 200, "DEGRADED"),
    ("it is ready all the same", [up, OPTIONAL], "/health/ready", 200, "DEGRADED"),
    ("and start-up does not wait for it", [up, OPTIONAL], "/health/startup", 200, "UP"),
    ("an alias for all of it", [down], "/healthz", 503, "DOWN"),
    ("an alias for alive", [down], "/livez", 200, "UP"),
    ("an alias for ready", [down], "/readyz", 503, "DOWN"),
    ("a slash at the end", [down], "/health/ready/", 503, "DOWN"),
    ("a query", [down], "/health?verbose=1", 503, "DOWN"),
]


@pytest.mark.parametrize(
    ("checks", "path", "status", "word"), [row[1:] for row in PROBES], ids=[row[0] for row in PROBES]
)
async def test_what_a_probe_is_told(
    checks: list[Check | Callable[[], Any]], path: str, status: int, word: str
) -> None:
    answer = await Client(Health(checks=checks)(untouchable)).get(path)

    assert answer.status == status
    assert answer.json()["status"] == word


async def test_the_plain_answer() -> None:
    clock = Clock()
    app = Health(checks=[up, OPTIONAL], version="1.2.3", clock=clock)(hello)
    clock.advance(61.5)
    before = datetime.now(UTC)

    answer = await Client(app).get("/health")

    told = answer.json()
    at = datetime.fromisoformat(told.pop("timestamp"))
    assert abs((at - before).total_seconds()) < 60
    assert told == {
        "status": "DEGRADED",
        "version": "1.2.3",
        "uptime": 61.5,
        "checks": {
            "up": {"status": "UP", "responseTime": "0ms"},
            "optional": {"status": "DOWN", "responseTime": "0ms"},
        },
    }
    assert answer.headers == [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer.body)).encode()),
        (b"cache-control", b"no-store"),
        (b"vary", b"Accept"),
    ]


async def test_response_time_is_what_the_clock_says() -> None:
    clock = Clock()

    async def slow() -> None:
        clock.advance(0.0123)

    answer = await Client(Health(checks=[slow], clock=clock)(hello)).get("/health")

    assert answer.json()["checks"]["slow"]["responseTime"] == "12ms"


FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CHROMIUM = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)

ACCEPTED = [
    ("no preference", None, "application/json"),
    ("anything", "*/*", "application/json"),
    ("JSON", "application/json", "application/json"),
    ("the draft's form", "application/health+json", "application/health+json"),
    ("the draft's form rather", "application/json;q=0.5, application/health+json", "application/health+json"),
    ("JSON rather", "application/json, application/health+json;q=0.9", "application/json"),
    ("anything but JSON", "application/json;q=0, */*", "application/health+json"),
    ("the draft's form never", "application/health+json;q=0, */*", "application/json"),
    ("nothing that we have", "image/png", "application/json"),
    ("a page", "text/html", "text/html; charset=utf-8"),
    ("what Firefox sends", FIREFOX, "text/html; charset=utf-8"),
    ("what Chromium sends", CHROMIUM, "text/html; charset=utf-8"),
    ("any text", "text/*", "text/html; charset=utf-8"),
    ("a page rather", "application/json;q=0.9, text/html", "text/html; charset=utf-8"),
    ("JSON rather than a page", "text/html;q=0.9, application/json", "application/json"),
    ("a page and JSON alike", "text/html, application/json", "application/json"),
    ("a page as well as anything", "text/html, */*", "application/json"),
    ("a page never", "text/html;q=0, text/*", "application/json"),
    ("nothing but a page", "application/*;q=0, */*", "text/html; charset=utf-8"),
    ("what nobody can read", ";;;", "application/json"),
]


@pytest.mark.parametrize(
    ("accept", "media_type"), [row[1:] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED]
)
async def test_which_form_is_sent(accept: str | None, media_type: str) -> None:
    headers = {} if accept is None else {"accept": accept}

    answer = await Client(Health()(hello)).get("/health", headers=headers)

    assert answer.header("content-type") == media_type
    if "html" in media_type:
        assert answer.text.startswith("<!doctype html>")
    else:
        assert answer.json()["status"] == ("pass" if "health" in media_type else "UP")


@pytest.mark.parametrize(
    ("checks", "path", "status", "word"), [row[1:] for row in PROBES], ids=[row[0] for row in PROBES]
)
async def test_the_page_says_the_same(
    checks: list[Check | Callable[[], Any]], path: str, status: int, word: str
) -> None:
    answer = await Client(Health(checks=checks)(untouchable)).get(path, headers={"accept": FIREFOX})

    assert answer.status == status
    assert f'<h1>Health <b class="{word}">{word}</b></h1>' in answer.text


async def test_the_fields_of_the_page() -> None:
    answer = await Client(Health()(hello)).get("/health", headers={"accept": "text/html"})

    assert answer.headers == [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(answer.body)).encode()),
        (b"cache-control", b"no-store"),
        (b"vary", b"Accept"),
        (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
        (b"x-content-type-options", b"nosniff"),
    ]


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/health/startup"])
async def test_head_is_get_without_body(path: str, accept: str) -> None:
    client = Client(Health(checks=[up], clock=Clock())(hello), headers={"accept": accept})
    await client.get(path)  # the first answer about start-up says more than the later ones
    whole = await client.get(path)

    answer = await client.request("HEAD", path)

    assert (answer.status, answer.headers) == (whole.status, whole.headers)
    assert [message.get("body") for message in answer.messages[1:]] == [b""]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_are_refused(method: str) -> None:
    answer = await Client(Health()(untouchable)).request(method, "/health/live")

    assert answer.status == 405
    assert answer.header("allow") == "GET, HEAD"
    assert answer.header("content-type") == "application/problem+json"


ROOTS = [
    ("a path below the root", "/api", "/api/health", True),
    ("a path that ignores the root", "/api", "/health", True),
    ("below the root with a slash", "/api", "/api/health/ready/", True),
    ("an alias below the root", "/api", "/api/livez", True),
    ("another root", "/api", "/v2/health", False),
    ("a longer word", "/api", "/apiary/health", False),
    ("no root", "", "/api/health", False),
]


@pytest.mark.parametrize(
    ("root", "path", "answered"), [row[1:] for row in ROOTS], ids=[row[0] for row in ROOTS]
)
async def test_the_root_path_counts_and_does_not(root: str, path: str, answered: bool) -> None:
    answer = await Client(Health()(hello)).get("/", scope={"path": path, "root_path": root})

    assert (answer.text != "hello") is answered


async def test_the_answer_needs_only_what_every_server_sends() -> None:
    answer = await Client(Health(checks=[up])(hello), minimal=True).get("/health")

    assert answer.status == 200


async def test_another_request_reaches_the_app_as_it_came() -> None:
    seen: list[tuple[object, object, object]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, receive, send))

    wired = Health()(app)
    calls: list[tuple[Scope, Receive, Send]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    for scope in (
        {"type": "http", "path": "/orders", "root_path": "/api", "method": "GET", "headers": []},
        {"type": "websocket", "path": "/health", "headers": []},
        {"type": "strange"},
    ):
        calls.append((scope, receive, send))
        kept = dict(scope)
        await wired(scope, receive, send)
        assert scope == kept

    assert all(got is gave for each in zip(seen, calls, strict=True) for got, gave in zip(*each, strict=True))


@pytest.mark.parametrize("name", UNUSUAL_APPS)
async def test_an_unusual_app_is_left_as_it_is(name: str) -> None:
    app = UNUSUAL_APPS[name]

    bare = await Client(app).get("/orders")
    behind = await Client(Health()(app)).get("/orders")

    assert (behind.status, behind.headers, behind.body) == (bare.status, bare.headers, bare.body)
    assert [each["type"] for each in behind.messages] == [each["type"] for each in bare.messages]


DETAILS: list[tuple[str, dict[str, Any], dict[str, str], str, bool]] = [
    ("nobody without a token", {}, {}, "127.0.0.1", False),
    ("nobody with a guess", {}, BEARER, "127.0.0.1", False),
    ("whoever has the token", {"details_token": TOKEN}, BEARER, "192.0.2.1", True),
    ("a token from a file that ends in a line", {"details_token": f"{TOKEN}\n"}, BEARER, "192.0.2.1", True),
    ("nobody with another", {"details_token": TOKEN}, {"authorization": "Bearer x"}, "127.0.0.1", False),
    ("nobody without it, not even here", {"details_token": TOKEN}, {}, "127.0.0.1", False),
    (
        "the token within its network",
        {"details_token": TOKEN, "details_networks": ["10.0.0.0/8"]},
        BEARER,
        "10.1.2.3",
        True,
    ),
    (
        "not from elsewhere",
        {"details_token": TOKEN, "details_networks": ["10.0.0.0/8"]},
        BEARER,
        "127.0.0.1",
        False,
    ),
    (
        "the network without the token",
        {"details_token": TOKEN, "details_networks": ["10.0.0.0/8"]},
        {},
        "10.1.2.3",
        False,
    ),
]


@pytest.mark.parametrize("accept", ["application/json", "application/health+json", "text/html"])
@pytest.mark.parametrize(
    ("fields", "headers", "peer", "shown"), [row[1:] for row in DETAILS], ids=[row[0] for row in DETAILS]
)
async def test_who_sees_details(
    fields: dict[str, Any], headers: dict[str, str], peer: str, shown: bool, accept: str
) -> None:
    app = Health(checks=[detailed, down], **fields)(hello)

    answer = await Client(app, client=(peer, 50000)).get("/health", headers={**headers, "accept": accept})

    assert ("pool" in answer.text) is shown
    assert ("db.internal" in answer.text) is shown


async def test_a_network_is_asked_for_the_client_behind_trusted_proxies() -> None:
    layer = Health(checks=[detailed], details_token=TOKEN, details_networks=["10.0.0.0/8"])
    app = Pipeline(layer, trusted_proxies=["192.0.2.1"])(hello)
    client = Client(app, client=("192.0.2.1", 50000), headers=BEARER)

    inside = await client.get("/health", headers={"x-forwarded-for": "10.1.2.3"})
    outside = await client.get("/health", headers={"x-forwarded-for": "198.51.100.1"})

    assert "pool" in inside.text
    assert "pool" not in outside.text


async def test_two_probes_at_a_time_never_mix() -> None:
    app = Health(checks=[detailed], details_token=TOKEN)(hello)
    client = Client(app)
    wanted = {"accept": "application/health+json", **BEARER}

    async with client.stream("GET", "/health", headers=wanted) as one, client.stream("HEAD", "/livez") as two:
        await one.head()
        await two.head()
        told = await one.read()
        nothing = await two.read()

    assert "pool" in told.decode()
    assert json.loads(told)["status"] == "pass"
    assert one.answer.header("content-type") == "application/health+json"
    assert nothing == b""
    assert two.answer.header("content-type") == "application/json"


async def test_a_disabled_layer_answers_nothing() -> None:
    answer = await Client(Health(enabled=False)(hello)).get("/health")

    assert answer.text == "hello"


async def test_what_is_excluded_reaches_the_app() -> None:
    client = Client(Health(exclude=["/readyz"])(hello))

    assert (await client.get("/readyz")).text == "hello"
    assert (await client.get("/livez")).text != "hello"
