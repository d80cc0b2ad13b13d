"""What rate limiting reports to listeners."""

from dataclasses import dataclass
from typing import Literal

from asgi_patterns.kernel.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited(Event):
    """A request was over a quota. It was refused, unless the quota only observes or warns."""

    quota: str
    key: str
    """Who it was, in the form that may be shown."""
    mode: Literal["observe", "warn", "enforce"]
    wait: float
    """Seconds until the same request would be allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NearLimit(Event):
    """A request was counted, and little is left of the quota."""

    quota: str
    key: str
    remaining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delayed(Event):
    """A request is held back for a while, so that requests leave at a steady rate."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked(Event):
    """A request came from who is on the list of those to refuse."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLost(Event):
    """The store of the counts cannot be reached; what happens meanwhile is ``store_away``."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreBack(Event):
    """The store of the counts answers again."""
