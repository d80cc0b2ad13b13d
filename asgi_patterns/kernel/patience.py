"""Timing how long a client is waited for.

``Patience``: who times it; ``timed``: a ``receive`` that tells one. ``Body.time`` puts it in place.
"""

from typing import Protocol

from asgi_patterns.kernel.types import Message, Receive


class Patience(Protocol):
    """Times how long the client is waited for."""

    def begin(self, complete: bool) -> None:
        """Be told that somebody waits for its next message; ``complete``: the body is whole already."""

    def end(self) -> None:
        """Be told that the message has come, or that nobody waits any more."""


def timed(receive: Receive, patience: Patience, *, complete: bool) -> Receive:
    """Return a ``receive`` that tells ``patience`` of each wait; ``complete``: the body is whole already."""

    async def waiting() -> Message:
        nonlocal complete
        patience.begin(complete)
        try:
            message = await receive()
        finally:
            patience.end()
        # Noted here once more: to ask the body would be to hold who holds this.
        if message["type"] == "http.request" and not message.get("more_body"):
            complete = True
        return message

    return waiting
