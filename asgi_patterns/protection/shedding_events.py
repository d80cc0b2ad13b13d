"""What load shedding reports to listeners, and what it knows of the load at any time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, final

from asgi_patterns.kernel.events import Event

Reason = Literal["full", "waited", "displaced", "lag"]
"""No place, in line either; no slot in time; a more important one got the place; the event loop is too late."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Shed(Event):
    """A request was turned away before the handler had it, or a WebSocket before it was accepted."""

    reason: Reason
    pool: str
    """The name of its pool; ``main`` for the requests of none, ``websockets`` for those."""
    priority: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LimitChanged(Event):
    """The adaptive limit is another one now."""

    limit: int
    before: int
    usual: float | None
    """Seconds that answers take to begin when there is room, as far as that is known."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLoad:
    """The requests of one pool."""

    limit: int
    in_hand: int
    waiting: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What there is to do at one moment."""

    pools: Mapping[str, PoolLoad]
    """By the name of the pool; ``main`` for the requests of none, ``websockets`` where these have a limit."""
    lag: float
    """How late the event loop was, in seconds, when it was last looked at: with the last requests."""
