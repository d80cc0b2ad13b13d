"""What a client says of its trace, as far as it is legal (W3C Trace Context, level 2).

Whoever reads these fields after us gets what is right, or nothing: a propagator that is less strict would pass a broken
``tracestate`` on to all other services, or join a trace that nobody has begun.
"""

import re
from typing import Final

from asgi_patterns.kernel.headers import request_lines
from asgi_patterns.kernel.types import RawHeaders

MOST_MEMBERS: Final = 32
"""List members of a tracestate (3.3.1.1); one with more is none."""
LONG_MEMBER: Final = 128
"""Bytes from which a member is the first to go where there is no room for all (3.3.1.5)."""
MOST_BYTES: Final = 512
"""Bytes of a tracestate that everybody has to pass on (3.3.1.5)."""

_PARENT: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_KNOWN_FLAGS: Final = 0b11
"""``sampled`` and ``random`` (3.2.2.5). What is not known is not passed on."""
# 3.3.1.3.1 and 3.3.1.3.2: a key with at most one @, and a value that does not end with a space.
_MEMBER: Final = re.compile(
    rb"([a-z0-9][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    rb"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)


def trace_context(headers: RawHeaders) -> tuple[bytes | None, bytes | None]:
    """Return the ``traceparent`` and ``tracestate`` of a request, or ``None`` for what is missing or illegal.

    Without a legal ``traceparent`` a ``tracestate`` means nothing.
    """
    lines = request_lines(headers, b"traceparent")
    parent = _parent(lines[0]) if len(lines) == 1 else None
    return (None, None) if parent is None else (parent, _state(request_lines(headers, b"tracestate")))


def _parent(line: bytes) -> bytes | None:
    match = _PARENT.fullmatch(line.strip(b" \t"))
    if match is None:
        return None
    version, trace, span, flags, more = match.groups()
    # A later version may say more, and what is known of it is said as this one says it (3.2.2.1 and 4.3).
    if version == b"ff" or (version == b"00" and more) or not trace.strip(b"0") or not span.strip(b"0"):
        return None
    return b"00-%b-%b-%02x" % (trace, span, int(flags, 16) & _KNOWN_FLAGS)


def _state(lines: list[bytes]) -> bytes | None:
    members: dict[bytes, bytes] = {}
    texts = [text for line in lines for each in line.split(b",") if (text := each.strip(b" \t"))]
    if len(texts) > MOST_MEMBERS:
        return None
    for text in texts:
        match = _MEMBER.fullmatch(text)
        if match is None:
            return None
        members.setdefault(match[1], text)  # the left one is the newer one
    return _shortened([*members.values()])


def _shortened(members: list[bytes]) -> bytes | None:
    """Return them within the bytes that there are: without long ones first, and then without the oldest."""
    if _size(members) > MOST_BYTES:
        members = [each for each in members if len(each) <= LONG_MEMBER]
    while _size(members) > MOST_BYTES:
        members.pop()
    return b",".join(members) or None


def _size(members: list[bytes]) -> int:
    return sum(map(len, members)) + len(members) - 1
