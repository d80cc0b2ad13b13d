"""What is made ready once for all requests that fall under the same quotas.

``Way``: how such a request is counted and what its answer says, where a decision in this process is all there is to it;
``Ways``: which way a request goes.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, final

from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.patterns import route_path
from asgi_patterns.kernel.types import RawHeaders, Scope
from asgi_patterns.ratelimit.asks import Ask, Decision, Stake
from asgi_patterns.ratelimit.buckets import TokenBucket
from asgi_patterns.ratelimit.desk import Desk
from asgi_patterns.ratelimit.fields import Writer
from asgi_patterns.ratelimit.gauge import Gauge, Reading
from asgi_patterns.ratelimit.memory import MemoryCounters
from asgi_patterns.ratelimit.rules import Taken

MOST_WAYS: Final = 256
"""Sets of quotas for which a way is kept."""


class Way(Protocol):
    """How a request is counted that falls under ``gauges``. What ``find`` and ``take`` return is for the way alone."""

    desk: Desk
    gauges: Sequence[Gauge]
    counters: MemoryCounters
    take: Callable[[Any], Any]
    """Takes for what ``find`` has found; takes nothing and returns ``None`` where ``write`` does not say it all."""
    write: Writer | None
    """Writes the fields of what ``find`` has found and ``take`` has returned, if any are wanted."""

    @property
    def find(self) -> Callable[[Exchange, Scope, None], Any]:
        """What finds whom it is counted for."""

    def asks(self, key: Any) -> Sequence[Ask]:
        """Return what ``take`` has been asked."""

    def decision(self, passed: Any) -> Decision:
        """Return what it has decided."""


@final
class BucketWay:
    """Token buckets with one kind of key: there is one key, and the states of the buckets say everything."""

    __slots__ = ("counters", "desk", "find", "gauges", "take", "write")

    def __init__(self, desk: Desk, gauges: Sequence[Gauge], counters: MemoryCounters) -> None:
        self.desk = desk
        self.gauges = gauges
        self.counters = counters
        self.find: Callable[[Exchange, Scope, None], Any] = desk.places.named(gauges[0].name)[2]
        self.take: Callable[[Any], Any] = counters.gate(_stakes(gauges), _limits(gauges))
        self.write: Writer | None = None
        if desk.when == "always":
            self.write = desk.fields.writer(gauges) if desk.fields.is_plain else _writer(self)

    def asks(self, key: str) -> Sequence[Ask]:
        """Return what has been asked of each bucket."""
        return [(stake, key) for stake in _stakes(self.gauges)]

    def decision(self, passed: Any) -> Decision:
        """Return what has been decided, told from the states."""
        states = passed if isinstance(passed, list) else [passed]
        taken = [
            Taken(True, *gauge.rule.read(state), 0.0, state)
            for gauge, state in zip(self.gauges, states, strict=True)
            if isinstance(gauge.rule, TokenBucket)
        ]
        return Decision(True, taken, [at for _, at in states])


@final
class MixedWay:
    """Any rules, each with a key of its own; also none at all."""

    __slots__ = ("_finders", "counters", "desk", "gauges", "take", "write")

    def __init__(self, desk: Desk, gauges: Sequence[Gauge], counters: MemoryCounters) -> None:
        self.desk = desk
        self.gauges = gauges
        self.counters = counters
        self._finders = [desk.places.named(gauge.name)[2] for gauge in gauges]
        self.take: Callable[[Any], Any] = counters.gate_of_any(_stakes(gauges), _limits(gauges))
        self.write = _writer(self) if gauges and desk.when == "always" else None

    def find(self, exchange: Exchange, scope: Scope, _: None) -> Any:
        """Return the key of each quota."""
        return [find(exchange, scope, None) for find in self._finders]

    def asks(self, key: Sequence[str]) -> Sequence[Ask]:
        """Return what has been asked of each quota."""
        return [*zip(_stakes(self.gauges), key, strict=True)]

    def decision(self, passed: Any) -> Decision:
        """Return what has been decided."""
        now, found = passed
        return Decision(True, [Taken(*each) for each in found], [now] * len(found))


def _stakes(gauges: Sequence[Gauge]) -> list[Stake]:
    return [gauge.stake for gauge in gauges if gauge.stake is not None]


def _limits(gauges: Sequence[Gauge]) -> list[float]:
    return [gauge.warn_below for gauge in gauges]


def _writer(way: Way) -> Writer:
    def write(headers: RawHeaders, key: Any, passed: Any) -> None:
        readings = [*map(Reading, way.gauges, way.asks(key), way.decision(passed).taken)]
        way.desk.fields.write(headers, readings, epoch=time.time())

    return write


@final
class Ways:
    """The ways of a layer; false where there are none. Only patterns may say which quotas a request falls under."""

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
        is_told = all(gauge.is_told_by_path for gauge in gauges)
        self.only = self._way(self._always | self._default) if is_told and not self._tests else None
        """The way of all requests, where there is no more than one."""
        self._is_open = is_told and (
            self._way(self._always) is not None if self._tests else self.only is not None
        )

    def __bool__(self) -> bool:
        return self._is_open

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
        """Return the way of a set of quotas, each a bit, and keep it if there is room."""
        if len(self._known) >= MOST_WAYS:
            return None
        gauges = [gauge for at, gauge in enumerate(self._gauges) if chosen >> at & 1]
        way = self._known[chosen] = self._made(gauges)
        return way

    def _made(self, gauges: Sequence[Gauge]) -> Way | None:
        pools = {self._desk.places.named(gauge.name)[1] for gauge in gauges}
        if not all(gauge.is_plain for gauge in gauges) or any(pool.shared is not None for pool in pools):
            return None
        if len(pools) > 1:
            return None
        # Of no quota any counters will do.
        _, pool, _ = self._desk.places.named((gauges or self._gauges)[0].name)
        is_alike = len({gauge.kind for gauge in gauges}) == 1
        make = BucketWay if is_alike and all(gauge.is_bucket for gauge in gauges) else MixedWay
        return make(self._desk, gauges, pool.local)
