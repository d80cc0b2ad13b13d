"""What is alive in this process: objects by type, blocks of memory, tasks and descriptors.

``counting``: leaves everything out that was there before; ``census``: counts; ``complaints``: says what has grown. What
is forgotten by rules of its own is forgotten before each count: results that functions remember, what abstract classes
have found out of others, and timers that were cancelled. ``Memories`` knows how many results there may be.
"""

import asyncio
import functools
import gc
import heapq
import sys
from abc import ABCMeta
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, final

import anyio
import sniffio
import trio
from anyio.lowlevel import checkpoint

PACKAGE: Final = "asgi_patterns"
PATIENCE: Final = 10.0
"""Seconds in which what has been let go of has to be gone, on any machine."""

# What a count may differ by for no reason: the counts themselves, routes that are listed at the first miss, and numbers
# that have become too large to be shared. And what one more entry of a bounded store takes at most, which is a
# histogram of the metrics, or a thread.
OBJECTS, OBJECTS_EACH = 80, 30
BLOCKS, BLOCKS_EACH = 400, 80


class Census(NamedTuple):
    """One count."""

    types: Counter[str]
    """Objects that the collector knows, by the names of their types."""
    blocks: int
    """Allocations of all kinds, texts and numbers as well."""
    tasks: int
    descriptors: int


@final
class Memories:
    """What remembers results: functions of this package, and abstract classes that were asked about others."""

    def __init__(self) -> None:
        self._before = _memories()
        self._classes = _abstract_classes()

    @property
    def ours(self) -> "Sequence[functools._lru_cache_wrapper[Any]]":
        """Those of this package."""
        found = [*self._before, *_memories()]
        return [each for each in found if (each.__module__ or "").partition(".")[0] == PACKAGE]

    def forget(self) -> None:
        """Empty them."""
        for each in self.ours:
            each.cache_clear()
        # The first object of a rare class, an exception for instance, may be asked about sixty of them.
        for kind in [*self._classes, *_abstract_classes()]:
            kind._abc_caches_clear()


@contextmanager
def counting() -> Iterator[Memories]:
    """Let nothing be counted that is there now."""
    memories = Memories()
    gc.collect()
    gc.freeze()
    try:
        yield memories
    finally:
        gc.unfreeze()


async def census(memories: Memories, tasks: int = 0) -> Census:
    """Count, once no more than so many ``tasks`` are left or all time for that is over."""
    await settled(tasks)
    # Twice, and a turn in between: a generator that is found to be garbage is closed by the event loop.
    for _ in range(2):
        _forget_timers()
        memories.forget()
        gc.collect()
        await checkpoint()
    blocks = sys.getallocatedblocks()
    types = Counter(_name(type(each)) for each in gc.get_objects())
    return Census(types, blocks, count_tasks(), count_descriptors())


async def settled(tasks: int) -> None:
    """Wait until no more tasks are left than these, or for as long as that may take."""
    with anyio.move_on_after(PATIENCE):
        while count_tasks() > tasks:  # noqa: ASYNC110 - nobody tells when a task has ended that is not ours
            await anyio.sleep(0.005)


def count_tasks() -> int:
    """Return how many tasks the running event loop has."""
    if sniffio.current_async_library() == "trio":
        return trio.lowlevel.current_statistics().tasks_living
    return len(asyncio.all_tasks())


def count_descriptors() -> int:
    """Return how many files and sockets this process has open."""
    return len([*Path("/proc/self/fd").iterdir()])


def _forget_timers() -> None:
    """Drop the timers that are cancelled: each loop keeps a hundred of them or more. Nothing else tells of them."""
    if sniffio.current_async_library() == "trio":
        trio._core._run.GLOBAL_RUN_CONTEXT.runner.deadlines._prune()
        return
    timers = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]  # not public
    timers[:] = [timer for timer in timers if not timer.cancelled()]
    heapq.heapify(timers)


def _memories() -> "list[functools._lru_cache_wrapper[Any]]":
    return [each for each in gc.get_objects() if type(each) is functools._lru_cache_wrapper]


def _abstract_classes() -> list[Any]:
    return [each for each in gc.get_objects() if type(each) is ABCMeta]


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def complaints(before: Census, after: Census, taken_in: int) -> list[str]:
    """Say what has grown by more than ``taken_in`` entries of bounded stores explain."""
    types = {name: count for name, count in (after.types - before.types).items() if name not in _OWN}
    objects, blocks = sum(types.values()), after.blocks - before.blocks
    found = []
    if objects > OBJECTS + OBJECTS_EACH * taken_in:
        most = ", ".join(f"{count} of {name}" for name, count in Counter(types).most_common(12))
        found.append(f"{objects} more objects: {most}")
    if blocks > BLOCKS + BLOCKS_EACH * taken_in:
        found.append(f"{blocks} more blocks of memory")
    for name in ("tasks", "descriptors"):
        is_now, was = getattr(after, name), getattr(before, name)
        if is_now > was:
            found.append(f"{is_now} {name}, where there were {was}")
    return found


_OWN: Final = (_name(Census), _name(Counter))
