"""What ``Deadline`` reports."""

from dataclasses import dataclass
from typing import final

from asgi_patterns.kernel.events import Event
from asgi_patterns.protection.time_limits import Limit


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TimedOut(Event):
    """A request has taken longer than it may."""

    limit: Limit
    """Which limit has passed."""
    seconds: float
    """Since the request came."""
    cancelled: bool
    """Whether the handler was cancelled; one that was not runs on."""
