"""Latencies in buckets that are a hundredth apart: as many as there are orders of magnitude, however many requests."""

from collections.abc import Mapping
from math import exp, log
from typing import Final

_SHORTEST: Final = 1e-6
_STEP: Final = log(1.01)


def bucket(seconds: float) -> int:
    """Return the number of the bucket of a latency."""
    return round(log(max(seconds, _SHORTEST)) / _STEP)


def quantile(found: Mapping[int, int], share: float) -> float:
    """Return the seconds within which that share was answered, to a hundredth; 0 where nothing was."""
    left = share * sum(found.values())
    for number in sorted(found):
        left -= found[number]
        if left <= 0:
            return exp(number * _STEP)
    return 0.0
