"""Replays a log against the quotas of layers: with what decides real requests, and the log's own time as the clock."""

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import Final, NamedTuple, final

from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import Scope
from asgi_patterns.ratelimit.access_log import Entry
from asgi_patterns.ratelimit.layer import RateLimit
from asgi_patterns.ratelimit.trial import Charged, Trial

AT_ONCE: Final = 10_000
"""Requests that wait until those which began before them have been read: a log is in the order of their ends."""
LATE: Final = 1.0
"""Seconds by which a request may be behind the clock before that is worth a word."""
REFUSED: Final = 429


class _Ended(NamedTuple):
    """What is given back when a request ends."""

    at: float
    number: int
    trial: Trial
    charged: Sequence[Charged]


@final
class Simulation:
    """``layers``, the outermost first. Memory is bounded, however long the log is.

    ``describe`` makes the scope of an entry; ``answered`` says whether a layer in front answers such a request.
    """

    def __init__(
        self,
        layers: Sequence[RateLimit],
        *,
        describe: Callable[[Entry], Scope],
        answered: Callable[[Scope], bool],
    ) -> None:
        self.trials = [Trial(layer, self._clock) for layer in layers]
        self.requests = 0
        self.refused = 0
        self.answered = 0
        self.preflights = 0
        self.late = 0
        """Requests that are older than others which were decided before, and count as if they were not."""
        self.first = self.last = 0.0
        self._describe = describe
        self._answered = answered
        self._now = 0.0
        self._numbers = count()
        self._waiting: list[tuple[float, int, Entry]] = []
        self._running: list[_Ended] = []

    def add(self, entry: Entry) -> None:
        """Take in the next line."""
        self.first = min(self.first or entry.time, entry.time)
        self.last = max(self.last, entry.time)
        heappush(self._waiting, (entry.start, next(self._numbers), entry))
        if len(self._waiting) > AT_ONCE:
            self._next()

    def finish(self) -> None:
        """Decide about the rest."""
        while self._waiting:
            self._next()

    def _clock(self) -> float:
        return self._now

    def _next(self) -> None:
        start, _, entry = heappop(self._waiting)
        while self._running and self._running[0].at <= start:
            self._end(heappop(self._running))
        self.late += start < self._now - LATE
        self._now = max(self._now, start)
        scope = self._describe(entry)
        if entry.method == "OPTIONS":
            self.preflights += 1  # nearly always: and those cost nothing
        elif self._answered(scope):
            self.answered += 1
        else:
            self.requests += 1
            self.refused += not self._passes(entry, scope)

    def _passes(self, entry: Entry, scope: Scope) -> bool:
        exchange, scope = Exchange.of(scope)
        charges: list[tuple[Trial, Sequence[Charged]]] = []
        for trial in self.trials:
            passes, charged = trial.take(entry, scope, exchange)
            if not passes:
                self._settle(charges, entry, REFUSED)
                return False
            charges.append((trial, charged))
        self._settle(charges, entry, entry.status)
        return True

    def _settle(
        self, charges: Sequence[tuple[Trial, Sequence[Charged]]], entry: Entry, status: int | None
    ) -> None:
        """Give back what does not stay, at the end of the request. One that is refused has ended already."""
        duration = 0.0 if status == REFUSED else entry.duration or 0.0
        for trial, charged in charges:
            if returned := [each for each in charged if not each.stays(status)]:
                ended = _Ended(self._now + duration, next(self._numbers), trial, returned)
                if duration:
                    heappush(self._running, ended)
                else:
                    self._end(ended)

    def _end(self, ended: _Ended) -> None:
        self._now = max(self._now, ended.at)
        for each in ended.charged:
            ended.trial.counters.give_back(each.ask, each.at)
