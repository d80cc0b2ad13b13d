"""How many requests at once are the right number: found by additive increase and multiplicative decrease.

The signal is the time until answers begin. With too many at once it grows, while no more of them are answered. As long
as it is near what is usual, the limit grows by one where it was in somebody's way; where it is far over that, the limit
shrinks by a tenth to a half. What is usual is learned while the limit is in nobody's way. Where it always is, that is
looked for now and then: with fewer and fewer at once, until the latency falls no more.

``Adaptive``: the limit. Time is an argument.
"""

from math import inf
from typing import Final, final

WINDOW: Final = 0.1
"""Seconds that a window lasts at least: a single pause of the process must not decide one."""
SAMPLES: Final = 50
"""Answers that a window has at least, and as many as the limit is: a whole round of requests in hand."""
MOST_SAMPLES: Final = 500
"""Answers of a window that are looked at."""
TOP: Final = 0.1
"""The share of the longest latencies that is left out: a few slow clients must not shrink the limit for all."""
SLACK: Final = 0.001
"""Seconds by which latencies differ for no reason."""
MEMORY: Final = 30.0
"""Seconds for which a look holds good."""
ALIKE: Final = 1.2
"""How many times as long is still the same."""
PACE: Final = 0.2
"""How much one window counts in what is usual."""
LEAST_CUT, MOST_CUT = 0.9, 0.5
"""What is left of the limit after a decrease: at most, and at least."""


@final
class Adaptive:
    """A limit between ``least`` and ``most``.

    A latency is too long with more than ``tolerance`` times the usual one, or with more than ``target`` seconds where
    that is given: then nothing is learned.
    """

    __slots__ = (
        "_enough",
        "_exact",
        "_least",
        "_looked_at",
        "_looking",
        "_most",
        "_peak",
        "_samples",
        "_since",
        "_target",
        "_tolerance",
        "usual",
    )

    def __init__(self, start: int, *, least: int, most: int, tolerance: float, target: float | None) -> None:
        self._exact = float(min(most, max(least, start)))
        self._enough = _enough(self._exact)
        self._least = float(least)
        self._most = float(most)
        self._tolerance = tolerance
        self._target = target
        self.usual: float | None = None
        """The latency in seconds that is usual; ``None`` while it is not known."""
        self._looked_at = -inf
        self._looking: tuple[float, float] | None = None
        """While the limit is lowered for a look: what it was, and the latency before."""
        self._since: float | None = None
        self._samples: list[float] = []
        self._peak = 0

    @property
    def limit(self) -> int:
        """The limit, in whole requests."""
        return int(self._exact)

    @property
    def bound(self) -> float | None:
        """Seconds from which a latency is too long; ``None`` while nobody knows."""
        if self._target is not None:
            return self._target
        return None if self.usual is None else self.usual * self._tolerance + SLACK

    @property
    def spare(self) -> float | None:
        """Seconds that may be lost elsewhere before the whole takes too long; ``None`` while nobody knows."""
        if self._target is not None:
            return self._target / 2
        return None if self.usual is None else self.usual * (self._tolerance - 1)

    def note(self, admitted: float, now: float, in_hand: int, *, failed: bool = False) -> bool:
        """Take in that an answer has begun. Return whether enough of them have, so that it is time to ``decide``.

        What has ``failed`` may have been quick because it failed: it counts only where that took too long.
        """
        since = self._since
        if since is None:
            since = self._since = admitted
        # Who was let in before the last decision tells nothing about what it has changed.
        if admitted < since or (failed and not self._is_long(now - admitted)):
            return False
        if in_hand > self._peak:
            self._peak = in_hand
        samples = self._samples
        if len(samples) < MOST_SAMPLES:
            samples.append(now - admitted)
        return len(samples) >= self._enough and now - since >= WINDOW

    def decide(self, now: float, *, pressed: bool) -> None:
        """End the window. ``pressed`` says whether the limit was in anybody's way."""
        latency, peak = _mean(self._samples), self._peak
        self._samples, self._peak, self._since = [], 0, now
        if self._looking is not None:
            self._look_on(*self._looking, latency, now)
        elif self._target is None and self._learn(latency, now, pressed=pressed):
            self._looking = (self._exact, latency)
            self._shrink(self._exact / 2)
        elif self._is_long(latency):
            # A limit that nobody comes near to is not what makes it long.
            if peak * 2 > self._exact:
                self._shrink(self._exact * min(LEAST_CUT, max(MOST_CUT, (self.bound or 0.0) / latency)))
        elif pressed:
            self._exact = min(self._most, self._exact + 1.0)
        self._enough = _enough(self._exact)

    def _is_long(self, latency: float) -> bool:
        return self.bound is not None and latency > self.bound

    def _shrink(self, limit: float) -> None:
        self._exact = max(self._least, limit)

    def _learn(self, latency: float, now: float, *, pressed: bool) -> bool:
        """Keep what is usual up to date. Return whether a look is due."""
        usual = self.usual
        if usual is None or not pressed or latency < usual:
            self.usual = latency if usual is None else usual + PACE * (latency - usual)
        # With many in hand nobody can tell a longer way from a longer queue.
        is_doubtful = pressed and (usual is None or latency > usual * ALIKE)
        return is_doubtful and now - self._looked_at >= MEMORY

    def _look_on(self, from_limit: float, before: float, latency: float, now: float) -> None:
        """Go down as long as that helps, and then back up, with what was found."""
        if latency * ALIKE < before and self._exact > self._least:
            self._looking = (from_limit, latency)
            self._shrink(self._exact / 2)
            return
        self._looking = None
        self._exact = from_limit
        self.usual = min(before, latency)
        self._looked_at = now


def _enough(limit: float) -> float:
    """Return how many answers a window has."""
    return max(SAMPLES, min(limit, MOST_SAMPLES))


def _mean(samples: list[float]) -> float:
    """Return the mean without the longest ones."""
    kept = sorted(samples)[: max(1, round(len(samples) * (1 - TOP)))]
    return sum(kept) / len(kept)
