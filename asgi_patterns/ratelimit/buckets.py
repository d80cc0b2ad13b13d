"""Buckets: a level that rises with each request and sinks at a steady rate.

``TokenBucket``: as many as the bucket holds may come at once; ``LeakyBucket``: one at a time, or in a queue.
"""

from dataclasses import dataclass
from math import floor
from typing import ClassVar, final

from asgi_patterns.ratelimit.rules import ALMOST, Outcome, State


@final
@dataclass(frozen=True, slots=True)
class TokenBucket:
    """``capacity`` at once, then ``rate`` a second. The state is how much is taken out, and when that was so."""

    capacity: float
    rate: float

    is_owned: ClassVar[bool] = False

    @property
    def most(self) -> float:
        """What a full bucket holds."""
        return self.capacity

    def take(self, state: State | None, cost: float, now: float) -> Outcome:
        """Take ``cost`` tokens. A first request finds a full bucket."""
        level, now = self._leaked(state, now)
        room = self.capacity - level
        if cost > room + ALMOST:
            left = floor(room + ALMOST) if room > 0.0 else 0
            more_in = (left + 1 - room) / self.rate if level > ALMOST else 0.0
            return False, left, more_in, (cost - room) / self.rate, None
        after = level + cost, now
        left, more_in = self.read(after)
        return True, left, more_in, 0.0, after

    def read(self, state: State) -> tuple[int, float]:
        """Read a state that has just been made: what is left, and in how many seconds there is more."""
        level = state[0]
        room = self.capacity - level
        left = int(room + ALMOST)  # it is not negative, and this is faster than floor
        return left, (left + 1 - room) / self.rate if level > ALMOST else 0.0

    def charge(self, state: State | None, cost: float, now: float) -> State:
        """Take ``cost`` tokens, on credit where there are not so many."""
        level, now = self._leaked(state, now)
        return level + cost, now

    def refund(self, state: State, cost: float, at: float, now: float) -> State:
        """Put back what has not leaked since."""
        level, now = self._leaked(state, now)
        # Without the request the bucket may have been full for a while, and then nothing would have leaked.
        return max(0.0, level - max(0.0, cost - max(0.0, now - at) * self.rate)), now

    def forgettable_at(self, state: State) -> float:
        """When the bucket is full again."""
        return state[1] + state[0] / self.rate

    def _leaked(self, state: State | None, now: float) -> tuple[float, float]:
        if state is None:
            return 0.0, now
        level, at = state
        return (max(0.0, level - (now - at) * self.rate), now) if now > at else (level, at if level else now)


@final
@dataclass(frozen=True, slots=True)
class LeakyBucket:
    """One every ``interval`` seconds, the next ones up to ``max_delay`` seconds later. The state is when it is free."""

    interval: float
    max_delay: float = 0.0

    is_owned: ClassVar[bool] = False

    @property
    def most(self) -> float:
        """Nothing is too much: what costs more keeps the bucket busy for longer."""
        return float("inf")

    def take(self, state: State | None, cost: float, now: float) -> Outcome:
        """Take the next free time, if that is not more than ``max_delay`` away."""
        free = max(now, state[0]) if state else now
        wait = free - now if free - now > ALMOST else 0.0
        if wait > self.max_delay + ALMOST:
            return False, 0, wait - self.max_delay, wait - self.max_delay, None
        after = free + cost * self.interval
        left = self._room(after - now)
        if after - now <= ALMOST or left * self.interval > self.max_delay + ALMOST:
            return True, left, 0.0, wait, (after,)  # there is never room for more
        return True, left, after - now - self.max_delay + left * self.interval, wait, (after,)

    def charge(self, state: State | None, cost: float, now: float) -> State:
        """Keep the bucket busy for what has been used."""
        return ((max(now, state[0]) if state else now) + cost * self.interval,)

    def refund(self, state: State, cost: float, at: float, now: float) -> State:
        """Free the time again. A place in a queue is lost: those behind have been told their times already."""
        if self.max_delay:
            return state
        # Without the request the bucket may have been free for a while: that time cannot be given twice.
        return (max(now, state[0] - max(0.0, cost * self.interval - max(0.0, now - at))),)

    def forgettable_at(self, state: State) -> float:
        """When the bucket is free."""
        return state[0]

    def _room(self, busy: float) -> int:
        """How many more may come at once, when the bucket is busy for so many seconds."""
        return max(0, floor((self.max_delay - busy + ALMOST) / self.interval) + 1)
