"""Checks that hang hold up nobody."""

import threading

import anyio
import pytest

from asgi_patterns.health import Check
from asgi_patterns.testing import Clock
from tests.health.gates import SOON, Door, Gate, details, probed, probing

pytestmark = pytest.mark.anyio


async def test_an_async_check_that_hangs_is_cancelled_at_its_limit() -> None:
    gate = Gate()
    client = probed(Check(name="check", check=gate, limit=SOON))

    answer = await client.get("/health")

    assert answer.status == 503
    assert answer.json()["checks"]["check"]["responseTime"] == "50ms"
    assert details(answer) == "timed out after 0.05 s"
    assert gate.cancelled == 1


async def test_waiters_wait_no_longer_than_the_limit_either() -> None:
    gate = Gate()
    client = probed(Check(name="check", check=gate, limit=SOON))

    async with probing(client, 5) as answers:
        pass

    assert gate.runs == 1
    assert [details(answer) for answer in answers] == ["timed out after 0.05 s"] * 5


async def test_a_check_that_cannot_be_cancelled_does_not_hold_the_answer_up() -> None:
    gate = Gate(shield=True)
    client = probed(Check(name="check", check=gate, limit=SOON))

    async with client.stream("GET", "/health") as first:
        told = await first.read()
        again = await client.get("/health")
        runs = gate.runs
        gate.open.set()

    assert b"timed out" in told
    assert details(again) == "timed out after 0.05 s"
    assert runs == 1


async def test_a_check_that_makes_another_error_of_its_time_out_timed_out() -> None:
    async def wrapping() -> None:
        try:
            await anyio.sleep_forever()
        except BaseException as exc:
            raise RuntimeError("pool is closed") from exc

    client = probed(Check(name="check", check=wrapping, limit=SOON))

    answer = await client.get("/health")

    assert details(answer) == "timed out after 0.05 s"


async def test_a_sync_check_that_hangs_holds_one_thread() -> None:
    clock, door = Clock(), Door()
    client = probed(Check(name="check", check=door, limit=SOON), clock=clock)

    told = []
    for _ in range(3):
        told.append(details(await client.get("/health")))
        clock.advance(60)
    runs = door.runs
    door.open.set()

    assert runs == 1
    assert told == [
        "timed out after 0.05 s",
        "the run before this one has not come back yet",
        "the run before this one has not come back yet",
    ]


async def test_a_sync_check_that_came_back_runs_again() -> None:
    clock, door = Clock(), Door()
    returned = threading.Event()

    def hang_once() -> None:
        door()
        returned.set()

    client = probed(Check(name="check", check=hang_once, limit=1), clock=clock)
    with anyio.move_on_after(SOON):
        await client.get("/health")
    door.open.set()
    assert returned.wait(10)

    answer = await client.get("/health")

    assert answer.status == 200
