"""What caching reports to listeners."""

from dataclasses import dataclass
from typing import Literal

from asgi_patterns.kernel.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModifiedSent(Event):
    """A client had the current state already, and got a 304."""

    saved: int | None
    """Bytes that it was not sent, where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreconditionRefused(Event):
    """A request demanded a state that is not the current one, or did not say which (428)."""

    field: Literal["If-Match", "If-None-Match", "If-Unmodified-Since", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterRefused(Event):
    """A request could not write, because others did for too long, or because the locks cannot be reached."""

    reason: Literal["busy", "store away"]
