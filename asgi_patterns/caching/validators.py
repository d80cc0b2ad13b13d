"""What tells two states of a resource apart: an entity tag and a date (RFC 9110 section 8.8).

``Validators``: as a user gives them; ``Selected``: as conditions are decided on them; ``read_selected``: as an answer
carries them.
"""

from dataclasses import dataclass, field
from datetime import datetime
from math import floor
from typing import Final, NamedTuple, final

from asgi_patterns.caching.dates import EARLIEST, LATEST, parse_date
from asgi_patterns.kernel.headers import has
from asgi_patterns.kernel.tags import Tag, parse_tag
from asgi_patterns.kernel.types import RawHeaders

STRONG_AFTER: Final = 1
"""Seconds that have to lie between a date and the one before a second change could still carry the same one."""

# What tells nearly all other fields from ETag, Date and Last-Modified.
_SIZES = frozenset({4, 13})


class Selected(NamedTuple):
    """The validators of the representation that a request is about. Without any there still is a representation."""

    tag: Tag | None = None
    modified: int | None = None
    """Seconds since 1970."""
    is_strong_date: bool = False
    """Whether ``modified`` names one state only (RFC 9110 8.8.2.2): it did not change again in that second."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """What the current state of a resource is known by. Raises ``ValueError`` or ``TypeError`` for what cannot be.

        Validators(etag=f"v{row.version}", last_modified=row.updated_at)

    Without either there is a resource, but nothing to tell its states apart.
    """

    etag: Tag | str | None = None
    """``"v7"`` or ``W/"v7"`` as they are sent, or the bare ``v7``, which is strong."""
    last_modified: float | datetime | None = None
    """Seconds since 1970, or a time that knows its zone. HTTP knows whole seconds only."""

    tag: Tag | None = field(init=False, repr=False, compare=False)
    modified: int | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tag", None if self.etag is None else _tag(self.etag))
        date = None if self.last_modified is None else _date(self.last_modified)
        object.__setattr__(self, "modified", date)

    def selected(self, now: float) -> Selected:
        """Return them for a decision at ``now`` (seconds since 1970)."""
        date = self.modified
        return Selected(self.tag, date, date is not None and date + STRONG_AFTER <= now)


def read_selected(headers: RawHeaders, now: float) -> Selected:
    """Read the validators in the head of an answer.

    One that is broken, or there twice, is none: which one was meant is anybody's guess. Where there is no ``Date``,
    the server is going to write one, and that will be ``now``.
    """
    lines = [(key.lower(), value) for key, value in headers if len(key) in _SIZES]
    tag = _only(lines, b"etag")
    modified = _only(lines, b"last-modified")
    changed = None if modified is None else parse_date(modified, now)
    if changed is None:
        return Selected(None if tag is None else parse_tag(tag))
    return Selected(
        None if tag is None else parse_tag(tag), changed, changed + STRONG_AFTER <= _sent(lines, now)
    )


def _only(lines: RawHeaders, name: bytes) -> bytes | None:
    values = [value for key, value in lines if key == name]
    return values[0] if len(values) == 1 else None


def _sent(lines: RawHeaders, now: float) -> float:
    """When an answer was made; before everything else where its ``Date`` cannot be read."""
    if not has(lines, b"date"):
        return now
    date = _only(lines, b"date")
    sent = None if date is None else parse_date(date, now)
    return EARLIEST if sent is None else sent


def _tag(given: Tag | str) -> Tag:
    text = _text(given)
    tag = parse_tag(text if b'"' in text else b'"%b"' % text)
    if tag is None or not text or (text[:2] == b"W/" and b'"' not in text):
        raise ValueError(
            f"etag: {given!r} is not an entity tag: give what stands between the quotes (visible characters, "
            'no space, no quote), or all of it as "abc" or W/"abc"'
        )
    return tag


def _text(given: Tag | str) -> bytes:
    if isinstance(given, Tag):
        return b'%b"%b"' % (b"W/" if given.weak else b"", given.opaque)
    if not isinstance(given, str):
        raise TypeError(f"etag: {given!r} is neither a str nor a Tag")
    try:
        return given.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"etag: {given!r} has characters that no header field can carry") from None


def _date(given: float | datetime) -> int:
    if isinstance(given, datetime):
        if given.tzinfo is None:
            raise ValueError(f"last_modified: {given!r} has no time zone, so it could be any of 24 moments")
        given = given.timestamp()
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise TypeError(f"last_modified: {given!r} is neither seconds since 1970 nor a datetime")
    if not EARLIEST <= given < LATEST + 1:  # so is what is no number
        raise ValueError(f"last_modified: {given!r} is no moment that an HTTP date can say")
    return floor(given)
