"""What every adapter of ``Counters`` promises, and how a test asks one.

``ONE_OF_EACH``: rules that admit ``N`` at once and no more on the same day; ``Worker``: one process with its counts.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import TypeAlias

from asgi_patterns.ratelimit.asks import Ask, Decision, Stake
from asgi_patterns.ratelimit.buckets import LeakyBucket, TokenBucket
from asgi_patterns.ratelimit.counters import Counters
from asgi_patterns.ratelimit.rules import Rule
from asgi_patterns.ratelimit.slots import Slots
from asgi_patterns.ratelimit.windows import FixedWindow, SlidingLog, SlidingWindow

DAY = 86_400.0
N = 12
ONE_OF_EACH: list[tuple[str, Rule]] = [
    ("token bucket", TokenBucket(float(N), N / DAY)),
    ("leaky bucket", LeakyBucket(DAY, (N - 1) * DAY)),
    ("fixed window", FixedWindow(float(N), DAY)),
    ("sliding window", SlidingWindow(float(N), DAY)),
    ("sliding log", SlidingLog(float(N), DAY)),
    ("slots", Slots(float(N), DAY)),
]

Worker: TypeAlias = Callable[[], Counters]
"""Makes the counts of one more process; in memory there is only one, whose counts are always the same."""

UNUSUAL = [
    ("a/b", "c"),
    ("a", "b/c"),
    ("a", "b"),
    ("a", "c"),
    ("b", "c"),
    ("a", ""),
    ("a", " "),
    ("a", "*"),
    ("a", "{c}"),
    ("a", "}"),
    ("a", "{}"),
    ("a", "\x00"),
    ("a", "c\r\nDEL *"),
    ("a", "\u00fc\U0001f600"),
    ("a", "2001:db8::/64"),
    ("a", "T:c"),
    ("a-T", "c"),
    ("a", "c" * 64),
    ("a", "C"),
]
"""Quotas and keys that are different, however they are put together."""


async def take(counters: Counters, *asks: Ask) -> Decision:
    """Ask, and wait where the counts are elsewhere."""
    found = counters.take(asks)
    return await found if inspect.isawaitable(found) else found


def stake(rule: Rule, cost: float = 1, *, quota: str = "quota", binding: bool = True) -> Stake:
    """A stake in a quota of a name that is not the point."""
    return Stake(quota, rule, cost, binding)


def give_back(counters: Counters, asks: Sequence[Ask], decision: Decision) -> None:
    """Undo what a decision has charged."""
    for ask, taken, at in zip(asks, decision.taken, decision.times, strict=True):
        if taken.allowed:
            counters.give_back(ask, at, decision.token)
