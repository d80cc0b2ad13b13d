"""How long a handler still has."""

from contextvars import ContextVar
from typing import Final, Protocol


class HasTime(Protocol):
    """A request with limits."""

    def left(self) -> float | None:
        """Return the seconds until the next limit passes; ``None`` where there is none."""


CURRENT: Final[ContextVar[HasTime | None]] = ContextVar("asgi_patterns.deadline", default=None)


def remaining() -> float | None:
    """Return how many seconds the request that is being handled still has, 0 when they are over.

    Until its answer begins that is the time until it has to; after that, the time until it has to go on. ``None`` where
    no limit is set, or no ``Deadline`` stands in front. Works in async handlers, in what they start, and in threads.
    """
    current = CURRENT.get()
    return None if current is None else current.left()
