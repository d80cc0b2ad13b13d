"""Tags that a client knows from coded answers, understood again by an app that only knows the plain ones.

An answer in gzip has the tag ``"abc-gzip"`` where the app said ``"abc"``. Whoever comes back with that one names the
app's state all the same, and the app has to see that: ``If-None-Match: "abc-gzip"`` becomes ``"abc-gzip", "abc"``. The
one that was there stays, for it may be the app's own. ``If-Range`` is left alone: a range is one of the plain bytes, so
a client that holds coded ones must get all of them anew.
"""

from typing import Final, NamedTuple

from asgi_patterns.kernel.tags import (
    CODINGS,
    MAX_BYTES,
    Tag,
    format_tag,
    parse_tag,
    parse_tags,
    with_coding,
    without_any_coding,
    without_coding,
)
from asgi_patterns.kernel.types import RawHeaders

CONDITIONS: Final = frozenset({b"if-none-match", b"if-match"})
_ENDS: Final = tuple(b"-" + coding + b'"' for coding in CODINGS)


class Understood(NamedTuple):
    """A request whose tags the app can understand."""

    headers: RawHeaders
    tags: frozenset[bytes]
    """The opaque parts of plain tags whose coded ones the client holds."""


def understand(headers: RawHeaders, coding: bytes | None) -> Understood | None:
    """Return what the app shall see of a request; ``None`` where there is nothing to change.

    ``If-None-Match`` is about the answer that this request would get, which is in ``coding``, ``None`` for plain.
    ``If-Match`` names a state that the client has seen, in whichever coding.
    """
    changed = [*headers]
    found: set[bytes] = set()
    for at, (name, value) in enumerate(headers):
        tags = _plain(name, value, coding) if name in CONDITIONS else []
        if tags:
            changed[at] = name, b", ".join([value, *map(format_tag, tags)])
            found |= {tag.opaque for tag in tags} if name == b"if-none-match" else set()
    return None if changed == headers else Understood(changed, frozenset(found))


def _plain(name: bytes, value: bytes, coding: bytes | None) -> list[Tag]:
    """Return the plain tags of the coded ones that a line lists."""
    if len(value) > MAX_BYTES or not any(end in value for end in _ENDS):
        return []
    listed = parse_tags([value]).listed
    if name == b"if-match":
        plain = [without_any_coding(tag) for tag in listed]
    else:
        plain = [None if coding is None else without_coding(tag, coding) for tag in listed]
    return [tag for tag in plain if tag is not None]


def held(value: bytes, tags: frozenset[bytes], coding: bytes) -> bytes | None:
    """Return the tag that the client holds, for a 304 that says ``value``; ``None`` where it is that one."""
    tag = parse_tag(value)
    if tag is None or tag.opaque not in tags:
        return None
    return format_tag(with_coding(Tag(tag.opaque), coding))
