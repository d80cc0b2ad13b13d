"""Runs one check: one flight at a time, within its limit, remembered for a while.

A *flight* is one run of the check, in the task of the request that started it. Requests that come meanwhile
wait for it; when its starter is cancelled, one of them starts anew. Nobody waits longer than the limit.
"""

import functools
import inspect
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import final

import anyio
from anyio import from_thread
from anyio.lowlevel import EventLoopToken, current_token

from asgi_patterns.health import core
from asgi_patterns.health.checks import Check
from asgi_patterns.health.core import Entry, Finding, Reading, Record, Turn
from asgi_patterns.health.events import CheckFailed, CheckRecovered
from asgi_patterns.kernel.events import Event

Tell = Callable[[Event], None]


@dataclass(eq=False, slots=True)
class _Flight:
    """One run of a check, for those who wait for it. Without a reading after landing it was broken off."""

    token: EventLoopToken = field(default_factory=current_token)
    landed: anyio.Event = field(default_factory=anyio.Event)
    reading: Reading | None = None


@final
class Runner:
    """One check and what is known of it. Belongs to the layer: all its apps share it.

    ``function`` is what has to be run for ``check``; a failure counts for ``backoff`` seconds at most;
    ``clock`` gives seconds and never goes back.
    """

    def __init__(
        self, check: Check, function: Callable[[], object], *, backoff: float, clock: Callable[[], float]
    ) -> None:
        self.check = check
        self.has_passed = False
        """Whether the check has been up once."""
        self._function = function
        self._backoff = backoff
        self._clock = clock
        self._is_async = _is_async(function)
        self._record: Record | None = None
        self._flight: _Flight | None = None
        self._thread: _Thread | None = None

    @property
    def fresh(self) -> Reading | None:
        """The latest reading, as long as it counts."""
        record = self._record
        return record.reading if record is not None and self._clock() < record.fresh_until else None

    @property
    def was_up(self) -> bool | None:
        """What it came to when it last ran, however long ago; ``None``: it has not."""
        return None if self._record is None else self._record.reading.finding.up

    def late(self) -> Reading:
        """Return the reading of whoever has waited for the whole limit in vain."""
        return self._reading(core.timed_out(self.check.limit), self.check.limit)

    async def read(self, tell: Tell) -> Reading:
        """Return a reading that counts, made now or by somebody else meanwhile. Events go to ``tell``."""
        deadline = anyio.current_time() + self.check.limit
        whole = True
        while (reading := self.fresh) is None:
            flight = self._flight
            # One that belongs to another event loop cannot be waited for, and may never land.
            if flight is None or flight.token != current_token():
                return await self._fly(deadline, tell, whole=whole)
            whole = False
            with anyio.CancelScope(deadline=deadline):
                await flight.landed.wait()
            if flight.reading is not None:
                return flight.reading
            if anyio.current_time() >= deadline:
                return self.late()
        return reading

    async def _fly(self, deadline: float, tell: Tell, *, whole: bool) -> Reading:
        """Run the check until ``deadline``; ``whole`` says that this is the full limit away."""
        flight = self._flight = _Flight()
        began = self._clock()
        try:
            finding = await self._run(deadline)
            reading = self.late() if finding is None else self._reading(finding, self._clock() - began)
            # Who took over had less than the limit: that it ran out of time says nothing about the check.
            if whole or finding is not None:
                flight.reading = reading
                self._keep(reading, tell)
            return reading
        finally:
            if self._flight is flight:
                self._flight = None
            flight.landed.set()

    def entry(self, reading: Reading) -> Entry:
        """Return the line of a report that says ``reading``."""
        return Entry(self.check.label, self.check.kind, self.check.critical, reading)

    def _keep(self, reading: Reading, tell: Tell) -> None:
        before = self._record
        after = core.keep(before, reading, now=self._clock(), cache=self.check.cache, backoff=self._backoff)
        self._record = after
        self.has_passed = self.has_passed or reading.finding.up
        match core.turn(before, after):
            case Turn.FAILED:
                tell(CheckFailed(check=self.check.label, reason=reading.finding.details))
            case Turn.RECOVERED:
                tell(CheckRecovered(check=self.check.label))
            case Turn.NONE:
                pass

    async def _run(self, deadline: float) -> Finding | None:
        """Return what the check came to; ``None`` when it did not come to an end before ``deadline``."""
        try:
            with anyio.CancelScope(deadline=deadline):
                finding = await self._call()
                return finding if anyio.current_time() < deadline else None
        except (GeneratorExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            # Whatever a check makes of being cancelled, the cancellation of the request itself goes on.
            if anyio.current_effective_deadline() == -math.inf:
                raise
            return core.failure(exc) if anyio.current_time() < deadline else None
        return None

    async def _call(self) -> Finding:
        value = self._function() if self._is_async else await self._call_in_thread()
        return core.read(await value if inspect.isawaitable(value) else value)

    async def _call_in_thread(self) -> object:
        thread = self._thread
        if thread is None or thread.is_done:
            thread = self._thread = _Thread.start(self._function)
        elif time.monotonic() - thread.began >= self.check.limit:
            return core.STILL_RUNNING
        await thread.join()
        return thread.value

    def _reading(self, finding: Finding, seconds: float) -> Reading:
        return Reading(finding, seconds, datetime.now(UTC))


@final
@dataclass(eq=False, slots=True)
class _Thread:
    """One call of a sync check in a daemon thread.

    Not a worker of anyio's pool: the interpreter waits for those when it exits, and a check may hang for ever.
    """

    function: Callable[[], object]
    began: float = field(default_factory=time.monotonic)
    value: object = None
    is_done: bool = False
    _waiting: list[tuple[EventLoopToken, anyio.Event]] = field(default_factory=list)

    @classmethod
    def start(cls, function: Callable[[], object]) -> "_Thread":
        """Call ``function`` in a new thread. Raises ``RuntimeError`` where the system gives none."""
        call = cls(function)
        threading.Thread(target=call._work, name="asgi-patterns-health", daemon=True).start()
        return call

    async def join(self) -> None:
        """Wait, on whatever event loop this is, until the call has come back."""
        landed = anyio.Event()
        self._waiting.append((current_token(), landed))
        # In this order on both sides: whoever is missed by the thread sees that it is done.
        if not self.is_done:
            await landed.wait()

    def _work(self) -> None:
        try:
            self.value = self.function()
        except BaseException as exc:  # in a thread of its own even a SystemExit concerns nobody else
            self.value = core.failure(exc)
        self.is_done = True
        for token, landed in self._waiting:
            # The loop may be gone by now, and with it whoever waited.
            with suppress(anyio.RunFinishedError, RuntimeError):
                from_thread.run_sync(landed.set, token=token)


def _is_async(function: Callable[[], object]) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
