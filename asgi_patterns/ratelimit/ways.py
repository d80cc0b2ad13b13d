"""What is made ready once for all requests that fall under the same quotas.

``Way``: how such a request is counted and what its answer says, where the decision is all there is to it;
``Ways``: which way a request goes.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, final

from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.patterns import route_path
from asgi_patterns.kernel.types import RawHeaders, Scope
from asgi_patterns.ratelimit.asks import Ask, Decision, Stake
from asgi_patterns.ratelimit.buckets import TokenBucket
from asgi_patterns.ratelimit.desk import Desk
from asgi_patterns.ratelimit.gauge import Gauge, Reading
from asgi_patterns.ratelimit.memory import MemoryCounters
from asgi_patterns.ratelimit.picking import FindKey
from asgi_patterns.ratelimit.rules import Taken

MOST_WAYS: Final = 256
"""Sets of quotas for which a way is kept."""


@final
class Way:
    """How a request is counted that falls under ``gauges``: in this process, and over with the decision."""

    __slots__ = ("_by_state", "_stakes", "counters", "desk", "find", "gauges", "take", "write")

    def __init__(self, desk: Desk, gauges: Sequence[Gauge], counters: MemoryCounters) -> None:
        self.desk = desk
        self.gauges = gauges
        self.counters = counters
        self._stakes: list[Stake] = [gauge.stake for gauge in gauges if gauge.stake is not None]
        limits = [gauge.warn_below for gauge in gauges]
        finders = [desk.places.named(gauge.name)[2] for gauge in gauges]
        self._by_state = (
            bool(gauges)
            and all(gauge.is_bucket for gauge in gauges)
            and len({gauge.kind for gauge in gauges}) == 1
        )
        """Whether all are token buckets and have one key, so that a state for each says everything."""
        self.find: Callable[..., Any] = finders[0] if self._by_state else _all(finders)
        """What finds the key, or all keys."""
        gate = counters.gate if self._by_state else counters.gate_of_any
        self.take: Callable[[Any], Any] = gate(self._stakes, limits)
        """Takes for what ``find`` has found; ``None`` where there is more to say than what ``write`` does."""
        self.write = self._writer() if gauges and desk.when == "always" else None
        """Writes the fields, of the key and of what ``take`` has returned."""

    def _writer(self) -> Callable[[RawHeaders, Any, Any], None]:
        fields = self.desk.fields
        if self._by_state and fields.is_plain:
            return fields.writer(self.gauges)

        def write(headers: RawHeaders, key: Any, passed: Any) -> None:
            taken = self.decision(passed).taken
            readings = [*map(Reading, self.gauges, self.asks(key), taken)]
            fields.write(headers, readings, epoch=time.time())

        return write

    def asks(self, key: Any) -> Sequence[Ask]:
        """Return what has been asked for ``key``."""
        if self._by_state:
            return [(stake, key) for stake in self._stakes]
        return [*zip(self._stakes, key, strict=True)]

    def decision(self, passed: Any) -> Decision:
        """Return what ``take`` has decided."""
        if not self._by_state:
            now, found = passed
            return Decision(True, [Taken(*each) for each in found], [now] * len(found))
        states = passed if isinstance(passed, list) else [passed]
        taken = [
            Taken(True, *gauge.rule.reader()(state), 0.0, state)
            for gauge, state in zip(self.gauges, states, strict=True)
            if isinstance(gauge.rule, TokenBucket)
        ]
        return Decision(True, taken, [at for _, at in states])


def _all(finders: Sequence[FindKey]) -> Callable[[Exchange, Scope, None], Sequence[str | None]]:
    return lambda exchange, scope, _: [find(exchange, scope, None) for find in finders]


@final
class Ways:
    """The ways of a layer. Where patterns alone say which quotas a request falls under, it is found here."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        gauges = self._gauges = desk.places.gauges
        self._always = self._default = 0
        self._tests: list[tuple[int, frozenset[str] | None, Callable[[str], bool]]] = []
        for at, gauge in enumerate(gauges):
            bit = 1 << at
            self._tests += [(bit, each.methods, each.path_test()) for each in gauge.patterns]
            self._default |= bit if gauge.is_default else 0
            self._always |= 0 if gauge.is_conditional else bit
        self._known: dict[int, Way | None] = {}
        self.only = None if self._tests else self._way(self._always | self._default)
        """The way of all requests, where there is no more than one."""

    def __bool__(self) -> bool:
        """Whether some request may go one of them."""
        if not all(gauge.is_told_by_path for gauge in self._gauges):
            return False
        return self.only is not None or (bool(self._tests) and self._way(self._always) is not None)

    def choose(self, scope: Scope) -> Way | None:
        """Return the way of a request; ``None`` where its quotas want more than a decision in this process."""
        method, path = scope["method"], route_path(scope)
        chosen = self._always
        for bit, methods, fits in self._tests:
            if (methods is None or method in methods) and fits(path):
                chosen |= bit
        if chosen == self._always:
            chosen |= self._default
        return self._known[chosen] if chosen in self._known else self._way(chosen)

    def _way(self, chosen: int) -> Way | None:
        gauges = [gauge for at, gauge in enumerate(self._gauges) if chosen >> at & 1]
        # Of no quota any counters will do.
        pools = {self._desk.places.named(gauge.name)[1] for gauge in gauges or self._gauges[:1]}
        pool, way = pools.pop(), None
        if not pools and (pool.shared is None or not gauges) and all(gauge.is_plain for gauge in gauges):
            way = Way(self._desk, gauges, pool.local)
        if len(self._known) < MOST_WAYS:
            self._known[chosen] = way
        return way
