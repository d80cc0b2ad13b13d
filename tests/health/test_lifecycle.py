"""What a layer remembers: draining, start-up, edges."""

from functools import partial
from pathlib import Path

import pytest

from asgi_patterns import Pipeline
from asgi_patterns.health import Check, CheckFailed, CheckRecovered, DrainStarted, Health
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.testing import Client, Clock, LifespanFailed, hello

pytestmark = pytest.mark.anyio


async def up() -> None:
    """A check that is up."""


DRAINED = [
    ("readiness drops", "/health/ready", 503, "DOWN"),
    ("so does the whole", "/health", 503, "DOWN"),
    ("liveness stays", "/health/live", 200, "UP"),
    ("what has started has started", "/health/startup", 200, "UP"),
]


@pytest.mark.parametrize("way", ["call", "file", "pipeline"])
@pytest.mark.parametrize(
    ("path", "status", "word"), [row[1:] for row in DRAINED], ids=[row[0] for row in DRAINED]
)
async def test_draining(path: str, status: int, word: str, way: str, tmp_path: Path) -> None:
    layer = Health(checks=[up], drain_file=tmp_path / "drain")
    pipeline = Pipeline(layer)
    client = Client(pipeline(hello))
    before = await client.get(path)

    {"call": layer.drain, "pipeline": pipeline.drain, "file": (tmp_path / "drain").touch}[way]()
    answer = await client.get(path)

    assert before.status == 200
    assert (answer.status, answer.json()["status"]) == (status, word)
    assert ("draining" in answer.json()) is (status == 503)
    assert (await client.get("/")).text == "hello"


async def test_draining_in_the_form_of_the_draft() -> None:
    layer = Health()
    layer.drain()

    answer = await Client(layer(hello)).get("/readyz", headers={"accept": "application/health+json"})

    assert answer.status == 503
    assert answer.json()["status"] == "fail"
    assert answer.json()["notes"] == ["draining"]


async def test_draining_ends_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "drain"
    file.touch()
    client = Client(Health(drain_file=file)(hello))

    during = await client.get("/readyz")
    file.unlink()
    after = await client.get("/readyz")

    assert (during.status, after.status) == (503, 200)


async def test_one_layer_has_one_state_on_three_apps() -> None:
    runs: list[None] = []
    layer = Health(checks=[Check(name="db", check=lambda: runs.append(None))], clock=Clock())
    clients = [Client(layer(hello)) for _ in range(3)]

    ready = [await client.get("/readyz") for client in clients]
    layer.drain()
    drained = [await client.get("/readyz") for client in clients]

    assert len(runs) == 1
    assert [answer.status for answer in ready] == [200] * 3
    assert [answer.status for answer in drained] == [503] * 3


async def test_start_up_is_remembered_for_ever() -> None:
    clock = Clock()
    works = [False]
    client = Client(Health(checks=[Check(name="db", check=lambda: works[0])], clock=clock)(hello))

    statuses = []
    for now in (False, True, False):
        works[0] = now
        statuses.append((await client.get("/health/startup")).status)
        clock.advance(60)

    assert statuses == [503, 200, 200]
    assert (await client.get("/readyz")).status == 503


async def test_being_alive_is_no_start_up() -> None:
    client = Client(Health(checks=[Check(name="db", check=lambda: False)])(hello))
    alive = await client.get("/health/live")

    answer = await client.get("/health/startup")

    assert (alive.status, answer.status) == (200, 503)


async def test_checks_may_pass_for_start_up_one_after_the_other() -> None:
    clock = Clock()
    works = {"a": True, "b": False}
    checks = [Check(name=name, check=partial(works.__getitem__, name)) for name in works]
    client = Client(Health(checks=checks, clock=clock)(hello))
    before = await client.get("/health/startup")
    await client.get("/readyz")
    clock.advance(60)
    works.update(a=False, b=True)
    await client.get("/readyz")
    clock.advance(60)

    answer = await client.get("/health/startup")

    assert (before.status, answer.status) == (503, 200)


async def test_a_check_that_has_passed_for_another_probe_counts_for_start_up() -> None:
    clock = Clock()
    works = [True]
    client = Client(Health(checks=[Check(name="db", check=lambda: works[0])], clock=clock)(hello))
    await client.get("/readyz")
    works[0] = False
    clock.advance(60)

    answer = await client.get("/health/startup")

    assert answer.status == 200


async def test_start_up_waits_for_the_app() -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        seen.append(await probe.get("/health/startup"))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    wired = Health(checks=[up])(app)
    probe = Client(wired)

    async with Client(wired):
        seen.append(await probe.get("/health/startup"))

    assert [answer.status for answer in seen] == [503, 200]
    assert seen[0].json()["starting"] is True
    assert seen[0].json()["checks"] == {}


async def test_another_app_that_starts_later_changes_nothing() -> None:
    layer = Health()
    first = Client(layer(hello))
    seen = [await first.get("/health/startup")]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        seen.append(await first.get("/health/startup"))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async with Client(layer(app)):
        pass

    assert [answer.status for answer in seen] == [200, 200]
    assert "starting" not in seen[1].json()


async def test_an_app_that_did_not_start_does_not_hold_up_another() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed"})

    layer = Health()
    with pytest.raises(LifespanFailed):
        async with Client(layer(broken)):
            pass

    async with Client(layer(hello)) as client:
        answer = await client.get("/health/startup")

    assert answer.status == 200


async def test_a_start_that_failed_does_not_count_for_the_next_one() -> None:
    works = [False]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": f"lifespan.startup.{'complete' if works[0] else 'failed'}"})
        if works[0]:
            await receive()
            await send({"type": "lifespan.shutdown.complete"})

    wired = Health()(app)
    with pytest.raises(LifespanFailed):
        async with Client(wired):
            pass

    works[0] = True
    async with Client(wired) as client:
        answer = await client.get("/health/startup")

    assert answer.status == 200


async def test_edges_are_told_once() -> None:
    told: list[Event] = []
    clock = Clock()
    works = [True]
    layer = Health(checks=[Check(name="db", check=lambda: works[0])], clock=clock, backoff=1)
    client = Client(Pipeline(layer, listeners=[lambda event, exchange: told.append(event)])(hello))

    for now in (True, False, False, True, True):
        works[0] = now
        await client.get("/health")
        clock.advance(60)
    layer.drain()
    await client.get("/livez")
    await client.get("/readyz")
    await client.get("/readyz")

    assert told == [
        CheckFailed(check="db", reason=None),
        CheckRecovered(check="db"),
        DrainStarted(by="call"),
    ]


async def test_a_drain_file_is_told_each_time_it_appears(tmp_path: Path) -> None:
    told: list[Event] = []
    file = tmp_path / "drain"
    pipeline = Pipeline(Health(drain_file=file), listeners=[lambda event, exchange: told.append(event)])
    client = Client(pipeline(hello))

    for _ in range(2):
        file.touch()
        await client.get("/readyz")
        file.unlink()
        await client.get("/readyz")

    assert told == [DrainStarted(by="file")] * 2
