"""A circuit breaker, pure: whether to try what has just failed. Time is an argument, in seconds.

if breaker.refuses and not breaker.may_probe(now):
    return decide_without()
try:
    ...
except OSError:
    edge = breaker.failed(clock(), began=now)
else:
    edge = breaker.succeeded()
"""

from typing import Final, Literal, final

__all__ = ["COOL_DOWN", "THRESHOLD", "Breaker", "Edge"]

Edge = Literal["opened", "closed"]
"""A change that others should hear of."""

THRESHOLD: Final = 2
COOL_DOWN: Final = 0.25


@final
class Breaker:
    """Closed, in doubt after a failure, open after ``threshold`` failures in a row.

    Doubt is what makes one time-out enough: from the first failure on, one caller at a time probes and all
    others are refused, so an outage costs those who were on their way and one probe. But the loss of one
    packet looks the same, and ends with the probe's success: it is no change that anybody hears of. Only a
    second failure in a row opens, and then a probe is due every ``cool_down`` seconds.
    """

    def __init__(self, *, threshold: int = THRESHOLD, cool_down: float = COOL_DOWN) -> None:
        if threshold < 1 or cool_down <= 0:
            raise ValueError("a breaker needs a threshold of at least 1 and a cool-down above 0")
        self._threshold = threshold
        self._cool_down = cool_down
        self._failures = 0
        self._last_failure = 0.0
        self._next_probe = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it has opened, and not closed since."""
        return self._failures >= self._threshold

    @property
    def refuses(self) -> bool:
        """Whether a call must not be made, unless it is the probe: see `may_probe`."""
        return self._failures > 0

    def may_probe(self, now: float) -> bool:
        """Whether this caller, and no other until ``cool_down`` seconds from now, tries for all.

        It is to report how that went; if it never does, another one is asked to try.
        """
        if not self._failures or now < self._next_probe:
            return False
        self._next_probe = now + self._cool_down
        return True

    def failed(self, now: float, *, began: float | None = None) -> Edge | None:
        """Count a failure; ``opened`` if this one has opened it.

        A call that ``began`` before the last failure was known tells nothing new, and is not counted.
        """
        if self._failures and began is not None and began < self._last_failure:
            return None
        self._failures += 1
        self._last_failure = now
        self._next_probe = now + self._cool_down if self.is_open else now
        return "opened" if self._failures == self._threshold else None

    def succeeded(self) -> Edge | None:
        """Close; ``closed`` if it was open. Any success counts, be it of a call that began long ago."""
        was_open, self._failures = self.is_open, 0
        return "closed" if was_open else None
