"""Windows: so many in so many seconds, counted from the first request of a key on.

``FixedWindow``: all counts end together; ``SlidingWindow``: the window before counts in part;
``SlidingLog``: every request ends by itself, exactly, and each of them is remembered.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from math import floor
from typing import ClassVar, Final, final

from asgi_patterns.ratelimit.rules import ALMOST, Outcome, State

LONGEST_LOG: Final = 10_000
"""Entries that a log may have, and so the highest limit of one."""


@final
@dataclass(frozen=True, slots=True)
class FixedWindow:
    """``limit`` in ``window`` seconds. The state is when the window began, and what has been used since."""

    limit: float
    window: float

    is_owned: ClassVar[bool] = False

    @property
    def most(self) -> float:
        """All of it."""
        return self.limit

    def take(self, state: State | None, cost: float, now: float) -> Outcome:
        """Use ``cost`` of what the window has left."""
        start, used = self._current(state, now)
        end = start + self.window - now
        if used + cost > self.limit:
            return False, floor(max(0.0, self.limit - used)), end if used else 0.0, end, None
        used += cost
        return True, int(self.limit - used), end if used else 0.0, 0.0, (start, used)

    def charge(self, state: State | None, cost: float, now: float) -> State:
        """Count ``cost``, over the limit where need be."""
        start, used = self._current(state, now)
        return start, used + cost

    def refund(self, state: State, cost: float, at: float, now: float) -> State:
        """Give back what this very window has counted."""
        start, used = state
        return (start, max(0.0, used - cost)) if start <= at else state

    def forgettable_at(self, state: State) -> float:
        """When the window ends."""
        return state[0] + self.window

    def _current(self, state: State | None, now: float) -> tuple[float, float]:
        if state is None or now - state[0] >= self.window - ALMOST:
            return now, 0.0
        # Of a clock that went back the window has only just begun.
        return min(state[0], now), state[1]


@final
@dataclass(frozen=True, slots=True)
class SlidingWindow:
    """``limit`` in ``window`` seconds, near enough. The state: begin of the window, used in it, used in the one before.

    What the one before has used counts by the share of it that the last ``window`` seconds still reach.
    """

    limit: float
    window: float

    is_owned: ClassVar[bool] = False

    @property
    def most(self) -> float:
        """All of it."""
        return self.limit

    def take(self, state: State | None, cost: float, now: float) -> Outcome:
        """Use ``cost`` of what the last ``window`` seconds have left."""
        start, used, before = self._current(state, now)
        share = 1.0 - (now - start) / self.window
        counted = before * share + used
        if counted + cost > self.limit + ALMOST:
            left = floor(max(0.0, self.limit - counted + ALMOST))
            more_in = self._until(start, used, before, left + 1, now) if left < self.limit else 0.0
            return False, left, more_in, self._until(start, used, before, cost, now), None
        used += cost
        left = floor(self.limit - counted - cost + ALMOST)
        more_in = self._until(start, used, before, left + 1, now) if left < self.limit else 0.0
        return True, left, more_in, 0.0, (start, used, before)

    def charge(self, state: State | None, cost: float, now: float) -> State:
        """Count ``cost``, over the limit where need be."""
        start, used, before = self._current(state, now)
        return start, used + cost, before

    def refund(self, state: State, cost: float, at: float, now: float) -> State:
        """Give it back to the window that has counted it."""
        start, used, before = state
        if start <= at:
            return start, max(0.0, used - cost), before
        # The begin of a window is a sum, and may have been rounded up.
        if start - self.window <= at + ALMOST:
            return start, used, max(0.0, before - cost)
        return state

    def forgettable_at(self, state: State) -> float:
        """When the window after this one ends."""
        return state[0] + 2 * self.window

    def _current(self, state: State | None, now: float) -> tuple[float, float, float]:
        if state is None:
            return now, 0.0, 0.0
        start, used, before = state
        passed = floor((now - start + ALMOST) / self.window)
        if passed <= 0:
            return min(start, now), used, before
        if passed == 1:
            return min(start + self.window, now), 0.0, used
        return now, 0.0, 0.0

    def _until(self, start: float, used: float, before: float, cost: float, now: float) -> float:
        """Seconds until ``cost`` can be taken, if nobody else takes anything."""
        spare = self.limit - used - cost
        if before and spare >= 0.0:
            return max(0.0, start + self.window * (1.0 - spare / before) - now)
        end = start + self.window - now
        if used and cost <= self.limit:
            # By then what is used now is the window before.
            return end + self.window * max(0.0, 1.0 - (self.limit - cost) / used)
        return end + self.window


@final
@dataclass(frozen=True, slots=True)
class SlidingLog:
    """``limit`` in any ``window`` seconds, exactly. The state is the time of everything that counts, oldest first."""

    limit: float
    window: float

    is_owned: ClassVar[bool] = True

    @property
    def most(self) -> float:
        """All of it."""
        return self.limit

    def take(self, state: State | None, cost: float, now: float) -> Outcome:
        """Write ``cost`` entries into the log."""
        log = self._counted(state, now)
        over = len(log) + cost - self.limit
        if over > 0:
            left = max(0, int(self.limit) - len(log))
            more = max(1, len(log) + 1 - int(self.limit) + left)
            more_in = self._end(log, more, now) if log else 0.0
            return False, left, more_in, self._end(log, int(over), now), None
        log = insert(log, cost, now)
        left = int(self.limit) - len(log)
        return True, left, self._end(log, 1, now) if log else 0.0, 0.0, log

    def charge(self, state: State | None, cost: float, now: float) -> State:
        """Write ``cost`` entries, more than there should be where need be."""
        return insert(self._counted(state, now), min(cost, LONGEST_LOG), now)

    def refund(self, state: State, cost: float, at: float, now: float) -> State:
        """Take the entries of that time out of the log."""
        return remove(state, cost, at)

    def forgettable_at(self, state: State) -> float:
        """When the youngest entry ends."""
        return state[-1] + self.window if state else 0.0

    def _counted(self, state: State | None, now: float) -> State:
        return state[bisect_right(state, now - self.window + ALMOST) :] if state else ()

    def _end(self, log: State, count: int, now: float) -> float:
        """Seconds until the oldest ``count`` entries have ended."""
        return log[min(count, len(log)) - 1] + self.window - now if log else self.window


def insert(log: State, count: float, at: float) -> State:
    """Return the log with ``count`` more entries of one time. They are told apart by nothing else."""
    place = bisect_right(log, at)
    return (*log[:place], *((at,) * int(count)), *log[place:])


def remove(log: State, count: float, at: float) -> State:
    """Return the log with up to ``count`` entries of that time fewer."""
    first, last = bisect_left(log, at), bisect_right(log, at)
    return log[:first] + log[min(last, first + int(count)) :]
