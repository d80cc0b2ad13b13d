"""Locks in this process, on any event loop. What nobody holds takes no room."""

from collections import deque
from typing import Final, final

import anyio

from asgi_patterns.caching.locks import Busy

WAITERS: Final = 1_000
"""Who waits for one key at most: each of them is a request that the server keeps open."""


@final
class Kept:
    """A lock that cannot be lost: who holds it and whoever wants it live and die together."""

    is_lost: Final = False


KEPT: Final = Kept()


@final
class MemoryLocks:
    """Each key is held by one at a time, and handed to who has waited for longest, for at most ``wait`` seconds.

    There are no more keys than requests that write. One event loop at a time; the next one may follow.
    """

    def __init__(self, *, wait: float, waiters: int = WAITERS) -> None:
        """``waiters`` may wait for one key, and who comes after them is told at once."""
        self._wait = wait
        self._waiters = waiters
        self._held: dict[str, deque[anyio.Event]] = {}

    def __len__(self) -> int:
        """How many keys are held."""
        return len(self._held)

    def __contains__(self, key: str) -> bool:
        """Whether somebody holds ``key``."""
        return key in self._held

    def hold(self, key: str) -> "Hold":
        """Wait for ``key``, and hold it inside the ``async with``. Raises ``Busy``."""
        return Hold(self, key)

    def take(self, key: str) -> bool:
        """Hold ``key`` if nobody does."""
        if key in self._held:
            return False
        self._held[key] = deque()
        return True

    async def get_in_line(self, key: str) -> None:
        """Wait until ``key`` is handed over. Raises ``Busy``."""
        line = self._held[key]
        if len(line) >= self._waiters:
            raise Busy
        turn = anyio.Event()
        line.append(turn)
        try:
            with anyio.move_on_after(self._wait):
                await turn.wait()
        except BaseException:
            # Who is closed with a loop that was given up may have been forgotten before.
            if self._held.get(key) is line:
                # It may have been handed to us just when we were told to go.
                self.leave(key) if turn.is_set() else line.remove(turn)
            raise
        if not turn.is_set():
            line.remove(turn)
            raise Busy

    def leave(self, key: str) -> None:
        """Hand ``key`` to the next in line, or to nobody."""
        line = self._held[key]
        if not line:
            del self._held[key]
            return
        try:
            line.popleft().set()
        except RuntimeError:
            # Their event loop was closed, and they will not go on: let those of the next one not wait for them.
            del self._held[key]


@final
class Hold:
    """One ``async with``: a class, since a generator would take longer than all the rest."""

    __slots__ = ("_key", "_locks")

    def __init__(self, locks: MemoryLocks, key: str) -> None:
        self._locks = locks
        self._key = key

    async def __aenter__(self) -> Kept:
        if not self._locks.take(self._key):
            await self._locks.get_in_line(self._key)
        return KEPT

    async def __aexit__(self, *_: object) -> None:
        self._locks.leave(self._key)
