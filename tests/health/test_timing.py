"""When probes are answered, to the second: on trio, with a clock that jumps to the next thing to happen."""

from collections.abc import Awaitable, Callable

import anyio
import pytest
from trio.testing import MockClock

from asgi_patterns.health import Check, Health
from asgi_patterns.testing import Client, hello

Told = list[tuple[float, int]]
"""Second and status of each answer."""


def play(scene: Callable[[Client, Told], Awaitable[None]], *checks: Check) -> Told:
    """Run ``scene`` in a time of its own that begins with zero, and return what probes were told."""
    told: Told = []

    async def run() -> None:
        await scene(Client(Health(checks=checks, clock=anyio.current_time)(hello), timeout=None), told)

    anyio.run(run, backend="trio", backend_options={"clock": MockClock(autojump_threshold=0)})
    return [(round(second, 3), status) for second, status in told]


async def probe(client: Client, told: Told, at: float = 0, until: float = 1000) -> None:
    """Send a probe ``at`` a second; be cancelled at the second ``until``."""
    await anyio.sleep(at - anyio.current_time())
    with anyio.CancelScope(deadline=until):
        async with client.stream("GET", "/health") as stream:
            await stream.read()
            told.append((anyio.current_time(), stream.answer.status))


def takes(name: str, seconds: float, *, limit: float, shield: bool = False, cache: float = 1) -> Check:
    async def check() -> None:
        with anyio.CancelScope(shield=shield):
            await anyio.sleep(seconds)

    return Check(name=name, check=check, limit=limit, cache=cache)


ALONE: list[tuple[str, list[Check], float, int]] = [
    ("as slow as the slowest check", [takes("a", 1, limit=3), takes("b", 2, limit=3)], 2, 200),
    ("a check that hangs ends at its own limit", [takes("a", 99, limit=2), takes("b", 1, limit=5)], 2, 503),
    ("just within the limit", [takes("a", 1.999, limit=2)], 1.999, 200),
    ("at the limit it is too late", [takes("a", 2, limit=2)], 2, 503),
    ("the slowest limit is the longest wait", [takes("a", 99, limit=2), takes("b", 99, limit=3)], 3, 503),
    ("also for a check that cannot be cancelled", [takes("a", 9, limit=2, shield=True)], 2, 503),
    (
        "that one does not end another early",
        [takes("a", 9, limit=1, shield=True), takes("b", 2, limit=3)],
        3,
        503,
    ),
]


@pytest.mark.parametrize(
    ("checks", "second", "status"), [row[1:] for row in ALONE], ids=[row[0] for row in ALONE]
)
def test_when_a_probe_is_answered(checks: list[Check], second: float, status: int) -> None:
    told = play(probe, *checks)

    assert told == [(second, status)]


def test_a_later_probe_is_answered_with_the_flight_that_it_found() -> None:
    async def scene(client: Client, told: Told) -> None:
        async with anyio.create_task_group() as tasks:
            for second in (0, 1, 1.5):
                tasks.start_soon(probe, client, told, second)

    told = play(scene, takes("a", 99, limit=2))

    assert told == [(2, 503)] * 3


def test_who_takes_over_waits_no_longer_than_the_limit_in_all() -> None:
    async def scene(client: Client, told: Told) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(probe, client, told, 0, 1.5)
            tasks.start_soon(probe, client, told, 1)

    told = play(scene, takes("a", 99, limit=2))

    assert told == [(3, 503)]


def test_that_who_took_over_had_too_little_time_says_nothing_about_the_check() -> None:
    async def scene(client: Client, told: Told) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(probe, client, told, 0, 1.5)
            tasks.start_soon(probe, client, told, 1)
            tasks.start_soon(probe, client, told, 3.1)

    told = play(scene, takes("a", 1.9, limit=2, cache=60))

    assert told == [(3, 503), (5, 200)]


def test_a_waiter_takes_over_from_one_who_took_over() -> None:
    async def scene(client: Client, told: Told) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(probe, client, told, 0, 1)
            tasks.start_soon(probe, client, told, 0.5)
            tasks.start_soon(probe, client, told, 0.9)

    told = play(scene, takes("a", 99, limit=2))

    assert told == [(2.5, 503), (2.9, 503)]


def test_a_failure_counts_from_the_moment_at_which_it_was_found() -> None:
    async def scene(client: Client, told: Told) -> None:
        for second in (0, 2.9, 3.1):
            await probe(client, told, second)

    told = play(scene, takes("a", 99, limit=2))

    assert told == [(2, 503), (2.9, 503), (5.1, 503)]


def test_what_comes_back_too_late_has_failed_all_the_same() -> None:
    async def scene(client: Client, told: Told) -> None:
        for second in (0, 9.5):
            await probe(client, told, second)

    told = play(scene, takes("a", 9, limit=2, shield=True, cache=60))

    assert told == [(2, 503), (9.5, 503)]
