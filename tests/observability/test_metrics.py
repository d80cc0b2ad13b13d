"""What ``Metrics`` counts of requests, whatever the app and the client do."""

import gc
import logging
import threading
import weakref
from contextlib import suppress
from typing import Any

import anyio
import pytest
from fastapi import APIRouter, FastAPI
from prometheus_client import REGISTRY, CollectorRegistry, Gauge
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from asgi_patterns import Metrics, Pipeline, Problems, RateLimit
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.testing import (
    BROKEN_APPS,
    RAISING_APPS,
    UNUSUAL_APPS,
    UNUSUAL_SOCKETS,
    Client,
    Crash,
    chunk,
    echo,
    head,
    hello,
    scripted,
)
from tests.observability.measured import ACTIVE, BEARER, DURATION, Measured, samples

pytestmark = pytest.mark.anyio

SENT = "http_server_response_body_size_bytes"
RECEIVED = "http_server_request_body_size_bytes"
FIRST = "asgi_patterns_http_first_byte_seconds"
STREAM = "asgi_patterns_stream_duration_seconds"
SOCKET = "asgi_patterns_websocket_duration_seconds"


async def crash(scope: Scope, receive: Receive, send: Send) -> None:
    raise Crash


async def crash_after_head(scope: Scope, receive: Receive, send: Send) -> None:
    await send(head())
    raise Crash


FAILING: dict[str, ASGIApp] = {**BROKEN_APPS, **RAISING_APPS}
ANSWERS: list[tuple[str, str, ASGIApp, tuple[str, ...]]] = [
    # what happens                 method    app    method, outcome, route, status
    ("an answer", "GET", hello, ("GET", "ok", "none", "200")),
    ("a HEAD", "HEAD", hello, ("HEAD", "ok", "none", "200")),
    ("a method nobody knows", "BREW", hello, ("_OTHER", "ok", "none", "200")),
    ("a 404", "GET", scripted(head(404), chunk(b"no", more=False)), ("GET", "client_error", "none", "404")),
    ("a 500", "GET", scripted(head(500), chunk(b"oh", more=False)), ("GET", "server_error", "none", "500")),
    ("a crash before the head", "GET", crash, ("GET", "server_error", "none", "500")),
    ("a crash after the head", "GET", crash_after_head, ("GET", "server_error", "none", "200")),
    ("no answer", "GET", scripted(), ("GET", "incomplete", "none", "none")),
]


