"""What was charged for a request, quota by quota: what can be given back."""

from collections.abc import Sequence
from typing import NamedTuple

from asgi_patterns.ratelimit.asks import Ask, Decision
from asgi_patterns.ratelimit.counters import Counters
from asgi_patterns.ratelimit.gauge import Gauge


class Charge(NamedTuple):
    """What one quota has counted, and where it can be given back."""

    gauge: Gauge
    ask: Ask
    at: float
    token: bytes
    counters: Counters


Made = tuple[Sequence[Gauge], Sequence[Ask], Decision, Counters]
"""A decision: what it is about, and who has made it."""


def charges_of(made: Made) -> list[Charge]:
    """Return what a decision has charged."""
    gauges, asks, decision, counters = made
    return [
        Charge(gauge, ask, at, decision.token, counters)
        for gauge, ask, taken, at in zip(gauges, asks, decision.taken, decision.times, strict=False)
        if taken.allowed
    ]
