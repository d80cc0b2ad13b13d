"""A crowd in front of an app that answers when it is told to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, final

import anyio
from anyio.abc import TaskGroup

from asgi_patterns import LoadShedding
from asgi_patterns.kernel.types import AnyApp, Receive, Scope, Send
from asgi_patterns.testing import Answer, Client, hello


@final
class Doors:
    """An app whose handlers wait at the door of their path until it is opened."""

    def __init__(self) -> None:
        self._doors: dict[str, anyio.Event] = {}
        self.seen: list[str] = []
        """The paths of the requests that have come to a handler, in their order."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say hello."""
        self.seen.append(scope["path"])
        await self._door(scope["path"]).wait()
        await hello(scope, receive, send)

    def _door(self, path: str) -> anyio.Event:
        return self._doors.setdefault(path, anyio.Event())

    def open(self, *paths: str) -> None:
        """Let them through from now on."""
        for path in paths:
            self._door(path).set()


@final
class Crowd:
    """Clients, each with one request at a time."""

    def __init__(self, app: AnyApp, group: TaskGroup, *, lint: bool) -> None:
        self.client = Client(app, lint=lint)
        self.group = group
        self.answers: dict[str, Answer] = {}
        """By the path."""

    async def come(self, *paths: str, **options: Any) -> None:
        """Send a request to each path, and wait until nothing moves any more."""
        for path in paths:
            self.group.start_soon(self._ask, path, options)
            await still()

    async def _ask(self, path: str, options: dict[str, Any]) -> None:
        self.answers[path] = await self.client.get(path, **options)

    @property
    def statuses(self) -> dict[str, int]:
        """The answers until now."""
        return {path: answer.status for path, answer in self.answers.items()}


async def still() -> None:
    """Let every task do what it can do without time passing."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def crowd(app: AnyApp, *, lint: bool = True) -> AsyncIterator[Crowd]:
    """A crowd in front of ``app``, which ends with the block."""
    async with anyio.create_task_group() as group:
        yield Crowd(app, group, lint=lint)


def in_hand(layer: LoadShedding, pool: str = "main") -> tuple[int, int]:
    """How many requests are in hand, and how many wait."""
    load = layer.load.pools[pool]
    return load.in_hand, load.waiting