@pytest.mark.parametrize(
    ("method", "app", "labels"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
async def test_it_is_counted_once_with_its_outcome(
    method: str, app: ASGIApp, labels: tuple[str, ...]
) -> None:
    measured = Measured(app, lint=False)

    with suppress(Crash, TimeoutError):
        await measured.client.request(method, "/a/1", raise_app_exceptions=False)

    assert await measured.counted() == {labels: 1}
    assert (await measured.samples())[ACTIVE] == {(labels[0],): 0}


@pytest.mark.parametrize("app", UNUSUAL_APPS.values(), ids=UNUSUAL_APPS)
async def test_an_unusual_answer_passes_unchanged_and_is_counted_once(app: ASGIApp) -> None:
    bare = await Client(app).get("/")
    measured = Measured(app)

    answer = await measured.client.get("/")

    found = await measured.samples()
    counts = {**found.get(f"{DURATION}_count", {}), **found.get(f"{STREAM}_count", {})}
    assert [each["type"] for each in answer.messages] == [each["type"] for each in bare.messages]
    assert (answer.status, answer.text) == (bare.status, bare.text)
    assert list(counts.values()) == [1]
    assert found[ACTIVE] == {("GET",): 0}


@pytest.mark.parametrize("app", FAILING.values(), ids=FAILING)
async def test_nothing_stays_open_behind_a_broken_app(app: ASGIApp) -> None:
    measured = Measured(app, lint=False)

    with suppress(Exception):
        await measured.client.get("/", raise_app_exceptions=False)

    assert (await measured.samples())[ACTIVE] == {("GET",): 0}


async def test_a_stream_is_not_in_the_durations_of_other_answers() -> None:
    measured = Measured(scripted(head(), chunk(b"ab"), chunk(b"cd", more=False)))

    await measured.client.get("/")

    found = await measured.samples()
    labels = ("GET", "ok", "none", "200")
    assert f"{DURATION}_count" not in found
    assert f"{SENT}_count" not in found
    assert found[f"{STREAM}_count"] == {labels: 1}
    assert found["asgi_patterns_stream_sent_bytes_total"] == {labels: 4}
    assert found[f"{FIRST}_count"] == {labels: 1}


async def test_a_client_that_leaves_a_stream_is_an_outcome() -> None:
    measured = Measured(scripted(head(), *[chunk(b"ab")] * 9, chunk(b"", more=False)))

    with suppress(OSError):
        await measured.client.get("/", leave_after=2, raise_app_exceptions=False)

    found = await measured.samples()
    assert found[f"{STREAM}_count"] == {("GET", "client_disconnect", "none", "200"): 1}
    assert found[ACTIVE] == {("GET",): 0}


async def test_sizes_are_those_of_the_content() -> None:
    measured = Measured(echo)

    await measured.client.post("/", content=b"x" * 300)
    await measured.client.get("/")

    found = await measured.samples()
    assert found[f"{RECEIVED}_sum"] == {("POST", "ok", "none", "200"): 300}
    assert found[f"{SENT}_sum"] == {("POST", "ok", "none", "200"): 300}


async def test_a_websocket_is_no_http_request() -> None:
    measured = Measured(echo)

    async with measured.client.websocket("/") as socket:
        await socket.send_text("four")
        await socket.receive_text()
        during = await measured.samples()

    after = await measured.samples()
    labels = ("ok", "none", "101")
    assert during["asgi_patterns_websocket_active"] == {(): 1}
    assert after["asgi_patterns_websocket_active"] == {(): 0}
    assert after[f"{SOCKET}_count"] == {labels: 1}
    assert after["asgi_patterns_websocket_received_bytes_total"] == {labels: 4}
    assert after["asgi_patterns_websocket_sent_bytes_total"] == {labels: 4}
    assert f"{DURATION}_count" not in after


@pytest.mark.parametrize("app", UNUSUAL_SOCKETS.values(), ids=UNUSUAL_SOCKETS)
async def test_no_websocket_stays_open(app: ASGIApp) -> None:
    measured = Measured(app)

    with suppress(Exception):
        async with measured.client.websocket("/"):
            pass

    found = await measured.samples()
    assert found["asgi_patterns_websocket_active"] == {(): 0}
    assert list(found[f"{SOCKET}_count"].values()) == [1]


async def test_a_refused_request_is_counted_as_any_other() -> None:
    measured = Measured(hello, RateLimit(quotas=["1/minute"]), Problems())

    for _ in range(3):
        await measured.client.get("/")

    statuses = {labels[3]: count for labels, count in (await measured.counted()).items()}
    assert statuses == {"200": 1, "429": 2}
    found = await measured.samples()
    assert sum(found["asgi_patterns_ratelimit_limited_total"].values()) == 2


async def test_two_requests_at_once_are_told_apart() -> None:
    turn = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        status = 201 if scope["path"] == "/slow" else 404
        await send(head(status))
        if status == 201:
            await turn.wait()
        await send(chunk(b"x", more=False))
        turn.set()

    measured = Measured(app)
    async with measured.client.stream("GET", "/slow") as stream:
        await stream.head()
        during = await measured.samples()
        await measured.client.get("/quick")
        await stream.read()

    assert during[ACTIVE] == {("GET",): 1}
    assert await measured.counted() == {
        ("GET", "ok", "none", "201"): 1,
        ("GET", "client_error", "none", "404"): 1,
    }


async def order(request: Request) -> PlainTextResponse:
    return PlainTextResponse("one")


ROUTED = Starlette(routes=[Mount("/shops/{shop}", routes=[Route("/orders/{order_id:int}", order)])])


async def test_a_route_is_its_template_and_an_unknown_path_is_one_label() -> None:
    measured = Measured(ROUTED)

    for number in range(5):
        await measured.client.get(f"/shops/a{number}/orders/{number}")
        await measured.client.get(f"/unknown/{number}")

    assert await measured.counted() == {
        ("GET", "ok", "/shops/{shop}/orders/{order_id}", "200"): 5,
        ("GET", "client_error", "none", "404"): 5,
    }


async def test_the_prefixes_of_routers_and_servers_belong_to_the_template() -> None:
    inner, outer, app = APIRouter(prefix="/orders"), APIRouter(prefix="/v1"), FastAPI()

    @inner.get("/{order_id}")
    async def get(order_id: int) -> int:
        return order_id

    outer.include_router(inner)
    app.include_router(outer)
    measured = Measured(app)
    client = Client(measured.layer(app), root_path="/api")

    await client.get("/v1/orders/7")

    assert await measured.counted() == {("GET", "ok", "/api/v1/orders/{order_id}", "200"): 1}


async def test_an_answer_counts_when_it_is_sent_and_not_when_its_background_task_has_ended() -> None:
    turn = anyio.Event()

    async def endpoint(request: Request) -> PlainTextResponse:
        return PlainTextResponse("x", background=BackgroundTask(turn.wait))

    measured = Measured(Starlette(routes=[Route("/", endpoint)]))
    async with measured.client.stream("GET", "/") as stream:
        await stream.read()
        during = await measured.samples()
        turn.set()

    labels = ("GET", "ok", "/", "200")
    assert during[f"{DURATION}_count"] == {labels: 1}
    assert during[ACTIVE] == {("GET",): 0}
    assert await measured.counted() == {labels: 1}


async def test_a_request_of_our_own_is_not_counted() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        _, inner = Exchange.of(scope)[0].child(scope)
        await measured.layer(hello)(inner, receive, send)

    measured = Measured(app)

    await measured.client.get("/")

    assert await measured.counted() == {("GET", "ok", "none", "200"): 1}
    assert (await measured.samples())[ACTIVE] == {("GET",): 0}


def test_threads_lose_no_count() -> None:
    measured = Measured(hello)

    def ask() -> None:
        for _ in range(50):
            anyio.run(measured.client.get, "/")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert anyio.run(measured.counted) == {("GET", "ok", "none", "200"): 200}


async def test_too_many_values_become_one_and_that_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["asgi_patterns"].scope["asgi_patterns_route"] = scope["path"]
        await hello(scope, receive, send)

    measured = Measured(app, max_values=3)
    with caplog.at_level(logging.WARNING):
        for number in range(9):
            await measured.client.get(f"/{number}")

    routes = {labels[2]: count for labels, count in (await measured.counted()).items()}
    assert routes == {"/0": 1, "/1": 1, "/2": 1, "_OTHER": 6}
    assert [record.getMessage() for record in caplog.records if "max_values" in record.getMessage()] == [
        "the label route has as many values as max_values allows: further ones are _OTHER"
    ]


async def test_20000_paths_agents_and_methods_do_not_grow_anything() -> None:
    measured = Measured(ROUTED)
    recorder = measured.layer._recorder

    async def ask(number: int) -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": f"M{number}",
            "scheme": "http",
            "path": f"/{number}",
            "raw_path": b"/",
            "query_string": b"",
            "root_path": "",
            "headers": [(b"user-agent", b"agent/%d" % number)],
            "client": ("127.0.0.1", 1),
            "server": None,
        }
        await app(scope, receive, send)

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        pass

    app = measured.layer(ROUTED)
    for number in range(20_000):
        await ask(number)

    assert (await measured.counted()) == {("_OTHER", "client_error", "none", "404"): 20_000}
    assert (len(recorder._series), len(recorder._active), len(recorder._adders)) == (1, 1, 0)


async def test_two_pipelines_on_one_registry_count_together() -> None:
    registry = CollectorRegistry()
    one, other = Measured(hello, registry=registry), Measured(hello, registry=registry)

    await one.client.get("/")
    await other.client.get("/")

    assert await one.counted() == {("GET", "ok", "none", "200"): 2}


def test_two_pipelines_with_other_buckets_need_registries_of_their_own() -> None:
    registry = CollectorRegistry()
    Measured(hello, registry=registry)

    with pytest.raises(ValueError, match="in this registry already, with other buckets or labels"):
        Measured(hello, registry=registry, buckets=[1, 2])


def test_a_name_that_somebody_else_has_taken_is_refused_at_start_up() -> None:
    registry = CollectorRegistry()
    Gauge(ACTIVE, "mine", registry=registry)

    with pytest.raises(ValueError, match=f"something else has registered {ACTIVE}"):
        Measured(hello, registry=registry)


def test_the_registry_is_that_of_prometheus_client_where_none_is_given() -> None:
    assert Metrics()._prometheus.registry is REGISTRY


async def test_a_layer_that_stands_alone_hears_of_those_further_in() -> None:
    registry = CollectorRegistry()
    limited = RateLimit(quotas=["1/minute"])(hello)
    client = Client(Metrics(registry=registry, token="let-me-read")(limited))

    await client.get("/")
    await client.get("/")

    found = samples((await client.get("/metrics", headers=BEARER)).text)
    assert sum(found["asgi_patterns_ratelimit_limited_total"].values()) == 1


async def test_what_is_left_out_is_not_measured() -> None:
    measured = Measured(hello, exclude=["/quiet"])

    await measured.client.get("/quiet")

    assert await measured.counted() == {}


async def test_a_pipeline_that_nobody_uses_is_freed_though_its_registry_stays() -> None:
    registry = CollectorRegistry()

    def made() -> weakref.ref[Any]:
        pipeline = Pipeline(Metrics(registry=registry), Problems())
        return weakref.ref(pipeline(hello))

    seen = made()
    gc.collect()

    assert seen() is None


async def test_a_registry_that_nobody_uses_is_freed() -> None:
    async def made() -> weakref.ref[Any]:
        measured = Measured(hello)
        await measured.client.get("/")
        return weakref.ref(measured.registry)

    seen = await made()
    gc.collect()

    assert seen() is None


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a path without a slash": ({"path": "metrics"}, "is no path for metrics"),
    "a path with a star": ({"path": "/metrics/*"}, "is no path for metrics"),
    "an empty token": ({"token": " "}, "is empty"),
    "no network": ({"networks": ["here"]}, "neither an address"),
    "everybody": ({"networks": ["0.0.0.0/0"]}, "everybody|every client"),
    "no buckets": ({"buckets": []}, "seconds above 0"),
    "buckets in disorder": ({"buckets": [2, 1]}, "seconds above 0"),
    "no registry": ({"registry": 7}, "is no CollectorRegistry"),
    "a registry that there is not": ({"registry": "nowhere:registry"}, "there is no module"),
    "no provider": ({"meter_provider": 7}, "is no MeterProvider"),
    "no values": ({"max_values": 0}, "greater than or equal to 1"),
    "other names": ({"names": "mine"}, "conventions"),
}


@pytest.mark.parametrize(("given", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_setting_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Metrics(**given)
