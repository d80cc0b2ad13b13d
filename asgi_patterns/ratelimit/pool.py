"""A pool: the quotas of a layer that are counted in one place, and what is done while that place is away."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Literal, Protocol, final

from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.lifespan import Resource
from asgi_patterns.ratelimit.asks import Ask, Decision
from asgi_patterns.ratelimit.counters import Counters, StoreAway
from asgi_patterns.ratelimit.events import StoreBack, StoreLost
from asgi_patterns.ratelimit.memory import MemoryCounters

StoreAwayPolicy = Literal["local", "open", "closed"]

_log = logging.getLogger("asgi_patterns.ratelimit")

UNCOUNTED: Final = Decision(True, (), ())
"""What is decided where nobody counts."""


class Shared(Counters, Resource, Protocol):
    """Counts that several processes share, over a connection that is opened and closed, and that can be away."""

    def take(self, asks: Sequence[Ask]) -> Awaitable[Decision]:
        """Look at all, and charge all if each binding one allows it. Raises ``StoreAway``."""

    @property
    def trouble(self) -> str:
        """Why the counts cannot be reached; empty while they can."""


@final
class Pool:
    """Decides in one place. ``local`` counts where ``shared`` is not there, or not set."""

    def __init__(
        self, local: MemoryCounters, shared: Shared | None = None, *, away: StoreAwayPolicy = "local"
    ) -> None:
        self.local = local
        self.shared = shared
        self._away = away
        self._trouble = ""

    @property
    def first(self) -> Counters:
        """Where it is counted as long as nothing is wrong."""
        return self.local if self.shared is None else self.shared

    async def take(self, asks: Sequence[Ask], tell: Callable[[Event], None]) -> tuple[Decision, Counters]:
        """Decide, and return who has done so. Raises ``StoreAway`` where nobody may.

        ``tell`` gets an event when the store is lost, and when it is back.
        """
        if self.shared is None:
            return self.local.take(asks), self.local
        try:
            decision = await self.shared.take(asks)
        except StoreAway:
            self._notice(self.shared.trouble, tell)
            if self._away == "closed":
                raise
            return (UNCOUNTED if self._away == "open" else self.local.take(asks)), self.local
        if self._trouble:
            self._notice(self.shared.trouble, tell)
        return decision, self.shared

    async def forget(self, ask: Ask) -> None:
        """Forget what has been counted, here and there. Raises ``StoreAway``."""
        await self.local.forget(ask)
        if self.shared is not None:
            await self.shared.forget(ask)

    def _notice(self, trouble: str, tell: Callable[[Event], None]) -> None:
        """Say once that the store is lost, and once that it is back."""
        if bool(trouble) == bool(self._trouble):
            return
        self._trouble = trouble
        if trouble:
            _log.warning("rate limits: the store is away (%s), meanwhile: %s", trouble, self._away)
            tell(StoreLost(reason=trouble))
        else:
            _log.warning("rate limits: the store is back")
            tell(StoreBack())
