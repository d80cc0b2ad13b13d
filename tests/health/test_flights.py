"""Checks run together, once at a time, and are remembered for a while."""

import functools
from typing import Any

import anyio
import pytest

from asgi_patterns.health import Check, Health
from asgi_patterns.testing import ClientLeft, Clock, hello
from tests.health.gates import SOON, Door, Gate, probed, probing

pytestmark = pytest.mark.anyio


async def test_twenty_probes_at_once_run_a_check_once() -> None:
    gate = Gate()
    client = probed(Check(name="check", check=gate))

    async with probing(client, 20) as answers:
        gate.open.set()

    assert gate.runs == 1
    assert [answer.status for answer in answers] == [200] * 20


async def test_twenty_probes_at_once_run_a_sync_check_once() -> None:
    door = Door()
    client = probed(Check(name="check", check=door))

    async with probing(client, 20) as answers:
        door.open.set()

    assert door.runs == 1
    assert [answer.status for answer in answers] == [200] * 20


async def test_without_a_cache_the_probes_of_one_flight_still_share_it() -> None:
    gate = Gate()
    client = probed(Check(name="check", check=gate, cache=0))

    async with probing(client, 5):
        gate.open.set()
    await client.get("/health")

    assert gate.runs == 2


async def test_checks_run_together() -> None:
    met = [anyio.Event(), anyio.Event()]

    async def meet(mine: int) -> None:
        met[mine].set()
        await met[1 - mine].wait()

    client = probed(*(Check(name=f"c{each}", check=functools.partial(meet, each)) for each in (0, 1)))

    answer = await client.get("/health")

    assert answer.json()["status"] == "UP"


async def test_a_reading_counts_for_the_cache_time() -> None:
    clock, gate = Clock(), Gate()
    gate.open.set()
    client = probed(Check(name="check", check=gate, cache=2), clock=clock)

    runs = []
    for seconds in (0, 1.9, 0.1, 1.9, 0.2):
        clock.advance(seconds)
        await client.get("/health")
        runs.append(gate.runs)

    assert runs == [1, 1, 2, 2, 3]


async def test_a_dead_dependency_is_left_alone_for_longer_and_longer() -> None:
    clock = Clock()
    began = clock()
    asked: list[float] = []

    def dead() -> bool:
        asked.append(clock() - began)
        return False

    client = probed(Check(name="check", check=dead, cache=1), clock=clock, backoff=5)

    for _ in range(20):
        await client.get("/health")
        clock.advance(1)

    assert asked == [0, 1, 3, 7, 12, 17]


async def test_another_starts_anew_when_the_starter_is_cancelled() -> None:
    gate = Gate()
    client = probed(Check(name="check", check=gate))
    starter = anyio.CancelScope()

    async def start() -> None:
        with starter:
            await client.get("/health")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(start)
        await anyio.wait_all_tasks_blocked()
        async with probing(client, 3) as answers:
            starter.cancel()
            await anyio.wait_all_tasks_blocked()
            gate.open.set()

    assert (gate.runs, gate.cancelled) == (2, 1)
    assert [answer.status for answer in answers] == [200] * 3


async def test_the_thread_of_a_cancelled_starter_is_waited_for_by_the_others() -> None:
    door = Door()
    client = probed(Check(name="check", check=door))
    starter = anyio.CancelScope()

    async def start() -> None:
        with starter:
            await client.get("/health")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(start)
        await anyio.wait_all_tasks_blocked()
        async with probing(client, 3) as answers:
            starter.cancel()
            await anyio.wait_all_tasks_blocked()
            door.open.set()

    assert door.runs == 1
    assert [answer.status for answer in answers] == [200] * 3


async def test_a_check_that_nobody_waited_for_to_its_end_is_not_remembered() -> None:
    gate = Gate()
    client = probed(Check(name="check", check=gate), clock=Clock())
    with anyio.move_on_after(SOON):
        await client.get("/health")
    gate.open.set()

    answer = await client.get("/health")

    assert answer.status == 200


async def test_a_client_that_leaves_ends_nobody_elses_probe() -> None:
    gate = Gate()
    client = probed(Check(name="check", check=gate))

    async with client.stream("GET", "/health") as left:
        await anyio.wait_all_tasks_blocked()
        left.disconnect()
        async with probing(client, 3) as answers:
            gate.open.set()

    assert gate.runs == 1
    assert not left.answer.started
    assert [answer.status for answer in answers] == [200] * 3


async def test_what_send_raises_reaches_the_server_as_it_is() -> None:
    gate = Gate()
    app = Health(checks=[Check(name="check", check=gate)])(hello)
    gate.open.set()
    scope = {"type": "http", "path": "/health", "method": "GET", "headers": []}

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise ClientLeft("gone")

    with pytest.raises(ClientLeft):
        await app(scope, receive, send)
