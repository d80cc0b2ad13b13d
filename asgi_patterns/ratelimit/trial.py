"""One layer in a simulation: its quotas, asked with what asks them for real requests, and counted in memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, final

from asgi_patterns.kernel.caller import Caller
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.patterns import Patterns, route_path
from asgi_patterns.kernel.types import Scope
from asgi_patterns.ratelimit.access_log import Entry
from asgi_patterns.ratelimit.asks import Ask
from asgi_patterns.ratelimit.gauge import ANONYMOUS, AUTHENTICATED, Gauge
from asgi_patterns.ratelimit.gauging import made_ready
from asgi_patterns.ratelimit.guests import Guests
from asgi_patterns.ratelimit.keys import FIELD, GLOBAL, parse
from asgi_patterns.ratelimit.layer import RateLimit
from asgi_patterns.ratelimit.lists import Listed
from asgi_patterns.ratelimit.memory import MemoryCounters
from asgi_patterns.ratelimit.picking import Places
from asgi_patterns.ratelimit.pool import Pool
from asgi_patterns.ratelimit.tally import Tally

_LACKS = {
    "duration": "no line says how long its request took",
    "content": "no line says how much content its request had",
    "status": "no line has a status",
}


class Charged(NamedTuple):
    """What one quota has counted."""

    gauge: Gauge
    ask: Ask
    at: float

    def stays(self, status: int | None) -> bool:
        """Whether it stays counted when the request ends with this status."""
        if self.gauge.holds:
            return False
        counts = self.gauge.quota.counts
        return counts == "all" or (counts == "failed") == ((status or 0) >= 400)


@final
class Trial:
    """One layer. ``clock`` is the log's time."""

    def __init__(self, layer: RateLimit, clock: Callable[[], float]) -> None:
        gauges = made_ready(layer.quotas, layer.default, key=layer.key, warn_at=layer.warn_at)
        self.label = layer.label
        self.counters = MemoryCounters(most=layer.max_keys, clock=clock)
        self.tallies = {gauge.name: Tally(gauge) for gauge in gauges}
        self.blocked = 0
        self.let_through = 0
        self._counts_messages = layer.messages is not None
        self._untellable = {gauge.name: why for gauge in gauges if (why := _untellable(gauge))}
        known = [_ghost(gauge) if gauge.name in self._untellable else gauge for gauge in gauges]
        self._places = Places([(Pool(self.counters), known)])
        self._guests = Guests(Listed(layer.allow), Listed(layer.block))
        self._include, self._exclude = Patterns(layer.include), Patterns(layer.exclude)

    @property
    def not_simulated(self) -> Iterator[tuple[str, str]]:
        """The quotas of which nothing could be found out, each with the reason."""
        yield from self._untellable.items()
        if self._counts_messages:
            yield "messages", "a log does not tell what was sent over a WebSocket"
        for name, tally in self.tallies.items():
            if tally.untold and not tally.requests:
                yield name, _LACKS[next(_needs(tally.gauge))]

    def take(self, entry: Entry, scope: Scope, exchange: Exchange) -> tuple[bool, Sequence[Charged]]:
        """Decide about a request: whether it may pass, and what was charged for it."""
        method, path = entry.method, route_path(scope)
        if (self._include and not self._include.matches(method, path)) or self._exclude.matches(method, path):
            return True, ()
        caller = None if entry.user is None else Caller(id=entry.user)
        fate = self._sort(exchange, scope, caller)
        if fate != "counted":
            self.blocked += fate == "blocked"
            self.let_through += fate == "allowed"
            return fate == "allowed", ()
        return self._decide(
            [
                (gauge, ask)
                for _, gauges, asks in self._places.pick(exchange, scope, caller)
                for gauge, ask in zip(gauges, asks, strict=True)
                if self._tells(gauge, entry)
            ],
            entry.time,
        )

    def _sort(
        self, exchange: Exchange, scope: Scope, caller: Caller | None
    ) -> Literal["allowed", "blocked", "counted"]:
        if not self._guests:
            return "counted"
        return self._guests.sort(exchange, scope, self._places, caller)

    def _decide(self, picked: Sequence[tuple[Gauge, Ask]], time: float) -> tuple[bool, Sequence[Charged]]:
        if not picked:
            return True, ()
        decision = self.counters.take([ask for _, ask in picked])
        charged = []
        for (gauge, ask), taken, at in zip(picked, decision.taken, decision.times, strict=True):
            self.tallies[gauge.name].note(ask[1], taken, time)
            if decision.allowed and taken.allowed:
                charged.append(Charged(gauge, ask, at))
        return decision.allowed, charged

    def _tells(self, gauge: Gauge, entry: Entry) -> bool:
        """Whether a line says all that the quota has to know."""
        if gauge.name in self._untellable:
            return False
        if any(getattr(entry, name) is None for name in _needs(gauge)):
            self.tallies[gauge.name].untold += 1
            return False
        return True


def _needs(gauge: Gauge) -> Iterator[str]:
    """Yield the parts of an entry that a quota cannot do without."""
    if gauge.holds:
        yield "duration"
    if gauge.quota.unit != "requests":
        yield "content"
    if gauge.quota.counts != "all":
        yield "status"


def _untellable(gauge: Gauge) -> str:
    """Return why no log tells enough for a quota; empty where one may."""
    quota = gauge.quota
    if gauge.kind.word == FIELD:
        return "its key is a field of the request, which a log does not tell"
    for what, found in (
        ("key", gauge.kind.function),
        ("cost", quota.cost if callable(quota.cost) else None),
        ("condition", quota.condition),
    ):
        if found is not None:
            return f"its {what} is a function, which wants the request itself"
    if quota.tier not in (None, ANONYMOUS, AUTHENTICATED):
        return f"a log does not tell who is of the tier {quota.tier!r}"
    return "only handlers charge it" if quota.cost == 0 else ""


def _ghost(gauge: Gauge) -> Gauge:
    """Return what takes the same requests, as far as a log tells, so that no default does. It is never asked."""
    quota = gauge.quota
    tier = quota.tier if quota.tier in (None, ANONYMOUS) else AUTHENTICATED
    plain = replace(quota, name=gauge.name, cost=1, unit="requests", condition=None, tier=tier)
    return Gauge(plain, parse(GLOBAL), is_default=gauge.is_default, warn_at=1)
