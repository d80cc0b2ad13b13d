"""Who is known to be refused, and until when: what need not be asked again."""

from collections import OrderedDict
from typing import NamedTuple, final

from asgi_patterns.ratelimit.asks import Ask
from asgi_patterns.ratelimit.rules import Taken
from asgi_patterns.ratelimit.slots import Slots


class _Until(NamedTuple):
    until: float
    cost: float
    left: int


@final
class Refused:
    """The latest ``most`` refusals that still hold. Time is an argument."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.known: OrderedDict[tuple[str, str], _Until] = OrderedDict()

    def note(self, ask: Ask, taken: Taken, now: float) -> None:
        """Remember that ``ask`` is refused. Slots are not: one may be given back at any moment."""
        stake, key = ask
        if isinstance(stake.rule, Slots) or not stake.binding or stake.cost > stake.rule.most:
            return
        self.known[stake.quota, key] = _Until(now + taken.wait, stake.cost, taken.remaining)
        if len(self.known) > self._most:
            self.known.popitem(last=False)

    def look(self, ask: Ask, now: float) -> Taken | None:
        """Return the refusal of ``ask``, if what is known is enough for it."""
        stake, key = ask
        known = self.known.get((stake.quota, key))
        if known is None:
            return None
        if now >= known.until:
            del self.known[stake.quota, key]
            return None
        if stake.cost < known.cost or not stake.binding:
            return None
        wait = known.until - now
        return Taken(False, known.left, wait, wait)

    def drop(self, ask: Ask) -> None:
        """Forget what is known of a key: its count has been reset, or something was given back."""
        self.known.pop((ask[0].quota, ask[1]), None)
