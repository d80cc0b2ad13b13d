"""Entity tags: what names one state of one representation (RFC 9110 section 8.8.3).

- ``Tag``, read by ``parse_tag`` and written by ``format_tag``; ``Tags``, read by ``parse_tags``: the lines of
  ``If-Match`` or ``If-None-Match``.
- ``matches_strongly`` and ``matches_weakly``: the two comparisons of section 8.8.3.2.
- ``with_coding``, ``without_coding`` and ``without_any_coding``: a coded representation has a tag of its own, which
  is that of the plain one with the coding's name behind it.

Nothing is tried twice, so the time is linear in what a client sends, and what is read of that is bounded.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

MAX_BYTES: Final = 4096
"""Bytes that are read of one field."""
MAX_TAGS: Final = 64
"""Elements that are read of one field."""
_SHORT = 128  # What is longer is read anew each time: memory is for what many send.

CODINGS: Final = (b"zstd", b"br", b"gzip", b"deflate")
"""The content codings whose names are known as suffixes of tags."""

# RFC 9110 8.8.3: everything that can be seen but the quote, commas included; no backslash escapes anything.
_OPAQUE = rb"[\x21\x23-\x7e\x80-\xff]*+"
_TAG = re.compile(rb'(W/)?"(' + _OPAQUE + rb')"')
# An element ends at a comma. What is no tag goes up to the next one, and a stray quote takes nothing else with it.
_ELEMENT = re.compile(rb'[ \t,]*+(?:(W/)?"(' + _OPAQUE + rb')"[ \t]*+(?=,|\Z)|([^,]++))')
_SUFFIXES = tuple(b"-" + coding for coding in CODINGS)


class Tag(NamedTuple):
    """An entity tag: the bytes between its quotes, and whether it only says that two states mean the same."""

    opaque: bytes
    weak: bool = False


class Tags(NamedTuple):
    """What one field of a request lists."""

    listed: tuple[Tag, ...] = ()
    is_any: bool = False
    """Whether it is ``*``: any representation there is."""
    is_whole: bool = True
    """Whether all of it was read. What breaks the grammar, or is too much, may have meant anything."""


ANY: Final = Tags(is_any=True)
"""``*``."""
_UNREAD = Tags(is_whole=False)


def parse_tag(value: bytes) -> Tag | None:
    """Read exactly one tag; ``None`` where it is anything else, or longer than ``MAX_BYTES``."""
    return _short_tag(value) if len(value) <= _SHORT else _parse_tag(value)


def format_tag(tag: Tag) -> bytes:
    """Write a tag as the value of ``ETag``."""
    return b'W/"%b"' % tag.opaque if tag.weak else b'"%b"' % tag.opaque


def parse_tags(lines: Sequence[bytes]) -> Tags:
    """Read the lines of one field: a list of tags, or ``*`` alone. An element that is neither is left out.

    Together with anything else ``*`` breaks the whole field (RFC 9110 13.1.1): nothing of it is believed.
    """
    value = lines[0] if len(lines) == 1 else b",".join(lines)
    if len(value) <= _SHORT:
        return _short_tags(value)
    if len(value) <= MAX_BYTES:
        return _parse_tags(value)
    # A tag that is cut in two could be another one.
    return _parse_tags(value[: MAX_BYTES + 1].rpartition(b",")[0])._replace(is_any=False, is_whole=False)


def _parse_tag(value: bytes) -> Tag | None:
    match = _TAG.fullmatch(value.strip(b" \t")) if len(value) <= MAX_BYTES else None
    return None if match is None else Tag(match[2], match[1] is not None)


def _parse_tags(value: bytes) -> Tags:
    if value.strip(b" \t") == b"*":
        return ANY
    listed: list[Tag] = []
    is_whole = True
    # Behind the last element nothing may be left, or the search would begin anew at each of its bytes.
    for count, match in enumerate(_ELEMENT.finditer(value.strip(b" \t,"))):
        weak, opaque, junk = match.groups()
        if count == MAX_TAGS:
            return Tags(tuple(listed), is_whole=False)
        if junk is None:
            listed.append(Tag(opaque, weak is not None))
        elif junk.rstrip(b" \t") == b"*":
            return _UNREAD
        else:
            is_whole = False
    return Tags(tuple(listed), is_whole=is_whole)


# Who has a tag asks with it again and again, and an answer carries it each time.
_short_tag = lru_cache(maxsize=256)(_parse_tag)
_short_tags = lru_cache(maxsize=256)(_parse_tags)


def matches_strongly(one: Tag, other: Tag) -> bool:
    """Whether both name the same bytes (RFC 9110 8.8.3.2): a weak tag never does, not even the same one."""
    return one == other and not one.weak


def matches_weakly(one: Tag, other: Tag) -> bool:
    """Whether both name states that mean the same (RFC 9110 8.8.3.2)."""
    return one.opaque == other.opaque


def with_coding(tag: Tag, coding: bytes) -> Tag:
    """Return the tag of the representation that is coded so: ``"abc-gzip"`` for ``"abc"``.

    A weak tag stays as it is: the same content means the same, however it is coded.
    """
    return tag if tag.weak else Tag(b"%b-%b" % (tag.opaque, coding))


def without_coding(tag: Tag, coding: bytes) -> Tag | None:
    """Undo ``with_coding``; ``None`` where ``tag`` does not end in the name of this coding.

    A tag that has become weak on its way is undone too: a proxy may have weakened it.
    """
    size = len(coding) + 1
    return Tag(tag.opaque[:-size], tag.weak) if tag.opaque.endswith(b"-" + coding) else None


def without_any_coding(tag: Tag) -> Tag | None:
    """Undo ``with_coding`` for whichever of ``CODINGS`` it was; ``None`` where it was none of them."""
    if not tag.opaque.endswith(_SUFFIXES):
        return None
    return Tag(tag.opaque[: tag.opaque.rindex(b"-")], tag.weak)
