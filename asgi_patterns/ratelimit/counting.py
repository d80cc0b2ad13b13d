"""Where a layer counts: one pool for each store, however many apps the layer stands in front of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

from asgi_patterns.kernel.store import Store
from asgi_patterns.ratelimit.memory import MemoryCounters
from asgi_patterns.ratelimit.pool import Pool, StoreAwayPolicy
from asgi_patterns.ratelimit.redis import RedisCounters


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """How a layer counts, and the pools that it has made so far."""

    prefix: str
    partitions: int
    timeout: float
    """Seconds that one call of a store may take."""
    away: StoreAwayPolicy
    most: int
    """Keys of each quota that are remembered in this process."""
    clock: Callable[[], float]
    pools: dict[Store, Pool] = field(default_factory=dict)

    def pool(self, store: Store) -> Pool:
        """Return what counts in ``store``."""
        if store not in self.pools:
            local = MemoryCounters(most=self.most, clock=self.clock)
            self.pools[store] = Pool(local, self._shared(store), away=self.away)
        return self.pools[store]

    def _shared(self, store: Store) -> RedisCounters | None:
        if store.kind == "memory":
            return None
        return RedisCounters(store, prefix=self.prefix, partitions=self.partitions, timeout=self.timeout)
