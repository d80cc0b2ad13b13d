"""The port of the slice: where counts are kept.

``Counters``: what every adapter does; ``StoreAway``: what one raises whose counts are out of reach.
"""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from asgi_patterns.ratelimit.asks import Ask, Decision


class Counters(Protocol):
    """Where counts are kept. Time is the adapter's own; every adapter is bounded."""

    def take(self, asks: Sequence[Ask]) -> Decision | Awaitable[Decision]:
        """Look at all, and charge all if each binding one allows it.

        Waits only where the counts are elsewhere. Raises ``StoreAway`` where they cannot be reached.
        """

    def charge(self, ask: Ask) -> None:
        """Count what has been used already. Does not wait; what cannot be reached is left out."""

    def give_back(self, ask: Ask, at: float, token: bytes) -> None:
        """Undo what was charged at that time, and return its slots. Does not wait."""

    async def forget(self, ask: Ask) -> None:
        """Forget what has been counted. Raises ``StoreAway``."""


class StoreAway(Exception):
    """The counts cannot be reached now."""
