"""How late the event loop is: the time between asking it for something and its doing so. Pure: time is an argument.

A handler that computes without ever waiting is alone in hand, whatever the load: the others wait in the loop, where no
count of requests sees them. The lag does.

``Lag``: what is known of it.
"""

from math import exp, inf
from typing import Final, final

SPAN: Final = 0.03
"""Seconds over which it is judged whether the loop has any idle time, as a mean that forgets."""
BUSY: Final = 0.97
"""The share of time from which it has none to speak of: after about a tenth of a second without any."""
MOST_WEIGHT: Final = 0.9
"""How much one turn of the loop can say for that, however long it was: a single pause is no overload."""
SHORT: Final = 0.001
"""Seconds of lag that are nothing to look at closely."""
QUIET: Final = 0.005
"""Seconds for which the loop is then not asked again."""
TRIAL: Final = 0.5
"""Seconds after which refusing must have helped: by then no more than half of the time may be lost on it."""
PAUSE: Final = 5.0
"""Seconds for which it is given up otherwise."""
LOST: Final = 5.0
"""Seconds after which no answer will come: the loop was closed, and this is another one."""


@final
class Lag:
    """The lag of one event loop, as the answers to questions tell. One question is asked at a time."""

    __slots__ = (
        "_heard",
        "_in_vain_since",
        "_load",
        "_turned_at",
        "_turning",
        "_vain_until",
        "asked",
        "last",
        "quiet_until",
    )

    def __init__(self) -> None:
        self.asked: float | None = None
        """When the question was asked that has no answer yet. To be set by who asks."""
        self.quiet_until = -inf
        """Until when nothing has to be asked."""
        self.last = 0.0
        """The lag in seconds, the last time that there was an answer."""
        self._heard: float | None = None
        self._load = 0.0
        self._turned_at: float | None = None
        self._turning = 0.0
        self._in_vain_since: float | None = None
        self._vain_until = -inf

    def answer(self, now: float) -> None:
        """Note that it has answered."""
        if self.asked is None:
            return
        self.last = now - self.asked
        since = 0.0 if self._heard is None else now - self._heard
        if since > 0.0:
            more = min(1.0, self.last / since) - self._load
            weight = 1.0 - exp(-since / SPAN)
            self._load += more * (min(weight, MOST_WEIGHT) if more > 0.0 else weight)
        self._heard = now
        self._end_turning(now)
        self._weigh(now)
        self.asked, self._turning = None, 0.0
        if self.last < SHORT:
            self.quiet_until = now + QUIET

    def _end_turning(self, now: float) -> None:
        if self._turned_at is not None:
            self._turning += now - self._turned_at
            self._turned_at = None

    def _weigh(self, now: float) -> None:
        """Note whether refusals have taken most of the time, as they do where they cost half as much as answers."""
        if self._turning * 2 < self.last or not self._turning:
            self._in_vain_since = None
        elif self._in_vain_since is None:
            self._in_vain_since = now
        elif now - self._in_vain_since > TRIAL:
            self._in_vain_since = None
            self._vain_until = now + PAUSE

    def is_over(self, most: float, now: float) -> bool:
        """Whether the loop has no idle time, and what is seen now is late by more than ``most`` seconds.

        A single long pause of an idle process is not over anything: nothing would be gained by refusing. Neither is it
        where refusals are in vain.
        """
        if self.asked is None:
            return False
        late = now - self.asked
        if late >= LOST:
            self.asked, self._load = None, 0.0
            return False
        if late <= most or self._load <= BUSY or now < self._vain_until:
            if self._turned_at is not None:  # one that is more important: what follows is no refusal's time
                self._end_turning(now)
            return False
        if self._turned_at is None:
            self._turned_at = now
        return True
