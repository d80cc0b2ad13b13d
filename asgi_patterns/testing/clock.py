"""A clock that only a test moves."""

from typing import final


@final
class Clock:
    """Seconds that pass when a test says so; give it to whatever takes a clock.

    It starts at a plausible moment, not at zero: code that takes zero for "never" would look right.
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now

    def __call__(self) -> float:
        """Tell the time, in seconds."""
        return self._now

    def advance(self, seconds: float) -> float:
        """Let ``seconds`` pass and tell the new time. Raises ``ValueError``: time does not run backwards."""
        if not seconds >= 0:
            raise ValueError(f"a clock advances by zero or more seconds, not by {seconds}")
        self._now += seconds
        return self._now

    def __repr__(self) -> str:
        return f"Clock({self._now})"
