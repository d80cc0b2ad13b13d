"""How late the event loop is: the time between asking it for something and its doing so. Pure: time is an argument.

A handler that computes without ever waiting is alone in hand, whatever the load: the others wait in the loop, where no
count of requests sees them. The lag does.

``Lag``: what is known of it.
"""

from typing import Final, final

SPAN: Final = 0.1
"""Seconds over which it is judged whether the loop has any idle time."""
BUSY: Final = 0.95
"""The share of time from which it has none to speak of."""
LOST: Final = 5.0
"""Seconds after which no answer will come: the loop was closed, and this is another one."""


@final
class Lag:
    """The lag of one event loop, as the answers to questions tell. One question is asked at a time."""

    __slots__ = ("_heard", "_load", "asked", "last")

    def __init__(self) -> None:
        self.asked: float | None = None
        """When the question was asked that has no answer yet."""
        self.last = 0.0
        """The lag in seconds, the last time that there was an answer."""
        self._heard = 0.0
        self._load = 0.0

    def ask(self, now: float) -> None:
        """Note that the loop has been asked."""
        self.asked = now

    def answer(self, now: float) -> None:
        """Note that it has answered."""
        if self.asked is None:
            return
        self.last = now - self.asked
        # A mean that forgets: what counts for how much depends on how long it has lasted.
        since = now - self._heard
        weight = since / (since + SPAN)
        self._load += weight * (min(1.0, self.last / since) - self._load) if since > 0 else 0.0
        self._heard = now
        self.asked = None

    def is_over(self, most: float, now: float) -> bool:
        """Whether the loop has no idle time, and what is seen now is late by more than ``most`` seconds.

        A single long pause of an idle process is not over anything: nothing would be gained by refusing.
        """
        if self.asked is None or now - self.asked <= most or self._load <= BUSY:
            return False
        if now - self.asked < LOST:
            return True
        self.asked, self._load = None, 0.0
        return False
