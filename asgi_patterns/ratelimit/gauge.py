"""A quota made ready: what can be said about it once is said here, not for every request."""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import blake2b
from math import inf
from typing import Final, NamedTuple, final

from asgi_patterns.ratelimit.asks import Ask, Stake
from asgi_patterns.ratelimit.buckets import LeakyBucket, TokenBucket
from asgi_patterns.ratelimit.keys import ADDRESS, FIELD, GLOBAL, KeyKind
from asgi_patterns.ratelimit.quota import Quota
from asgi_patterns.ratelimit.rules import Rule, Taken
from asgi_patterns.ratelimit.slots import Slots

ANONYMOUS: Final = "anonymous"
AUTHENTICATED: Final = "authenticated"

MOST_STAKES: Final = 256
"""Costs for which the stake is kept."""

PK_BYTES: Final = 6
"""Bytes of a partition key: enough to tell keys apart, too few to tell whose they are."""


@final
class Gauge:
    """One quota of one layer, with its rule and the constant parts of its fields."""

    def __init__(
        self, quota: Quota, kind: KeyKind, *, is_default: bool, warn_at: float, layer: str | None = None
    ) -> None:
        """``kind`` is its key, the layer's where it has none; ``warn_at`` is a share of the limit, 0 to 1.

        ``layer`` is the layer's name, if it has one of its own.
        """
        self.quota = quota
        self.name = quota.label
        self.policy_name = self.name if layer is None else f"{layer}-{self.name}"
        """What clients are told: two layers may each have a quota of one name."""
        self.rule: Rule = quota.rule()
        self.kind = kind
        self.is_default = is_default
        """Whether it is only for requests that no ``match`` takes."""
        self.patterns = tuple(quota.patterns)
        self.binding = quota.mode == "enforce"
        self._stakes: dict[int, Stake] = {}
        is_fixed = quota.unit == "requests" and not callable(quota.cost)
        self.stake = self.at(quota.cost) if is_fixed and isinstance(quota.cost, int) else None
        """What a request puts at stake, where that is the same for all."""
        self.holds = isinstance(self.rule, Slots)
        """Whether it is given back when the request ends."""
        self.is_capacity = kind.word == GLOBAL if quota.capacity is None else quota.capacity
        self.is_conditional = bool(self.patterns or is_default or quota.tier is not None or quota.condition)
        self.warn_below = -1.0 if quota.mode == "observe" else _warn_below(self.rule, warn_at)
        """It is time to warn when no more than so much is left."""
        self.most = _most(quota, self.rule)
        """What a client may see as the limit of it."""
        self.share = 1.0 / self.most
        self.head = b'"%b";r=' % self.policy_name.encode()
        self.policy = _policy(self)

    @property
    def needs_caller(self) -> bool:
        """Whether it has to be known who the request is for."""
        return self.kind.needs_caller or self.quota.tier is not None

    @property
    def is_plain(self) -> bool:
        """Whether it costs the same for all requests, for whom they say themselves, and is over with the decision."""
        is_over = self.quota.counts == "all" and not self.holds
        return is_over and self.stake is not None and self.kind.word in (ADDRESS, GLOBAL, FIELD)

    @property
    def is_bucket(self) -> bool:
        """Whether it is a token bucket out of which each request takes something."""
        return isinstance(self.rule, TokenBucket) and self.stake is not None and self.stake.cost > 0

    @property
    def is_told_by_path(self) -> bool:
        """Whether patterns alone say which requests it is for."""
        return self.quota.tier is None and self.quota.condition is None

    def distance(self, taken: Taken) -> float:
        """Return how far a key is from the end of this quota: the closest is the lowest."""
        return taken.remaining * self.share if taken.allowed else -1.0

    def at(self, cost: int) -> Stake:
        """Return what is at stake for a request of that cost."""
        stake = self._stakes.get(cost)
        if stake is None:
            stake = Stake(self.name, self.rule, cost, self.binding)
            if len(self._stakes) < MOST_STAKES:
                self._stakes[cost] = stake
        return stake

    def is_for_tier(self, *, known: bool, tier: str | None) -> bool:
        """Whether it is for a caller of ``tier``; ``known`` is whether there is a caller at all."""
        wanted = self.quota.tier
        if wanted is None:
            return True
        return wanted == ((tier or AUTHENTICATED) if known else ANONYMOUS)


class Reading(NamedTuple):
    """What one gauge says about one request."""

    gauge: Gauge
    ask: Ask
    taken: Taken

    @property
    def key(self) -> str:
        """Who it is for."""
        return self.ask[1]

    @property
    def violates(self) -> bool:
        """Whether it is this one that refuses."""
        return self.gauge.binding and not self.taken.allowed

    @property
    def wait(self) -> float:
        """Seconds until the same request would be allowed; infinite where it never will be."""
        return self.taken.wait if self.ask[0].cost <= self.gauge.rule.most else inf


def closest_first(readings: Sequence[Reading]) -> Sequence[Reading]:
    """Return the readings with the one that ends first in front."""
    return readings if len(readings) < 2 else sorted(readings, key=_distance)


def _distance(reading: Reading) -> float:
    return reading.gauge.distance(reading.taken)


def uncharged(reading: Reading) -> Reading:
    """Return what a quota says of a request that was not charged: of which nothing is missing grows no more."""
    gauge, ask, taken = reading
    left = min(taken.remaining + (int(ask[0].cost) if taken.allowed else 0), gauge.most)
    more_in = taken.more_in if left < gauge.most else 0.0
    return Reading(gauge, ask, taken._replace(remaining=left, more_in=more_in))


def partition_key(key: str, secret: bytes) -> bytes:
    """Return what tells a client whose quota it sees, and nobody whose it is: a few bytes of a keyed hash."""
    return b":%b:" % b64encode(blake2b(key.encode(), key=secret, digest_size=PK_BYTES).digest())


def _most(quota: Quota, rule: Rule) -> int:
    return int(rule.capacity) if isinstance(rule, TokenBucket) else quota.limit


def _warn_below(rule: Rule, warn_at: float) -> float:
    # A leaky bucket without a queue has nothing left after every request.
    if isinstance(rule, LeakyBucket):
        return -1.0
    return rule.most * (1.0 - warn_at) + 1e-9


def _policy(gauge: Gauge) -> bytes:
    quota = gauge.quota
    parts = [f'"{gauge.policy_name}";q={quota.limit}']
    if gauge.holds:
        parts.append('qu="concurrent-requests"')
    elif quota.unit != "requests":
        parts.append(f'qu="{quota.unit}"')
    # The window of a policy is a whole number of seconds; of half a second there is no way to tell.
    if quota.span >= 1 and quota.span.is_integer():
        parts.append(f"w={int(quota.span)}")
    if gauge.most != quota.limit:
        parts.append(f"asgi-burst={gauge.most}")
    return ";".join(parts).encode()
