"""What ``BodyLimit`` reports to listeners."""

from dataclasses import dataclass
from typing import Literal

from asgi_patterns.kernel.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentRefused(Event):
    """A request was refused for the size of its content."""

    limit: int
    """Bytes."""
    received: int
    """Bytes that were announced, or had come."""
    announced: bool
    """Whether ``Content-Length`` told, before the app was called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRefused(Event):
    """A request was refused for the size of its head."""

    excess: Literal["uri", "count", "size"]
    """What was too large: the URI, the number of fields or their size."""
    limit: int
    received: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginRefused(Event):
    """A WebSocket was refused for its origin."""

    origin: str | None
    """As it was sent, of unknown truth; at most 255 characters. ``None`` where none was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketEnded(Event):
    """A WebSocket was closed: for a message that is too large, or at the end of its time."""

    code: int
    reason: str
