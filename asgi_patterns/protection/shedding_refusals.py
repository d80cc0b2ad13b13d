"""The answers to requests that there is no room for."""

from collections.abc import Sequence
from math import ceil
from typing import Final

from asgi_patterns.kernel.capacity import REDUCED_CAPACITY
from asgi_patterns.kernel.negotiation import choose_media
from asgi_patterns.kernel.problems import Problem

VARIANTS: Final = 32
"""Times of waiting between which chance decides."""
EVENTS: Final = "text/event-stream"
_NAMED: Final = EVENTS.encode()
_OFFERS: Final = ("application/json", "application/problem+json", EVENTS)


def waits(least: float, jitter: float) -> Sequence[int]:
    """Return times of waiting in whole seconds, none shorter than ``least`` or than 1, spread over ``jitter`` more."""
    first = max(1, ceil(least))
    return sorted({first + round(jitter * step / VARIANTS) for step in range(VARIANTS + 1)})


def refusal(wait: int) -> Problem:
    """Return the problem of a request that may come again after ``wait`` seconds."""
    unit = "second" if wait == 1 else "seconds"
    return REDUCED_CAPACITY(
        f"The server has more to do than it can. Try again in {wait} {unit}.",
        headers={"Retry-After": str(wait)},
        retryAfter=wait,
    )


def wants_events(method: str, accept: Sequence[bytes]) -> bool:
    """Whether a client with these ``Accept`` lines wants events above all, as the ``EventSource`` of browsers does."""
    if method != "GET" or not any(_NAMED in line.lower() for line in accept):
        return False
    return choose_media(accept, _OFFERS) == EVENTS


def retry_line(seconds: float) -> bytes:
    """Return the whole stream that has a client come back by itself after so long (HTML, server-sent events)."""
    return b"retry: %d\n\n" % ceil(seconds * 1000)
