"""Which quotas a request falls under, what is asked of each, and where it is counted."""

from collections.abc import Callable, Sequence
from typing import Final, final

from asgi_patterns.kernel.address import address_key
from asgi_patterns.kernel.caller import Caller, Identify, identify_caller
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.headers import content_length, request_lines
from asgi_patterns.kernel.patterns import route_path
from asgi_patterns.kernel.types import Scope
from asgi_patterns.ratelimit.asks import Ask, Stake
from asgi_patterns.ratelimit.gauge import Gauge
from asgi_patterns.ratelimit.keys import ADDRESS, EVERYBODY, FIELD, GLOBAL, USER, of_field, of_text, of_user
from asgi_patterns.ratelimit.pool import Pool

_LONGEST_IPV4: Final = len("255.255.255.255")
NOBODY: Final = (None,)
"""Stands for a client that the server does not name."""

FindKey = Callable[[Exchange, Scope, Caller | None], str | None]

Picked = tuple[Pool, Sequence[Gauge], Sequence[Ask]]
"""The quotas of one pool that a request falls under, and what is asked of each."""


def _address(exchange: Exchange, scope: Scope, caller: Caller | None) -> str:
    # Without proxies it is what the server says, and nothing has to be remembered for the others.
    if exchange.context.proxies.nobody:
        host = (scope.get("client") or NOBODY)[0]
        # As address_key says, without a call, for who has an IPv4 address.
        return host if host and len(host) <= _LONGEST_IPV4 and ":" not in host else address_key(host)
    return exchange.client(scope).key


def _user(exchange: Exchange, scope: Scope, caller: Caller | None) -> str | None:
    return None if caller is None else of_user(caller.id)


def _everybody(exchange: Exchange, scope: Scope, caller: Caller | None) -> str | None:
    return EVERYBODY


_FINDERS: Final[dict[str, FindKey]] = {ADDRESS: _address, USER: _user, GLOBAL: _everybody}


def finder(gauge: Gauge) -> FindKey:
    """Return what finds the key of a request for ``gauge``; ``None`` leaves the request out."""
    kind = gauge.kind
    if kind.function is not None:
        function = kind.function
        return lambda exchange, scope, caller: of_text(function(scope))
    if kind.word != FIELD:
        return _FINDERS[kind.word]

    def find(exchange: Exchange, scope: Scope, caller: Caller | None) -> str | None:
        values = request_lines(scope["headers"], kind.field)
        # Leaving the field out must not be a way out.
        return of_field(values) if values else _address(exchange, scope, caller)

    return find


@final
class Places:
    """The quotas of a layer by the pool that counts them. ``identify`` is the layer's own, if it has one."""

    def __init__(
        self, pools: Sequence[tuple[Pool, Sequence[Gauge]]], *, identify: Identify | None = None
    ) -> None:
        self._pools = [(pool, [(gauge, finder(gauge)) for gauge in gauges]) for pool, gauges in pools]
        self._named = {
            gauge.name: (gauge, pool, find) for pool, gauges in self._pools for gauge, find in gauges
        }
        self.gauges = [gauge for _, gauges in pools for gauge in gauges]
        self.needs_caller = any(gauge.needs_caller for gauge in self.gauges)
        self.holds = any(gauge.holds for gauge in self.gauges)
        """Whether there are slots that have to be given back."""
        self.settles = any(gauge.quota.counts != "all" for gauge in self.gauges)
        """Whether it depends on the answer what counts."""
        self.measures = any(gauge.quota.unit != "requests" for gauge in self.gauges)
        """Whether the bytes of a request have to be counted as they come."""
        self._identify = identify
        self._has_default = any(gauge.is_default for gauge in self.gauges)

    def has(self, name: str) -> bool:
        """Whether there is a quota of that name."""
        return name in self._named

    def named(self, name: str) -> tuple[Gauge, Pool, FindKey]:
        """Return the quota of that name, where it is counted, and what finds its keys."""
        return self._named[name]

    def keys(self, exchange: Exchange, scope: Scope, caller: Caller | None) -> set[str]:
        """Return what the request is counted by, of all quotas."""
        found = [find(exchange, scope, caller) for _, _, find in self._named.values()]
        return {key for key in found if key is not None}

    async def caller(self, exchange: Exchange, scope: Scope) -> Caller | None:
        """Return who a request is for."""
        if self._identify is None:
            return await exchange.caller()
        return await identify_caller(self._identify, scope)

    def pick(self, exchange: Exchange, scope: Scope, caller: Caller | None) -> Sequence[Picked]:
        """Return what a request falls under, by pool: what is counted in this process first."""
        takes_default = self._has_default and not self._is_matched(scope, caller)
        picked = [
            self._pick_from(pool, exchange, scope, caller, takes_default=takes_default)
            for pool in self._pools
        ]
        return [each for each in picked if each[1]]

    def _pick_from(
        self,
        pool: tuple[Pool, Sequence[tuple[Gauge, FindKey]]],
        exchange: Exchange,
        scope: Scope,
        caller: Caller | None,
        *,
        takes_default: bool,
    ) -> Picked:
        gauges, asks = [], []
        for gauge, find in pool[1]:
            if gauge.is_conditional and not _applies(gauge, scope, caller, takes_default=takes_default):
                continue
            key = find(exchange, scope, caller)
            if key is not None:
                gauges.append(gauge)
                asks.append((stake_of(gauge, scope), key))
        return pool[0], gauges, asks

    def preview(self, exchange: Exchange, scope: Scope) -> list[tuple[Gauge, str | None, float]]:
        """Return what a request whose caller is not known would fall under: each with its key and its cost."""
        takes_default = self._has_default and not self._is_matched(scope, None)
        return [
            (gauge, find(exchange, scope, None), stake_of(gauge, scope).cost)
            for gauge, _, find in self._named.values()
            if _applies(gauge, scope, None, takes_default=takes_default, any_tier=True)
        ]

    def _is_matched(self, scope: Scope, caller: Caller | None) -> bool:
        return any(
            gauge.patterns and _applies(gauge, scope, caller, takes_default=False) for gauge in self.gauges
        )


def _applies(
    gauge: Gauge, scope: Scope, caller: Caller | None, *, takes_default: bool, any_tier: bool = False
) -> bool:
    """Whether a request falls under a quota, as far as its match, tier and condition say."""
    if gauge.is_default and not takes_default:
        return False
    if gauge.patterns:
        method, path = scope.get("method", "GET"), route_path(scope)
        if not any(each.matches(method, path) for each in gauge.patterns):
            return False
    tier = None if caller is None else caller.tier
    if not any_tier and not gauge.is_for_tier(known=caller is not None, tier=tier):
        return False
    condition = gauge.quota.condition
    return condition is None or bool(condition(scope))


def stake_of(gauge: Gauge, scope: Scope) -> Stake:
    """Return what a request puts at stake. Raises ``TypeError`` or ``ValueError`` for a cost that is none."""
    if gauge.stake is not None:
        return gauge.stake
    quota = gauge.quota
    if quota.unit != "requests":
        return gauge.at(content_length(scope["headers"]) or 0)
    cost: object = quota.cost(scope) if callable(quota.cost) else quota.cost
    if not isinstance(cost, int):
        raise TypeError(f"the cost of {gauge.name} is a whole number, not {type(cost).__name__}")
    if cost < 0:
        raise ValueError(f"the cost of {gauge.name} is 0 or more, not {cost}")
    return gauge.at(cost)
