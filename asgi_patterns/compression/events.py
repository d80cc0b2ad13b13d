"""What ``Compression`` reports."""

from dataclasses import dataclass
from typing import ClassVar, final

from asgi_patterns.kernel.events import Event


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Compressed(Event):
    """An answer was sent in a coding, all of it."""

    is_routine: ClassVar[bool] = True

    coding: str
    size: int
    """Bytes that the app sent."""
    coded: int
    """Bytes that went out."""
