"""Counts in this process: decided in one step, and bounded whatever keys somebody invents."""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from math import inf
from typing import Final, final

from asgi_patterns.ratelimit.asks import Ask, Decision, Stake
from asgi_patterns.ratelimit.buckets import TokenBucket
from asgi_patterns.ratelimit.rules import Outcome, Rule, State, Taken
from asgi_patterns.ratelimit.slots import unleased

LOOKED_AT: Final = 8
"""Keys among which one is chosen to be forgotten."""

NEVER: Final = (0.0, -inf)
"""The state of a bucket that has always been full."""

Shelf = OrderedDict[str, State]

Part = tuple[Shelf, TokenBucket, float, float]
Passed = State | list[State]
Gate = Callable[[str], Passed | None]
"""Takes for a key: returns the state of the one bucket after that, or of all, where there is no more to say of it.

Otherwise it takes nothing, and returns nothing.
"""

Found = tuple[float, list[Outcome]]
AnyGate = Callable[[Sequence[str]], Found | None]
"""Takes for a key of each quota: returns when that was, and what each says. Otherwise as a ``Gate``."""


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
        found, allowed = [], True
        for stake, key in asks:
            taken = unleased(stake.rule).take(self._shelves[stake.quota].get(key), stake.cost, now)
            if not taken[0] and stake.binding:
                allowed = False
            found.append(Taken(*taken))
        if allowed:
            for (stake, key), outcome in zip(asks, found, strict=True):
                if outcome.state is not None:
                    self._keep(stake, key, outcome.state, now)
        return Decision(allowed, found, [now] * len(found))

    def gate(self, stakes: Sequence[Stake], limits: Sequence[float]) -> Gate:
        """Return what does for the same ``stakes`` in token buckets what ``take`` does, in less time.

        It takes only where all allow it, and each bucket is left with more than its part of ``limits``.
        """
        # Costs as floats: adding whole numbers to others takes longer.
        parts: list[Part] = [
            (self._shelves[stake.quota], stake.rule, float(stake.cost), stake.rule.capacity - limit - 1)
            for stake, limit in zip(stakes, limits, strict=True)
            if isinstance(stake.rule, TokenBucket)
        ]
        if len(parts) < len(stakes):
            raise TypeError("only token buckets have a gate")
        return self._one(*parts[0]) if len(parts) == 1 else self._several(parts)

    def _one(self, shelf: Shelf, rule: TokenBucket, cost: float, near: float) -> Gate:
        clock, most, get, rate = self._clock, self._most, shelf.get, rule.rate

        def gate(key: str) -> Passed | None:
            now = clock()
            # TokenBucket.take for a request that is allowed, written out: nothing here is done more often.
            level = cost
            known = get(key)
            before, at = known or NEVER
            if now > at:
                before -= (now - at) * rate
                if before > 0.0:
                    level += before
            elif before:
                level, now = level + before, at
            if level > near:
                return None
            state = shelf[key] = level, now
            if known is None and len(shelf) > most:
                _make_room(shelf, rule, now)
            return state

        return gate

    def _several(self, parts: Sequence[Part]) -> Gate:
        clock, most = self._clock, self._most
        steps = [(shelf.get, cost, near, rule.rate) for shelf, rule, cost, near in parts]
        kept = [(shelf, rule) for shelf, rule, _, _ in parts]

        def gate(key: str) -> Passed | None:
            now = clock()
            states: list[State] = []
            for get, cost, near, rate in steps:
                level, when = cost, now  # as in _one
                before, at = get(key) or NEVER
                if now > at:
                    before -= (now - at) * rate
                    if before > 0.0:
                        level += before
                elif before:
                    level, when = level + before, at
                if level > near:
                    return None
                states.append((level, when))
            for (shelf, rule), state in zip(kept, states, strict=True):
                shelf[key] = state
                if len(shelf) > most:
                    _make_room(shelf, rule, now)
            return states

        return gate

    def gate_of_any(self, stakes: Sequence[Stake], limits: Sequence[float]) -> AnyGate:
        """Return what does for the same ``stakes``, whatever their rules, what ``take`` does.

        It takes only where all allow it at once, and each is left with more than its part of ``limits``.
        """
        clock = self._clock
        steps = [
            (self._shelves[stake.quota], unleased(stake.rule).take, stake.cost, limit)
            for stake, limit in zip(stakes, limits, strict=True)
        ]

        def gate(keys: Sequence[str]) -> Found | None:
            now = clock()
            found: list[Outcome] = []
            for at, (shelf, take, cost, limit) in enumerate(steps):
                outcome = take(shelf.get(keys[at]), cost, now)
                if not outcome[0] or outcome[1] <= limit or outcome[3] > 0.0:
                    return None
                found.append(outcome)
            for stake, key, outcome in zip(stakes, keys, found, strict=True):
                if (state := outcome[4]) is not None:
                    self._keep(stake, key, state, now)
            return now, found

        return gate

    def charge(self, ask: Ask) -> None:
        """Count what has been used already."""
        stake, key = ask
        now = self._clock()
        shelf = self._shelves[stake.quota]
        self._keep(stake, key, unleased(stake.rule).charge(shelf.get(key), stake.cost, now), now)

    def give_back(self, ask: Ask, at: float, token: bytes = b"") -> None:
        """Undo what was charged at that time."""
        stake, key = ask
        shelf = self._shelves[stake.quota]
        state = shelf.get(key)
        if state is None:
            return
        if left := unleased(stake.rule).refund(state, stake.cost, at, self._clock()):
            shelf[key] = left
        else:
            del shelf[key]

    def _keep(self, stake: Stake, key: str, state: State, now: float) -> None:
        shelf = self._shelves[stake.quota]
        shelf[key] = state
        if len(shelf) > self._most:
            _make_room(shelf, unleased(stake.rule), now)

    async def forget(self, ask: Ask) -> None:
        """Forget what has been counted."""
        stake, key = ask
        self._shelves[stake.quota].pop(key, None)


def _make_room(shelf: Shelf, rule: Rule, now: float) -> None:
    """Forget one key: one that says nothing any more, or of the oldest few the one that has the most left.

    Who has used much of a quota is remembered for longest, so that nobody gets a new one by inventing keys.
    """
    first: str | None = None
    weakest = (0.0, 0.0)
    for _ in range(min(LOOKED_AT, len(shelf) - 1)):
        key, state = next(iter(shelf.items()))
        ends = rule.forgettable_at(state)
        if ends <= now:
            del shelf[key]
            return
        shelf.move_to_end(key)
        weight = (-rule.take(state, 0, now)[1], ends)
        if first is None or weight < weakest:
            first, weakest = key, weight
    if first is not None:
        del shelf[first]
