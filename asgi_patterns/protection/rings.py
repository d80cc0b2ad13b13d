"""Who is told when time is up, at a price that short requests do not feel.

- ``Timed``: what a ring is asked to look after;
- ``LoopRing``: of one asyncio loop, with one timer for all that are in hand;
- ``TaskRing``: of one request, with a task of its own: for trio, which has no timers.

A limit that moves further away costs nothing: it is noticed when the timer goes off. One timer for each request would
cost as much as all else that is done for its limits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from math import inf
from typing import Any, Final, Protocol, final

import anyio
from anyio.abc import TaskGroup

from asgi_patterns.protection.looping import clock_of_trio

Work = Callable[[], Coroutine[Any, Any, None]]


_PAUSE: Final = 0.01
"""Seconds between two looks at all that are in hand: however short clients wish to wait, looking costs no more."""


class Timed(Protocol):
    """Something with a limit."""

    context: Context
    """Where its code runs: another request may have set the timer."""

    def due(self) -> float:
        """Return when the next limit passes, by the ring's clock."""

    def pass_limit(self, now: float) -> None:
        """Be told that it has passed. The ring has forgotten who is told so."""


class Ring(Protocol):
    """Looks after those that are in hand. Who wants that puts himself into ``timed``, and takes himself out of it."""

    time: Callable[[], float]
    make_scope: Callable[[], anyio.CancelScope]
    timed: set[Timed]
    at: float
    """When it looks at them next."""

    def expect(self, due: float) -> None:
        """Look at them at ``due``, which is before ``at``. Whose limit is not sooner than ``at`` need not say so."""

    def spawn(self, work: Work) -> Awaitable[None] | None:
        """Do ``work`` beside who is in hand; return what he has to wait for in the end, if anything."""


@final
class LoopRing:
    """Looks after all requests of one asyncio loop. ``loop`` is that one, which is running.

    After the last request its timer may go off once, finds nobody, and is not set again.
    """

    __slots__ = ("_earliest", "_handle", "at", "loop", "make_scope", "time", "timed")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.time = loop.time
        # The class that anyio would choose for this loop each time, at half the price of the scope itself.
        self.make_scope: Callable[[], anyio.CancelScope] = type(anyio.CancelScope())
        self.timed: set[Timed] = set()
        self.at = inf
        self._earliest = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def spawn(self, work: Work) -> Awaitable[None]:
        """Do ``work`` in a task, which is returned."""
        return self.loop.create_task(work())

    def expect(self, due: float) -> None:
        """Set the timer to ``due``, or as soon after that as it may go off again."""
        if self._handle is not None:
            self._handle.cancel()
        self.at = at = max(due, self._earliest)
        # In a context of its own: it would keep that of the request which sets it alive, and show it to others.
        self._handle = self.loop.call_at(at, self._go_off, context=Context())

    def _go_off(self) -> None:
        self.at, self._handle = inf, None
        now, nearest = self.time(), inf
        self._earliest = now + _PAUSE
        for timed in tuple(self.timed):
            due = timed.due()
            if due <= now:
                self.timed.discard(timed)
                timed.context.run(timed.pass_limit, now)
            else:
                nearest = min(nearest, due)
        if nearest < inf:
            self.expect(nearest)


@final
class TaskRing:
    """Looks after one request, in ``tasks``, which it has to itself. To be closed when that is done."""

    __slots__ = ("_is_watching", "_nap", "_tasks", "at", "make_scope", "time", "timed")

    def __init__(self, tasks: TaskGroup) -> None:
        self.time = clock_of_trio()
        self.make_scope: Callable[[], anyio.CancelScope] = anyio.CancelScope
        self.timed: set[Timed] = set()
        self.at = inf
        self._tasks = tasks
        self._nap = anyio.CancelScope()
        self._is_watching = False

    def spawn(self, work: Work) -> None:
        """Do ``work`` in a task of the group."""
        self._tasks.start_soon(work)

    def expect(self, due: float) -> None:
        """Sleep no longer than until ``due``."""
        self.at = self._nap.deadline = due
        if not self._is_watching:
            self._is_watching = True
            self._tasks.start_soon(self._watch)

    def close(self) -> None:
        """Look after nobody any more."""
        self.timed.clear()
        self._nap.cancel()

    async def _watch(self) -> None:
        while self.timed:
            with self._nap:
                await anyio.sleep_forever()
            self._wake()

    def _wake(self) -> None:
        now = self.time()
        for timed in tuple(self.timed):
            due = timed.due()
            if due <= now:
                self.timed.discard(timed)
                timed.pass_limit(now)
            else:
                self.at, self._nap = due, anyio.CancelScope(deadline=due)
