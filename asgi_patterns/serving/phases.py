"""What signals mean for a process that serves. Pure."""

from enum import IntEnum
from signal import SIGINT, SIGTERM

__all__ = ["Phase", "after"]


class Phase(IntEnum):
    """How far a stop has come. It never goes back."""

    SERVING = 0
    DRAINING = 1
    """Readiness is down, connections are still accepted."""
    STOPPING = 2
    """No more connections are accepted, requests in hand may finish."""
    GIVING_UP = 3
    """Requests in hand are cancelled."""


def after(phase: Phase, signal: int) -> Phase:
    """Return the phase after a signal.

    A second SIGTERM ends the delay but cancels nothing: supervisors repeat themselves. Somebody at a terminal
    does not wait for load balancers, and who presses Ctrl-C once more does not wait for requests either.
    """
    if signal == SIGTERM:
        return max(phase, Phase.DRAINING if phase is Phase.SERVING else Phase.STOPPING)
    if signal == SIGINT:
        return Phase.GIVING_UP if phase >= Phase.STOPPING else Phase.STOPPING
    return phase
