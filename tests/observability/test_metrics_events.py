"""What all layers report, counted; and what they know of their state, shown."""

import gzip
import logging
from collections.abc import Iterable
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import anyio
import pytest

import asgi_patterns
from asgi_patterns import (
    BodyLimit,
    Compression,
    ConditionalRequests,
    Deadline,
    Decompression,
    Health,
    LoadShedding,
    Problems,
)
from asgi_patterns.health import Check
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.gauges import Gauge
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.observability.metrics_events import COUNTS, counts_of, label_of
from asgi_patterns.protection import Pool
from asgi_patterns.testing import Crash, chunk, echo, head, hello, scripted
from tests.observability.measured import Measured

pytestmark = pytest.mark.anyio

PACKAGE = Path(asgi_patterns.__file__).parent
# What is declared in each module of the package, so that an event is found wherever it is.
for _path in sorted(PACKAGE.rglob("*events.py")):
    import_module(".".join(("asgi_patterns", *_path.relative_to(PACKAGE).with_suffix("").parts)))


def declared() -> list[type[Event]]:
    # A dataclass with slots is made twice, and the first one stays around until it is collected.
    kinds = {(kind.__module__, kind.__name__): kind for kind in Event.__subclasses__()}
    return [kind for (module, _), kind in kinds.items() if module.startswith("asgi_patterns.")]


def test_every_event_is_counted() -> None:
    found = {(kind.__module__.split(".")[1], kind.__name__) for kind in declared()}

    assert found == set(COUNTS)


@pytest.mark.parametrize("kind", declared(), ids=lambda kind: kind.__name__)
def test_what_is_counted_of_an_event_is_in_it(kind: type[Event]) -> None:
    names = {field.name for field in fields(kind)}

    for count in counts_of(kind):
        assert set(count.instrument.labels) <= names
        assert count.amount is None or count.amount in names


class Foreign(Event):
    """An event of somebody else."""


async def test_an_event_of_somebody_else_is_not_counted() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        Exchange.of(scope)[0].emit(Foreign())
        await hello(scope, receive, send)

    measured = Measured(app)

    assert (await measured.client.get("/")).status == 200
    assert counts_of(Foreign) == ()


@pytest.mark.parametrize(
    ("value", "label"),
    [(None, "none"), (True, "true"), (False, "false"), (1009, "1009"), (Crash("x"), "Crash"), ("a", "a")],
)
def test_an_attribute_is_a_label(value: object, label: str) -> None:
    assert label_of(value) == label


LONG = b"word " * 1000
TAGGED = scripted(head(200, (b"content-length", b"5000"), (b"etag", b'"a"')), chunk(LONG, more=False))
TEXT = scripted(
    head(200, (b"content-type", b"text/plain"), (b"content-length", b"5000")), chunk(LONG, more=False)
)


async def crash(scope: Scope, receive: Receive, send: Send) -> None:
    raise Crash


async def forever(scope: Scope, receive: Receive, send: Send) -> None:
    await anyio.sleep_forever()


COUNTED: dict[str, tuple[ASGIApp, list[Layer], dict[str, Any], dict[str, dict[tuple[str, ...], float]]]] = {
    "a 304 and what it saved": (
        TAGGED,
        [ConditionalRequests()],
        {"headers": {"if-none-match": '"a"'}},
        {"caching_not_modified": {(): 2}, "caching_saved_bytes": {(): 10_000}},
    ),
    "an answer that was compressed": (
        TEXT,
        [Compression()],
        {"headers": {"accept-encoding": "gzip"}},
        {"compression_compressed": {("gzip",): 2}, "compression_plain_bytes": {("gzip",): 10_000}},
    ),
    "a request that was decoded": (
        echo,
        [Decompression()],
        {
            "method": "POST",
            "content": gzip.compress(LONG),
            "headers": {"content-encoding": "gzip", "content-type": "text/plain"},
        },
        {
            "compression_request_decoded": {("gzip",): 2},
            "compression_request_plain_bytes": {("gzip",): 10_000},
        },
    ),
    "too much content": (
        echo,
        [BodyLimit(limit=4)],
        {"method": "POST", "content": b"12345"},
        {"protection_content_refused": {("true",): 2}},
    ),
    "too late": (
        forever,
        [Deadline(start="10ms")],
        {},
        {"protection_timed_out": {("true", "start"): 2}},
    ),
    "a crash": (
        crash,
        [Problems()],
        {},
        {"errors_crashed": {("true", "Crash"): 2}},
    ),
}


@pytest.mark.parametrize(("app", "layers", "request_", "expected"), COUNTED.values(), ids=COUNTED)
async def test_it_is_counted(
    app: ASGIApp,
    layers: list[Layer],
    request_: dict[str, Any],
    expected: dict[str, dict[tuple[str, ...], float]],
) -> None:
    measured = Measured(app, *layers)
    options = {**request_}
    method = options.pop("method", "GET")

    for _ in range(2):
        await measured.client.request(method, "/", raise_app_exceptions=False, **options)

    found = await measured.samples()
    counted = {name: found.get(f"asgi_patterns_{name}_total") for name in expected}
    assert counted == expected


async def test_what_was_shed_is_counted_by_reason_and_the_load_is_shown() -> None:
    turn = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await turn.wait()
        await hello(scope, receive, send)

    pools = [Pool(name="reports", match="/reports/**", limit=7)]
    measured = Measured(app, LoadShedding(limit=1, queue=0, pools=pools))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(measured.client.get, "/")
        await anyio.wait_all_tasks_blocked()
        await measured.client.get("/")
        during = await measured.samples()
        turn.set()

    after = await measured.samples()
    assert sum(during["asgi_patterns_protection_shed_total"].values()) == 1
    assert during["asgi_patterns_protection_in_hand"] == {("main",): 1, ("reports",): 0}
    assert after["asgi_patterns_protection_in_hand"] == {("main",): 0, ("reports",): 0}
    assert during["asgi_patterns_protection_limit"] == {("main",): 1, ("reports",): 7}
    assert during["asgi_patterns_protection_loop_lag_seconds"].keys() == {()}


async def test_the_health_of_each_check_is_shown_once_it_has_run() -> None:
    async def database() -> bool:
        return False

    async def cache() -> bool:
        return True

    checks = [Check(name="database", check=database), Check(name="cache", check=cache)]
    measured = Measured(hello, Health(checks=checks))

    before = await measured.samples()
    await measured.client.get("/health/ready")
    after = await measured.samples()

    assert "asgi_patterns_health_check_up" not in before
    assert after["asgi_patterns_health_check_up"] == {("database",): 0, ("cache",): 1}
    assert after["asgi_patterns_health_check_failed_total"] == {("database",): 1}


@settings
class Odd(Layer):
    """Fails to say how it is."""

    place: ClassVar[Place] = Place.BATCH

    def wire(self, app: ASGIApp) -> ASGIApp:
        return app

    def gauges(self) -> Iterable[Gauge]:
        raise Crash


async def test_a_layer_that_fails_to_say_how_it_is_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    measured = Measured(hello, Odd(), LoadShedding(limit=3))

    with caplog.at_level(logging.ERROR):
        found = await measured.samples()

    assert found["asgi_patterns_protection_limit"] == {("main",): 3}
    assert "failed" in caplog.text


async def test_gauges_move_with_requests_where_nobody_reads() -> None:
    measured = Measured(hello, LoadShedding(limit=3))

    await measured.client.get("/")

    assert measured.registry.get_sample_value("asgi_patterns_protection_limit", {"pool": "main"}) == 3
