"""Timing how long a client is waited for.

``Patience``: who times it; ``timed``: a ``receive`` that tells one. ``Body.time`` puts it in place.
"""

from collections.abc import Callable
from typing import Protocol

from asgi_patterns.kernel.types import Message, Receive


class Patience(Protocol):
    """Times how long the client is waited for."""

    def begin(self, complete: bool) -> None:
        """Be told that somebody waits for its next message; ``complete``: the body is whole already."""

    def end(self) -> None:
        """Be told that the message has come, or that nobody waits any more."""


def timed(receive: Receive, patience: Patience, is_complete: Callable[[], bool]) -> Receive:
    """Return a ``receive`` that tells ``patience`` of each wait."""

    async def waiting() -> Message:
        patience.begin(is_complete())
        try:
            return await receive()
        finally:
            patience.end()

    return waiting
