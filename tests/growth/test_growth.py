"""Nothing grows with the number of requests: after twice as many, as much is alive as after the first.

Clients, keys, paths and ids are new each time; some leave, some handlers fail. The few things that may be remembered
have a size that somebody has set, and have it here, too.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypeAlias

import anyio
import pytest

from asgi_patterns.kernel.headers import get
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.testing import Client, Clock
from tests.growth.app import shop
from tests.growth.census import Memories, census, complaints, count_tasks, counting
from tests.growth.pipelines import Watched
from tests.growth.traffic import Call, invented, play_all
from tests.support.redis_server import redis_server

REQUESTS: Final = 1_500
FEWER: Final = 1_000
"""Requests that go through all layers."""
AT_ONCE: Final = 40
STEP: Final = 0.002
"""Seconds between two requests, by the clock of the counts."""
MEMORY: Final = "memory://"
WHOLE: Final = "the whole"
STATUSES: Final = {200, 204, 304, 404, 405, 409, 412, 413, 429, 431, 500, 503, 504}
"""What all layers together have to have said, or else they were not there."""
NAMES: Final = [*Watched(MEMORY, Clock()).layers]

Leaky: TypeAlias = Callable[[list[object], Scope, Receive, Send], Awaitable[None]]


@contextmanager
def silence() -> Iterator[None]:
    """Let lines be written, and kept by nobody: pytest's report would be what grows. Entered when it has begun."""
    logger = logging.getLogger("asgi_patterns")
    before = logger.propagate, logger.level
    logger.addHandler(handler := _Formats())
    logger.propagate = False
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.propagate, logger.level = before
        logger.removeHandler(handler)


class _Formats(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        self.format(record)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


def row(name: str, *, store: str = "memory", backend: str = "asyncio") -> Any:
    where = "" if store == "memory" else " on Redis"
    return pytest.param(name, store, backend, id=f"{name}{where}, {backend}")


@pytest.mark.parametrize(
    ("name", "store", "backend"),
    [
        *map(row, NAMES),
        row("rate_limit", store="redis"),
        row("conditional_requests", store="redis"),
        row("deadline", backend="trio"),
        row(WHOLE),
        row(WHOLE, store="redis"),
        row(WHOLE, backend="trio"),
    ],
)
def test_twice_as_many_requests_leave_no_more_behind(
    name: str, store: str, backend: str, request: pytest.FixtureRequest
) -> None:
    url = MEMORY if store == "memory" else request.getfixturevalue(store)

    with silence(), counting() as memories:
        found = anyio.run(watch, name, url, memories, backend=backend)

    assert found == []


async def watch(name: str, url: str, memories: Memories) -> list[str]:
    """Let a layer, or all of them, answer; return what is wrong afterwards."""
    clock = Clock()
    count = FEWER if name == WHOLE else REQUESTS
    watched = Watched(url, clock)
    watched.remembered()  # makes what is made at the first look
    app = watched.pipeline()(shop) if name == WHOLE else watched.layers[name](shop)
    async with Client(app, lint=False):
        tasks = count_tasks()
        told = await play_all(app, ticking(clock, count, 0), AT_ONCE)
        before, held = await census(memories, tasks), watched.remembered()
        await play_all(app, ticking(clock, count, 1), AT_ONCE)
        after, holds = await census(memories, tasks), watched.remembered()
        found = complaints(before, after, sum(max(0, holds[each][0] - held[each][0]) for each in holds))
        found += [f"{what}: {count}" for what, count in watched.in_hand().items()]
    found += [f"{count} {what}, of {most}" for what, (count, most) in holds.items() if count > most]
    if name == WHOLE:
        found += [f"nobody was told {status}" for status in STATUSES - {status for _, status in told}]
    return found


def ticking(clock: Clock, count: int, turn: int) -> Iterator[Call]:
    """Yield requests that nobody has seen before, and let time pass with each."""
    for call in invented(count, seed=turn, first=turn * count):
        clock.advance(STEP)
        yield call


async def keeps_scopes(kept: list[object], scope: Scope, receive: Receive, send: Send) -> None:
    kept.append(scope)
    await shop(scope, receive, send)


async def keeps_texts(kept: list[object], scope: Scope, receive: Receive, send: Send) -> None:
    kept.append(scope["path"] * 2)
    await shop(scope, receive, send)


async def keeps_one_in_ten(kept: list[object], scope: Scope, receive: Receive, send: Send) -> None:
    if (get(scope["headers"], b"user-agent") or b"").endswith(b"0"):
        kept.append([scope["path"]])
    await shop(scope, receive, send)


async def leaves_a_task(kept: list[object], scope: Scope, receive: Receive, send: Send) -> None:
    if not kept:
        kept.append(asyncio.create_task(asyncio.Event().wait()))
    await shop(scope, receive, send)


async def leaves_a_socket(kept: list[object], scope: Scope, receive: Receive, send: Send) -> None:
    if not kept:
        kept.append(socket.socket())
    await shop(scope, receive, send)


LEAKS: Final = [
    pytest.param(keeps_scopes, "more objects", id="an object a request"),
    pytest.param(keeps_texts, "more blocks", id="a text a request, which the collector does not know"),
    pytest.param(keeps_one_in_ten, "builtins.list", id="an object for one request in ten"),
    pytest.param(leaves_a_task, "tasks", id="one task"),
    pytest.param(leaves_a_socket, "descriptors", id="one socket"),
]


@pytest.mark.parametrize(("leaky", "said"), LEAKS)
def test_what_is_left_behind_would_be_seen(leaky: Leaky, said: str) -> None:
    async def leak(memories: Memories) -> list[str]:
        kept: list[object] = []
        tasks = count_tasks()
        before = await census(memories, tasks)
        await play_all(partial(leaky, kept), invented(REQUESTS, seed=0), AT_ONCE)
        # One more is not waited for: it is what a row leaves.
        found = complaints(before, await census(memories, tasks + 1), 0)
        for each in kept:
            each.cancel() if isinstance(each, asyncio.Task) else None
            each.close() if isinstance(each, socket.socket) else None
        return found

    with counting() as memories:
        found = anyio.run(leak, memories)

    assert any(said in complaint for complaint in found), found


def test_whatever_is_remembered_by_a_function_has_a_size() -> None:
    memories = Memories()

    unbounded = [each for each in memories.ours if each.cache_parameters()["maxsize"] is None]

    assert memories.ours
    assert unbounded == []
