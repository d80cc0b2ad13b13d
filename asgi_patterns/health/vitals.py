"""What a layer knows of its process: the checks, since when it runs, whether it is starting or draining."""

import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, assert_never, final

import anyio

from asgi_patterns.health.core import Entry, Reading, Status, combine
from asgi_patterns.health.events import DrainStarted
from asgi_patterns.health.paths import Endpoint
from asgi_patterns.health.report import Report
from asgi_patterns.health.runner import Runner, Tell
from asgi_patterns.kernel.store import Store


@final
class Vitals:
    """The state of one ``Health`` layer, shared by all apps that it is wired to."""

    def __init__(
        self,
        runners: Sequence[Runner],
        *,
        store_runner: Callable[[Store], Runner | None],
        version: str | None,
        drain_file: Path | None,
        clock: Callable[[], float],
    ) -> None:
        self.drained = False
        """Whether ``drain()`` was called. There is no way back: the process is about to stop."""
        self.starting: set[object] = set()
        """The start-ups that have begun and not completed."""
        self._runners = runners
        self._store_runner = store_runner
        self._store_runners: dict[Store, Runner | None] = {}  # one for each pipeline at most
        self._version = version
        self._drain_file = drain_file
        self._clock = clock
        self._began = clock()
        self._has_started = False
        self._was_draining = False

    @asynccontextmanager
    async def report(self, endpoint: Endpoint, tell: Tell, store: Store) -> AsyncIterator[Report]:
        """Give what is to be answered. Answer inside the context: its end waits for checks that overstay.

        ``store`` is the pipeline's; it is asked after the checks.
        """
        note = self._note(endpoint, tell)
        async with _entries(self._asked(endpoint, store), tell) as entries:
            status = combine(entries, refusing=note is not None)
            if endpoint == "startup" and status is Status.UP:
                self._has_started = True
            yield Report(
                status=status,
                at=datetime.now(UTC),
                uptime=self._clock() - self._began,
                version=self._version,
                note=note,
                entries=entries,
            )

    def last(self) -> Iterator[tuple[str, bool]]:
        """Yield what each check has come to when it last ran; one that has not run is left out."""
        stores = {runner for runner in self._store_runners.values() if runner is not None}
        for runner in (*self._runners, *stores):
            if runner.was_up is not None:
                yield runner.check.label, runner.was_up

    def _asked(self, endpoint: Endpoint, store: Store) -> Sequence[Runner]:
        match endpoint:
            case "live":
                return ()
            case "startup":
                if self._has_started or self.starting:
                    return ()
                return [each for each in self._runners if each.check.critical and not each.has_passed]
            case "ready" | "health":
                return self._with(store)
            case _:
                assert_never(endpoint)

    def _with(self, store: Store) -> Sequence[Runner]:
        if store not in self._store_runners:
            self._store_runners[store] = self._store_runner(store)
        runner = self._store_runners[store]
        return self._runners if runner is None else [*self._runners, runner]

    def _note(self, endpoint: Endpoint, tell: Tell) -> Literal["draining", "starting"] | None:
        match endpoint:
            case "live":
                return None
            case "startup":
                return "starting" if self.starting and not self._has_started else None
            case "ready" | "health":
                return "draining" if self._is_draining(tell) else None
            case _:
                assert_never(endpoint)

    def _is_draining(self, tell: Tell) -> bool:
        is_draining = self.drained or (self._drain_file is not None and os.access(self._drain_file, os.F_OK))
        if is_draining and not self._was_draining:
            tell(DrainStarted(by="call" if self.drained else "file"))
        self._was_draining = is_draining
        return is_draining


@final
class StartUp:
    """The resource through which ``Vitals`` learn of the start-up of one app."""

    name = "health"

    def __init__(self, vitals: Vitals) -> None:
        self._starting = vitals.starting

    async def open(self) -> None:
        """The app is about to start."""
        self._starting.add(self)

    def started(self) -> None:
        """The app has started."""
        self._starting.discard(self)

    async def aclose(self) -> None:
        """The app has stopped, or never started."""
        self._starting.discard(self)


@asynccontextmanager
async def _entries(runners: Sequence[Runner], tell: Tell) -> AsyncIterator[list[Entry]]:
    """Run all checks together that have no fresh reading, and give one line for each after the slowest limit.

    A check that cannot be cancelled may overstay it: the end of the context waits for that one.
    """
    readings = [runner.fresh for runner in runners]
    stale = [index for index, reading in enumerate(readings) if reading is None]
    if not stale:
        yield _lines(runners, readings)
        return
    failure: Exception | None = None
    deadline = anyio.current_time() + max(runners[index].check.limit for index in stale)
    landed = anyio.Event()

    async def read(index: int) -> None:
        readings[index] = await runners[index].read(tell)
        if None not in readings:
            landed.set()

    async with anyio.create_task_group() as tasks:
        for index in stale:
            tasks.start_soon(read, index)
        with anyio.CancelScope(deadline=deadline):
            await landed.wait()
        try:
            yield _lines(runners, readings)
        except Exception as exc:  # of the answer: kept out of the task group, which would wrap it
            failure = exc
    if failure is not None:
        raise failure


def _lines(runners: Sequence[Runner], readings: Sequence[Reading | None]) -> list[Entry]:
    return [
        runner.entry(runner.late() if reading is None else reading)
        for runner, reading in zip(runners, readings, strict=True)
    ]
