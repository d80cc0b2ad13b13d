"""When an error that a framework has answered becomes a problem, and what it then says."""

from collections.abc import Sequence

from asgi_patterns.kernel.negotiation import media_quality
from asgi_patterns.kernel.problems import MEDIA_TYPE, Problem, phrase

_TEXT = frozenset({"text/plain", "text/html"})


def is_error_text(status: int, media_type: str) -> bool:
    """Whether this may be a framework's own answer to an error: short text that no client parses."""
    return status >= 400 and media_type in _TEXT


def prefers_problem(accept: Sequence[bytes], media_type: str) -> bool:
    """Whether a client with these ``Accept`` lines is served at least as well by a problem as by ``media_type``.

    A browser names HTML above everything else, so it keeps what the framework wrote for people.
    """
    problem = max(media_quality(accept, MEDIA_TYPE), media_quality(accept, "application/json"))
    readable = max(media_quality(accept, media_type), media_quality(accept, "text/html"))
    return problem > 0 and problem >= readable


def from_text(status: int, media_type: str, body: bytes) -> Problem | None:
    """Return the problem that says what ``body`` said; ``None`` where it is more than an error text.

    One line of plain text becomes the detail, unless it only repeats the status phrase. Several lines are a
    report, such as a framework's traceback in its own debug mode: not ours to pass off as a detail. HTML is
    markup for people: of it nothing is kept.
    """
    if media_type != "text/plain":
        return Problem(status)
    text = body.decode("utf-8", "replace").strip()
    if len(text.splitlines()) > 1:
        return None
    return Problem(status, None if text.lower() in ("", phrase(status).lower()) else text)
