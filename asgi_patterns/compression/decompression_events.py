"""What ``Decompression`` reports to listeners."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from asgi_patterns.kernel.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyDecoded(Event):
    """The app has read the body of a request to its end, decoded."""

    is_routine: ClassVar[bool] = True

    coding: Literal["gzip", "br", "zstd"]
    sent: int
    """Bytes as they came."""
    decoded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyNotDecoded(Event):
    """The body of a request is not decoded, or not any further."""

    reason: Literal["unsupported", "stacked", "size", "ratio", "malformed"]
    coding: Literal["gzip", "br", "zstd"] | None
    """``None`` where it is none that is known."""
