"""Slots: so many at the same time.

A slot is lent, for a while that is renewed as long as the request runs. Who has died gives it back by not renewing.
"""

from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from typing import ClassVar, Final, final

from asgi_patterns.ratelimit.rules import ALMOST, Outcome, Rule, State
from asgi_patterns.ratelimit.windows import LONGEST_LOG, insert, remove

SOON: Final = 1.0
"""Seconds after which it is worth trying again: nobody knows when a request will have ended."""


@final
@dataclass(frozen=True, slots=True)
class Slots:
    """``limit`` at the same time, each lent for ``lease`` seconds. The state is when each was lent, oldest first."""

    limit: float
    lease: float

    is_owned: ClassVar[bool] = True

    @property
    def most(self) -> float:
        """All of them."""
        return self.limit

    def take(self, state: State | None, cost: float, now: float) -> Outcome:
        """Borrow ``cost`` slots."""
        lent = self._lent(state, now)
        if len(lent) + cost > self.limit:
            return False, max(0, int(self.limit) - len(lent)), 0.0, SOON, None
        lent = insert(lent, cost, now)
        return True, int(self.limit) - len(lent), 0.0, 0.0, lent

    def charge(self, state: State | None, cost: float, now: float) -> State:
        """Borrow ``cost`` slots, more than there are where need be."""
        return insert(self._lent(state, now), min(cost, LONGEST_LOG), now)

    def refund(self, state: State, cost: float, at: float, now: float) -> State:
        """Give back what was borrowed at that time; what has been lent on is no longer ours to give."""
        return remove(state, cost, at)

    def renew(self, state: State | None, cost: float, at: float, now: float) -> State:
        """Lend for longer what was lent at ``at``. What was lost meanwhile is lent again as far as there is any."""
        lent = self._lent(state, now)
        others = remove(lent, cost, at)
        kept = len(lent) - len(others)
        again = min(int(cost) - kept, max(0, int(self.limit) - len(lent)))
        return insert(others, kept + again, now)

    def forgettable_at(self, state: State) -> float:
        """When the last lease ends, if none is renewed."""
        return state[-1] + self.lease if state else 0.0

    def _lent(self, state: State | None, now: float) -> State:
        return state[bisect_right(state, now - self.lease + ALMOST) :] if state else ()


def unleased(rule: Rule) -> Rule:
    """Return ``rule`` as one process alone counts by it: a slot is lent until it is given back.

    Nobody renews it there, and who would die without giving it back takes the counts along.
    """
    return _unleased(rule) if isinstance(rule, Slots) else rule


@lru_cache(maxsize=256)
def _unleased(slots: Slots) -> Slots:
    return replace(slots, lease=inf)
