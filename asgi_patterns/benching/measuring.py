"""Measures contenders fairly: each in a process of its own, in rounds that take turns.

A contender that leaves tasks or garbage behind is not billed to the next one, and a machine that slows down for a while
slows every contender down. The collector stays on, unless a contender says otherwise: users do not switch it off.
"""

import gc
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final, final

import anyio
import anyio.lowlevel

from asgi_patterns.benching.counting import count
from asgi_patterns.benching.numbers import Counts, Failed, Measured, Samples
from asgi_patterns.benching.processes import FAILED, begin, bury, undisturbed

__all__ = ["Contender", "Make", "Run", "Told", "measure", "measuring"]

Run = Callable[[int], Awaitable[None]]
"""Does something so many times. A method ``notes``, where it has one, returns what it has to say, as plain data."""
Make = Callable[[], AbstractAsyncContextManager[Run]]
"""Makes what is measured, in the process that measures it, and tidies up."""
Told = Mapping[str, Measured | Failed]

COUNTED: Final = 8
"""Runs whose bytecodes are counted, of which the least is taken."""
LEAST_ROUNDS: Final = 3
ROUND: Final = 0.002
"""Seconds of a round, if one run does not take longer: less than others get of a processor at a time.

All rounds are of one length. Otherwise a busy machine would interrupt the slow contenders more often than the fast.
"""
WARMING: Final = 3
"""Of how many runs of a round one more is made before it, which does not count."""
WARM_UP: Final = 0.02
"""The share of the time for which each contender warms up, all of them at once."""
LONGEST_WARM_UP: Final = 0.2
TELLING: Final = 0.25
"""Seconds between two words about the results so far."""
BEGINNING: Final = 100.0
"""Seconds that a contender may take to start and to warm up."""
PATIENCE: Final = 60.0
"""Seconds that a contender may take for a round, however long one should be."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """What is measured, and how. Where processes are not forked it has to be picklable."""

    make: Make
    collector: bool = True
    requests: int = 1
    """How many requests one run makes; all numbers are for one."""


def measure(
    contenders: Mapping[str, Make | Contender],
    *,
    seconds: float = 5.0,
    rounds: int | None = None,
    calls: int | None = None,
    counted: int = COUNTED,
    tell: Callable[[Told], None] = lambda told: None,
) -> dict[str, Measured]:
    """Return what came of each contender.

    They run for ``seconds`` together, or for so many ``rounds``; of ``calls`` runs each, or as many as fit. ``tell``
    hears of the results so far. Raises ``RuntimeError`` for a contender that fails.
    """
    results: dict[str, Measured] = {}
    told = measuring(contenders, seconds=seconds, rounds=rounds, calls=calls, counted=counted, tell=tell)
    for name, result in told.items():
        if isinstance(result, Failed):
            raise RuntimeError(f"{name}: {result.why}")
        results[name] = result
    return results


def measuring(
    contenders: Mapping[str, Make | Contender],
    *,
    seconds: float,
    rounds: int | None = None,
    calls: int | None = None,
    counted: int = COUNTED,
    tell: Callable[[Told], None] = lambda told: None,
) -> Told:
    """``measure``, where a contender that fails is one of the results."""
    full = {
        name: each if isinstance(each, Contender) else Contender(make=each)
        for name, each in contenders.items()
    }
    with _started(full, min(LONGEST_WARM_UP, WARM_UP * seconds)) as racers:
        begin = time.monotonic()
        for racer in racers:
            racer.warm_up(calls)
        if counted:
            for racer in racers:
                racer.begin_to_count(counted)
            for racer in racers:
                racer.take_counts()
        done, due = 0, 0.0
        while _goes_on(done, rounds, begin + seconds) and any(racer.runs for racer in racers):
            for racer in racers:
                racer.round()
            done += 1
            if (now := time.monotonic()) >= due:
                tell(_results(racers))
                # The more rounds there are, the longer it takes to say what came of them.
                due = time.monotonic() + max(TELLING, 20 * (time.monotonic() - now))
        return _results(racers)


def _goes_on(done: int, rounds: int | None, end: float) -> bool:
    if rounds is not None:
        return done < rounds
    return done < LEAST_ROUNDS or time.monotonic() < end


def _results(racers: "Sequence[_Racer]") -> Told:
    return {racer.name: found for racer in racers if (found := racer.samples.result) is not None}


@contextmanager
def _started(contenders: Mapping[str, Contender], warm_up: float) -> Iterator["list[_Racer]"]:
    """Start a process for each contender; none of them is left at the end, whatever has happened."""
    racers: list[_Racer] = []
    try:
        for name, contender in contenders.items():
            racers.append(_Racer(name, contender, warm_up, [racer.child.pipe for racer in racers]))
        yield racers
    finally:
        with undisturbed():
            for racer in racers:
                racer.child.dismiss()
            bury(racer.child for racer in racers)


@final
class _Racer:
    """A contender's process, as seen from here."""

    def __init__(self, name: str, contender: Contender, warm_up: float, others: list[Connection]) -> None:
        self.name = name
        self.samples = Samples()
        self._requests = contender.requests
        self._calls = 1
        self.child = begin(_be_measured, (contender, warm_up), others)

    @property
    def runs(self) -> bool:
        """Whether it has not failed."""
        return self.samples.failure is None

    def warm_up(self, calls: int | None) -> None:
        """Wait until it is ready. A round shall have so many runs, or as many as fit."""
        taken = self._hear(BEGINNING)
        if taken is not None:
            self._calls = calls or max(1, round(ROUND / max(taken, 1e-9)))

    def begin_to_count(self, repeats: int) -> None:
        """Let it count while others do: that makes no difference here."""
        if self.runs:
            self.child.tell(("count", repeats))

    def take_counts(self) -> None:
        """Wait until it has counted."""
        found = self._hear(PATIENCE)
        if found is not None:
            self.samples.counts = Counts(found.bytecodes / self._requests, found.calls / self._requests)

    def round(self) -> None:
        """Let it run."""
        if self.runs:
            self.child.tell(("run", self._calls))
        found = self._hear(PATIENCE)
        if found is not None:
            taken, self.samples.notes = found
            self.samples.taken.append(taken / self._calls / self._requests * 1e6)

    def _hear(self, seconds: float) -> Any:
        """Return what it answers; ``None`` where it has failed, with the reason in ``samples``."""
        if not self.runs:
            return None
        kind, value = self.child.hear(seconds)
        if kind == FAILED:
            self.samples.failure = value
            return None
        return value


