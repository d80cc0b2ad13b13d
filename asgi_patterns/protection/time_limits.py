"""How long each part of a request may take, and which limit comes next.

- ``Limits``: of one request; ``shortened``: with what the client wishes;
- ``Progress``: how far a request has come; ``next_limit``: when which limit will have passed;
- ``read_wish``: how long a client says that it waits.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import inf
from typing import Final, Literal, NamedTuple, TypeAlias, final

from asgi_patterns.kernel.durations import seconds
from asgi_patterns.kernel.parameters import elements, parts
from asgi_patterns.kernel.types import RawHeaders

Limit: TypeAlias = Literal["body", "start", "gap", "whole"]

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"})
"""Methods that change nothing, so that nothing is lost when their handlers are cancelled (RFC 9110 9.2.1)."""

_LONGEST_FIELD: Final = 1024


@final
@dataclass(frozen=True, slots=True)
class Limits:
    """Of one request, in seconds; ``inf`` where there is none."""

    body: float
    """That the app waits for the client to send its body, all in all."""
    start: float
    """Until the answer begins, without waiting for the body."""
    gap: float
    """Between two messages of an answer that has begun."""
    whole: float
    """Until the last message of the answer."""
    cancels: bool
    """Whether the handler is cancelled when the answer has not begun in time."""
    label: str = "deadline"
    """Of the layer that has set them."""
    has_preference: bool = False
    """Whether a client's ``Prefer`` has shortened them."""
    first: float = field(init=False)
    """Until the first of them can pass."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", min(self.start, self.whole))

    def shortened(self, wish: float | None, *, is_preference: bool = False) -> "Limits":
        """Return them for a client that waits so long: never more than before."""
        if wish is None or wish >= self.start:
            return self
        return replace(self, start=wish, has_preference=is_preference or self.has_preference)


ENDED: Final = Limits(inf, inf, inf, inf, cancels=False)
"""Of a request whose answer has ended: what runs on after it has all the time there is."""


@final
class Progress(NamedTuple):
    """How far a request has come. Times are those of one clock, in seconds."""

    began: float
    waited: float = 0.0
    """Seconds that the app has waited for the body so far."""
    waiting_since: float | None = None
    """Since when it is waiting for the body now."""
    last: float | None = None
    """When the answer has last gone on; ``None`` before its head."""


def next_limit(limits: Limits, progress: Progress) -> tuple[float, Limit]:
    """Return when the next limit will have passed if nothing happens, and which one it is."""
    at, limit = progress.began + limits.whole, "whole"
    if progress.waiting_since is not None:
        by_body = progress.waiting_since + limits.body - progress.waited
        if by_body < at:
            at, limit = by_body, "body"
    elif progress.last is None:
        by_start = progress.began + progress.waited + limits.start
        if by_start < at:
            at, limit = by_start, "start"
    if progress.last is not None and progress.last + limits.gap < at:
        at, limit = progress.last + limits.gap, "gap"
    return at, limit  # type: ignore[return-value]  # mypy widens the literals


def read_wish(headers: RawHeaders, *, prefers: bool, name: bytes | None) -> float | None:
    """Return how many seconds a client says that it waits, the least of several; ``None`` where it does not.

    ``prefers``: whether ``Prefer: wait`` counts (RFC 7240 4.3); ``name``: of a field that says the same. What cannot be
    read says nothing, and neither does 0: nobody asks for an answer that must fail.
    """
    wishes = [
        wish
        for key, value in headers
        if len(value) <= _LONGEST_FIELD
        if (
            wish := _prefer(value) if prefers and key == b"prefer" else _plain(value) if key == name else None
        )
    ]
    return min(wishes, default=None)


def _prefer(value: bytes) -> float | None:
    preferences = list(_preferences(value.decode("latin-1")))
    # Together with respond-async, wait is the time after which a 202 is due, not an error (RFC 7240 4.1).
    if any(name == "respond-async" for name, _ in preferences):
        return None
    return next((_seconds(text) for name, text in preferences if name == "wait"), None)


def _preferences(text: str) -> Iterable[tuple[str, str]]:
    for element in elements(text):
        name, _, value = (parts(element) or [""])[0].partition("=")
        yield name.strip().lower(), value.strip().strip('"')


def _plain(value: bytes) -> float | None:
    return _seconds(value.decode("latin-1").strip())


def _seconds(text: str) -> float | None:
    try:
        wish = seconds(float(text)) if text[:1].isdigit() and text[-1:].isdigit() else seconds(text)
    except ValueError:
        return None
    return wish or None
