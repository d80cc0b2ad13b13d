"""When an error that a framework has answered becomes a problem, and what it then says."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from asgi_patterns.kernel.negotiation import media_quality
from asgi_patterns.kernel.problems import MEDIA_TYPE, Problem, phrase

JSON = "application/json"

Upgrade = Literal["text", "all", "off"]
"""Which errors of frameworks become problems: their short texts, their JSON forms too, none."""

_TEXT = frozenset({"text/plain", "text/html"})
_OWN_FIELDS = ("content-type", "content-length")


def is_error_text(status: int, media_type: str) -> bool:
    """Whether this may be a framework's own answer to an error: short text that no client parses."""
    return status >= 400 and media_type in _TEXT


def is_error_form(status: int, media_type: str) -> bool:
    """Whether this may be a framework's own answer to an error in JSON, which clients do parse."""
    return status >= 400 and media_type == JSON


def prefers_problem(accept: Sequence[bytes], media_type: str) -> bool:
    """Whether a client with these ``Accept`` lines is served at least as well by a problem as by ``media_type``.

    A browser names HTML above everything else, so it keeps what the framework wrote for people. Who takes JSON
    takes a problem: it is JSON.
    """
    problem = max(media_quality(accept, MEDIA_TYPE), media_quality(accept, JSON))
    if media_type == JSON:
        return problem > 0
    readable = max(media_quality(accept, media_type), media_quality(accept, "text/html"))
    return problem > 0 and problem >= readable


def from_text(status: int, media_type: str, body: bytes) -> Problem | None:
    """Return the problem that says what ``body`` said; ``None`` where it is more than an error text.

    One line of plain text becomes the detail, unless it only repeats the status phrase. Several lines are a
    report, such as a framework's traceback in its own debug mode: not ours to pass off as a detail. HTML is
    markup for people: of it nothing is kept.
    """
    if media_type != "text/plain":
        return from_words(status, "")
    text = body.decode("utf-8", "replace").strip()
    return None if len(text.splitlines()) > 1 else from_words(status, text)


def from_words(
    status: int, detail: object, *, extra: Any = None, headers: Mapping[str, str] | None = None
) -> Problem | None:
    """Return the problem for what an exception of a framework holds; ``None`` where ``status`` is no error.

    A detail that is no text is kept as ``extra``. Fields that describe a body are those of another body.
    """
    if not 400 <= status <= 599:
        return None
    if not isinstance(detail, str):
        detail, extra = "", detail if extra is None else extra
    kept = {name: text for name, text in (headers or {}).items() if name.lower() not in _OWN_FIELDS}
    said = None if detail.lower() in ("", phrase(status).lower()) else detail
    return Problem(status, said, headers=kept, extra=extra)
