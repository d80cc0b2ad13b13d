"""Who has nothing in hand wakes up for nothing: no timer is set, nobody looks whether there is something to do.

Time is not waited for: a loop that has nothing to do until later is told that it is later. The hour that passes here
so has as many turns of the loop as there were reasons to wake up.
"""

import asyncio
import selectors
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, final

import anyio
import pytest
import trio
import trio.testing

from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.testing import Client, Clock
from tests.growth.app import shop
from tests.growth.census import count_tasks, settled
from tests.growth.pipelines import Watched
from tests.growth.traffic import invented, play_all
from tests.support.redis_server import redis_server

HOUR: Final = 3600.0
MEMORY: Final = "memory://"
REQUESTS: Final = 400
AT_ONCE: Final = 40
WORKER: Final = "AnyIO worker thread"
# After the last request: the timer of a deadline goes off once, finds nobody and is not set again.
ONCE: Final = 1


@final
class Skipping(selectors.DefaultSelector):
    """Waits for sockets as ever, until it ``skips``: then time goes by at once where nothing is to be read."""

    def __init__(self) -> None:
        super().__init__()
        self.skips = False
        self.skipped = 0.0
        self.waits: list[float | None] = []
        """For how long each time, as long as it skips."""

    def select(self, timeout: float | None = None) -> Any:
        if not self.skips or timeout == 0:
            return super().select(timeout)
        self.waits.append(timeout)
        found = super().select(0)
        if not found and timeout is not None:
            self.skipped += timeout
        return found


@final
class Loop(asyncio.SelectorEventLoop):
    """A loop whose time is the selector's."""

    def __init__(self) -> None:
        self.selector = Skipping()
        super().__init__(self.selector)

    def time(self) -> float:
        return super().time() + self.selector.skipped

    async def hour(self) -> list[float | None]:
        """Let an hour pass; return for how long the loop slept each time, until the last time."""
        self.selector.waits.clear()
        self.selector.skips = True
        await asyncio.sleep(HOUR)
        self.selector.skips = False
        return self.selector.waits[:-1]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


async def polls(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that looks every minute whether there is something to do."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_look_again)
        await shop(scope, receive, send)
        tasks.cancel_scope.cancel()


async def _look_again() -> None:
    while True:  # noqa: ASYNC110 - this is what must not be done
        await anyio.sleep(60)


@asynccontextmanager
async def started(url: str, requests: int, app: ASGIApp = shop) -> AsyncIterator[None]:
    """Start all layers, and let them answer so many requests."""
    async with Client(wrapped := Watched(url, Clock()).pipeline()(app), lint=False):
        tasks = count_tasks()
        await play_all(wrapped, invented(requests, seed=1), AT_ONCE)
        await settled(tasks)  # what is given back to a store is on its way
        yield


STORES: Final = pytest.mark.parametrize("store", ["memory", "redis"])


@pytest.mark.parametrize(
    ("requests", "most"),
    [
        pytest.param(0, 0, id="once it has started"),
        pytest.param(REQUESTS, ONCE, id="after many requests, but for one timer"),
    ],
)
@STORES
def test_on_asyncio_nothing_wakes_up(
    requests: int, most: int, store: str, request: pytest.FixtureRequest
) -> None:
    url = MEMORY if store == "memory" else request.getfixturevalue(store)

    slept = run(url, requests)

    assert sum(map(len, slept)) <= most, slept
    assert slept[-1] == []


def test_on_asyncio_what_polls_would_be_seen() -> None:
    slept = run(MEMORY, 0, polls)

    assert len(slept[-1]) >= HOUR / 60 - 1


def run(url: str, requests: int, app: ASGIApp = shop) -> Sequence[list[float | None]]:
    """Return for how long the loop slept each time, in two hours after so many requests."""

    async def sleep(loop: Loop) -> Sequence[list[float | None]]:
        async with started(url, requests, app):
            return await loop.hour(), await loop.hour()

    with asyncio.Runner(loop_factory=Loop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, Loop)
        return runner.run(sleep(loop))


@final
class Steps(trio.abc.Instrument):
    """Notes which tasks have something to do."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        self.names.append(task.name)


@pytest.mark.parametrize("requests", [0, REQUESTS], ids=["once it has started", "after many requests"])
def test_on_trio_nothing_wakes_up(requests: int) -> None:
    steps = run_on_trio(requests)

    assert steps == []


def test_on_trio_what_polls_would_be_seen() -> None:
    steps = run_on_trio(0, polls)

    assert len(steps) >= HOUR / 60 - 1


def run_on_trio(requests: int, app: ASGIApp = shop) -> Sequence[str]:
    """Return which tasks had something to do in the hour after so many requests, apart from who waits for it."""
    steps = Steps()

    async def sleep() -> Sequence[str]:
        async with started(MEMORY, requests, app):
            steps.names.clear()
            await trio.sleep(HOUR)
            me = trio.lowlevel.current_task().name
            return [name for name in steps.names if name != me]

    return trio.run(sleep, clock=trio.testing.MockClock(autojump_threshold=0), instruments=[steps])


def test_nothing_in_this_package_has_a_thread_that_waits() -> None:
    before = {*threading.enumerate()}

    async def look() -> set[threading.Thread]:
        async with started(MEMORY, REQUESTS):
            return {*threading.enumerate()}

    left = anyio.run(look) - before

    # The pool of anyio waits for work without looking at the time. What a check has started has ended.
    assert [thread.name for thread in left if thread.name != WORKER] == []
