"""Counts in this process: decided in one step, and bounded whatever keys somebody invents."""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from typing import Final, final

from asgi_patterns.ratelimit.asks import Ask, Decision
from asgi_patterns.ratelimit.rules import Rule, State

LOOKED_AT: Final = 8
"""Keys among which one is chosen to be forgotten."""

Shelf = OrderedDict[str, State]


@final
class MemoryCounters:
    """Counts of at most ``most`` keys for each quota. ``clock`` gives seconds that never go back."""

    def __init__(self, *, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._shelves: defaultdict[str, Shelf] = defaultdict(OrderedDict)

    def __len__(self) -> int:
        """How many keys are remembered, of all quotas."""
        return sum(map(len, self._shelves.values()))

    def take(self, asks: Sequence[Ask]) -> Decision:
        """Look at all, and charge all if each binding one allows it. Nothing is awaited in between."""
        now = self._clock()
        shelves = self._shelves
        allowed = True
        found = []
        for stake, key in asks:
            taken = stake.rule.take(shelves[stake.quota].get(key), stake.cost, now)
            found.append(taken)
            if not taken[0] and stake.binding:
                allowed = False
        if allowed:
            for at, (stake, key) in enumerate(asks):
                state = found[at][4]
                if state is not None:
                    shelf = shelves[stake.quota]
                    shelf[key] = state
                    if len(shelf) > self._most:
                        _make_room(shelf, stake.rule, now)
        return Decision(allowed, found, [now] * len(found))

    def charge(self, ask: Ask) -> None:
        """Count what has been used already."""
        stake, key = ask
        now = self._clock()
        shelf = self._shelves[stake.quota]
        shelf[key] = stake.rule.charge(shelf.get(key), stake.cost, now)
        if len(shelf) > self._most:
            _make_room(shelf, stake.rule, now)

    def give_back(self, ask: Ask, at: float, token: bytes = b"") -> None:
        """Undo what was charged at that time."""
        stake, key = ask
        shelf = self._shelves[stake.quota]
        state = shelf.get(key)
        if state is not None:
            shelf[key] = stake.rule.refund(state, stake.cost, at, self._clock())

    async def forget(self, ask: Ask) -> None:
        """Forget what has been counted."""
        stake, key = ask
        self._shelves[stake.quota].pop(key, None)


def _make_room(shelf: Shelf, rule: Rule, now: float) -> None:
    """Forget one key: one that says nothing any more, or of the oldest few the one that soonest will.

    Who has used much of a quota is remembered for longest, so that nobody gets a new one by inventing keys.
    """
    first: str | None = None
    soonest = 0.0
    for _ in range(min(LOOKED_AT, len(shelf) - 1)):
        key, state = next(iter(shelf.items()))
        ends = rule.forgettable_at(state)
        if ends <= now:
            del shelf[key]
            return
        shelf.move_to_end(key)
        if first is None or ends < soonest:
            first, soonest = key, ends
    if first is not None:
        del shelf[first]
