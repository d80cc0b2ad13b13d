"""Counts in this process: decided in one step, and bounded whatever keys somebody invents."""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from typing import Final, final

from asgi_patterns.ratelimit.asks import Ask, Decision, Stake
from asgi_patterns.ratelimit.rules import Outcome, Rule, State, Taken
from asgi_patterns.ratelimit.slots import unleased

LOOKED_AT: Final = 8
"""Keys among which one is chosen to be forgotten."""

Shelf = OrderedDict[str, State]

Passed = tuple[float, Sequence[Outcome]]
"""When a request was charged, and what each quota says."""
Gate = Callable[[str], Passed | Decision]


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
        found = [
            unleased(stake.rule).take(shelves[stake.quota].get(key), stake.cost, now) for stake, key in asks
        ]
        decision = _decision([stake for stake, _ in asks], found, now)
        if decision.allowed:
            for (stake, key), taken in zip(asks, decision.taken, strict=True):
                if taken.state is not None:
                    self._keep(stake, key, taken.state, now)
        return decision

    def gate(self, stakes: Sequence[Stake], limits: Sequence[float]) -> Gate:
        """Return what does for the same ``stakes`` again and again what ``take`` does, in less time.

        For a key that is not over any of them and has more left than ``limits`` say, it returns no whole decision.
        """
        return self._one(stakes[0], limits[0]) if len(stakes) == 1 else self._several(stakes, limits)

    def _one(self, stake: Stake, limit: float) -> Gate:
        clock, most, rule, cost = self._clock, self._most, stake.rule, stake.cost
        shelf, take = self._shelves[stake.quota], stake.rule.take

        def gate(key: str) -> Passed | Decision:
            now = clock()
            taken = take(shelf.get(key), cost, now)
            # By position, which is faster than by name: remaining, state.
            state = taken[4]
            if state is not None:
                shelf[key] = state
                if len(shelf) > most:
                    _make_room(shelf, rule, now)
                if taken[1] > limit:
                    return now, (taken,)
            return _decision((stake,), (taken,), now)

        return gate

    def _several(self, stakes: Sequence[Stake], limits: Sequence[float]) -> Gate:
        clock, most = self._clock, self._most
        parts = [
            (stake.rule, stake.rule.take, self._shelves[stake.quota], stake.cost, limit)
            for stake, limit in zip(stakes, limits, strict=True)
        ]

        def gate(key: str) -> Passed | Decision:
            now = clock()
            is_plain = True
            found = []
            for _, take, shelf, cost, limit in parts:
                taken = take(shelf.get(key), cost, now)
                found.append(taken)
                if taken[4] is None or taken[1] <= limit:
                    is_plain = False
            if is_plain or allows(stakes, found):
                for at, (rule, _, shelf, _, _) in enumerate(parts):
                    if (state := found[at][4]) is not None:
                        shelf[key] = state
                        if len(shelf) > most:
                            _make_room(shelf, rule, now)
            return (now, found) if is_plain else _decision(stakes, found, now)

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


def allows(stakes: Sequence[Stake], found: Sequence[Outcome]) -> bool:
    """Whether a request may pass: no binding stake is refused."""
    return all(taken[0] or not stake.binding for stake, taken in zip(stakes, found, strict=True))


def whole(passed: Passed) -> Decision:
    """Return the whole decision about a request that a gate has let pass."""
    now, found = passed
    return Decision(True, [Taken(*each) for each in found], [now] * len(found))


def _decision(stakes: Sequence[Stake], found: Sequence[Outcome], now: float) -> Decision:
    return Decision(allows(stakes, found), [Taken(*each) for each in found], [now] * len(found))


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