def _be_measured(what: tuple[Contender, float], pipe: Connection) -> None:
    """Run in the contender's process."""
    contender, warm_up = what
    if not contender.collector:
        gc.disable()
    anyio.run(_obey, contender, warm_up, pipe)


async def _obey(contender: Contender, warm_up: float, pipe: Connection) -> None:
    async with contender.make() as run:
        pipe.send(("ready", await _warm_up(run, warm_up)))
        with suppress(EOFError):
            # Blocking on purpose: while others are measured, this process does nothing at all.
            while order := pipe.recv():
                what, number = order
                await anyio.lowlevel.checkpoint()  # timers that came due meanwhile are not the round's
                found = await (count(run, number) if what == "count" else _timed(run, number))
                if not contender.collector:
                    gc.collect()  # now and then, or the garbage of all rounds would be there at once
                pipe.send(("done", found))


async def _warm_up(run: Run, seconds: float) -> float:
    """Run for a while; return the seconds that the fastest run took: all others warm up at the same time."""
    begin = last = time.perf_counter()
    taken = PATIENCE
    for _ in range(200):
        await run(1)
        now = time.perf_counter()
        taken, last = min(taken, now - last), now
        if now - begin > seconds:
            break
    return taken


async def _timed(run: Run, calls: int) -> tuple[float, Any]:
    # The others have pushed what it works on out of the caches, and the processor has to learn again where it branches.
    # A process that serves, and does nothing else, is not as cold as that.
    await run(max(1, calls // WARMING))
    begin = time.perf_counter()
    await run(calls)
    taken = time.perf_counter() - begin
    notes = getattr(run, "notes", None)
    return taken, None if notes is None else notes()
