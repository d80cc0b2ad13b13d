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
    """Looks after those that are in hand."""

    time: Callable[[], float]

    def add(self, timed: Timed, due: float) -> None:
        """Look after ``timed``, whose first limit passes at ``due``."""

    def expect(self, due: float) -> None:
        """Hear that a limit may have moved nearer, to ``due``."""

    def discard(self, timed: Timed) -> None:
        """Forget ``timed``, if it is still known."""

    def spawn(self, work: Work) -> Awaitable[None] | None:
        """Do ``work`` beside who is in hand; return what he has to wait for in the end, if anything."""


@final
class LoopRing:
    """Looks after all requests of one asyncio loop. ``loop`` is that one, which is running.

    After the last request its timer may go off once, finds nobody, and is not set again.
    """

    __slots__ = ("_at", "_earliest", "_handle", "_timed", "loop", "time")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.time = loop.time
        self._timed: set[Timed] = set()
        self._at = inf
        self._earliest = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def add(self, timed: Timed, due: float) -> None:
        """Look after ``timed``."""
        self._timed.add(timed)
        if due < self._at:
            self._set(due)

    def expect(self, due: float) -> None:
        """Hear that a limit may have moved nearer."""
        if due < self._at:
            self._set(due)

    def discard(self, timed: Timed) -> None:
        """Forget ``timed``."""
        self._timed.discard(timed)

    def spawn(self, work: Work) -> Awaitable[None]:
        """Do ``work`` in a task, which is returned."""
        return self.loop.create_task(work())

    def _set(self, at: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._at = at = max(at, self._earliest)
        # In a context of its own: it would keep that of the request which sets it alive, and show it to others.
        self._handle = self.loop.call_at(at, self._go_off, context=Context())

    def _go_off(self) -> None:
        self._at, self._handle = inf, None
        now, nearest = self.time(), inf
        self._earliest = now + _PAUSE
        for timed in tuple(self._timed):
            due = timed.due()
            if due <= now:
                self._timed.discard(timed)
                timed.context.run(timed.pass_limit, now)
            else:
                nearest = min(nearest, due)
        if nearest < inf:
            self._set(nearest)


@final
class TaskRing:
    """Looks after one request, in ``tasks``, which it has to itself: ``watch`` runs there."""

    __slots__ = ("_nap", "_tasks", "_timed", "time")

    def __init__(self, tasks: TaskGroup) -> None:
        self.time = clock_of_trio()
        self._tasks = tasks
        self._timed: Timed | None = None
        self._nap = anyio.CancelScope()

    def add(self, timed: Timed, due: float) -> None:
        """Look after ``timed``."""
        self._timed = timed
        self._nap.deadline = due
        self._tasks.start_soon(self._watch)

    def expect(self, due: float) -> None:
        """Hear that a limit may have moved nearer."""
        self._nap.deadline = min(self._nap.deadline, due)

    def discard(self, timed: Timed) -> None:
        """Forget ``timed``."""
        self._timed = None
        self._nap.cancel()

    def spawn(self, work: Work) -> None:
        """Do ``work`` in a task of the group."""
        self._tasks.start_soon(work)

    async def _watch(self) -> None:
        while self._timed is not None:
            with self._nap:
                await anyio.sleep_forever()
            self._wake()

    def _wake(self) -> None:
        timed, now = self._timed, self.time()
        if timed is None:
            return
        due = timed.due()
        if due <= now:
            self._timed = None
            timed.pass_limit(now)
        else:
            self._nap = anyio.CancelScope(deadline=due)
