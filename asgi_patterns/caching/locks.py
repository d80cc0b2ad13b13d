"""The port for writing: one writer of a resource at a time, in the order in which they came.

``Locks``: what every adapter does; ``Lease``: what who holds one knows; ``Busy``, ``StoreAway``: why nobody gets it.

    async with locks.hold("/articles/7"):
        ...  # look at the tag, then write
"""

from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

SOON: Final = 1.0
"""Seconds after which it is worth trying again: nobody knows when a writer will have ended."""


class Lease(Protocol):
    """A lock that is held, for a while that is renewed as long as it is."""

    @property
    def is_lost(self) -> bool:
        """Whether somebody else may have it by now; once lost it stays lost.

        To be looked at before what must not happen twice. A process that stood still for longer than the lease, or
        could not reach the store for so long, hears of it here. Nothing that it does then harms the new holder's lock.
        """


class Locks(Protocol):
    """Holds one lock for each key. Time is the adapter's own; every adapter is bounded."""

    def hold(self, key: str) -> AbstractAsyncContextManager[Lease]:
        """Wait until nobody else holds ``key``, and hold it inside the ``async with``, however that is left.

        Raises ``Busy`` where that takes too long or too many wait, and ``StoreAway``. Who holds a key already and asks
        for it once more waits for itself, and then is told ``Busy``: a lock is not held twice.
        """


class Busy(Exception):
    """Others hold the lock, and have it for longer than one waits."""

    def __init__(self, retry_after: float = SOON) -> None:
        """``retry_after`` is in seconds."""
        super().__init__("others are writing")
        self.retry_after = retry_after


class StoreAway(Exception):
    """The locks cannot be reached now, so nobody may write."""
