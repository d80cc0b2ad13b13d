"""A layer belongs to no event loop: several may use it, one after the other or at once."""

import threading

import anyio

from asgi_patterns.health import Check, Health
from asgi_patterns.testing import Client, hello
from tests.health.gates import SOON, Door


def test_a_layer_outlives_its_event_loop() -> None:
    layer = Health(checks=[Check(name="check", check=lambda: True, cache=0)])
    client = Client(layer(hello))

    async def probe() -> int:
        return (await client.get("/health")).status

    statuses = [anyio.run(probe, backend=backend) for backend in ("asyncio", "trio", "asyncio")]

    assert statuses == [200] * 3


def test_a_flight_of_a_loop_that_has_ended_holds_nobody_up() -> None:
    runs = []

    async def stuck_once() -> None:
        runs.append(1)
        if len(runs) == 1:
            await anyio.sleep_forever()

    client = Client(Health(checks=[stuck_once])(hello))

    async def probe() -> int:
        return (await client.get("/health")).status

    async def leave() -> None:
        with anyio.move_on_after(SOON):
            await probe()

    anyio.run(leave)

    assert anyio.run(probe) == 200


def test_an_event_loop_does_not_wait_for_the_flight_of_another() -> None:
    runs = []

    async def stuck_once() -> None:
        runs.append(1)
        if len(runs) == 1:
            await anyio.sleep_forever()

    client = Client(Health(checks=[stuck_once])(hello))
    statuses: list[int] = []

    async def probe() -> None:
        statuses.append((await client.get("/health")).status)

    async def probe_here_and_there() -> None:
        other = threading.Thread(target=anyio.run, args=(probe,))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(probe)
            await anyio.wait_all_tasks_blocked()
            other.start()
            other.join()
            tasks.cancel_scope.cancel()

    anyio.run(probe_here_and_there)

    assert statuses == [200]


def test_two_event_loops_at_once_wait_for_one_thread() -> None:
    door = Door()
    client = Client(Health(checks=[Check(name="check", check=door)])(hello))
    statuses: list[int] = []

    async def probe() -> None:
        statuses.append((await client.get("/health")).status)

    async def probe_and_open() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(probe)
            await anyio.wait_all_tasks_blocked()
            door.open.set()

    async def probe_and_start_another() -> None:
        other = threading.Thread(target=anyio.run, args=(probe_and_open,))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(probe)
            await anyio.wait_all_tasks_blocked()
            other.start()
        other.join()

    anyio.run(probe_and_start_another)

    assert door.runs == 1
    assert statuses == [200, 200]
