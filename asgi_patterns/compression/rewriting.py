"""The fields of an answer whose content is coded: a representation of its own (RFC 9110 sections 8.4 and 8.8.3).

``coded_fields``: those of a coded answer, from those of the plain one; ``simply_coded``: the same where only its length
matters; ``varying``: those of a plain answer that could have been coded; ``without_digests``: trailers that were made
for the plain content.
"""

import base64
import re
from collections.abc import Callable, Sequence
from hashlib import sha256, sha512
from typing import Any, Final

from asgi_patterns.kernel.headers import Kinds, merge_vary, set_field
from asgi_patterns.kernel.tags import format_tag, parse_tag, with_coding
from asgi_patterns.kernel.types import RawHeaders

VARIES: Final = (b"vary", b"Accept-Encoding")
_NAME: Final = "Accept-Encoding"

_DROP, _TAG, _VARY, _DIGEST = range(1, 5)
_KINDS: Final = Kinds(
    {
        b"content-length": _DROP,
        b"accept-ranges": _DROP,  # of the plain bytes
        b"content-md5": _DROP,
        b"digest": _DROP,
        b"etag": _TAG,
        b"vary": _VARY,
        b"content-digest": _DIGEST,
        b"repr-digest": _DIGEST,
    }
)
CHANGED: Final = frozenset(_KINDS) - {b"content-length", b"vary"}
"""The fields that tell something of the plain content which is not so of the coded one, beside its length."""
_DIGESTS: Final = frozenset({b"content-digest", b"repr-digest", b"content-md5", b"digest"})

# RFC 9530 2: a dictionary from the name of an algorithm to the digest. Of the names only these two are not broken.
_MADE_WITH: Final = re.compile(rb"(?:^|,)[ \t]*(sha-256|sha-512)=:")
_ALGORITHMS: Final[dict[bytes, Callable[[bytes], Any]]] = {b"sha-256": sha256, b"sha-512": sha512}


def coded_fields(headers: RawHeaders, coding: bytes, body: bytes | None = None) -> RawHeaders:
    """Return the fields of the answer in ``coding``; ``body`` is all of it, coded, where that is known already.

    A strong tag gets the coding's name, and one that cannot be read goes: two representations would share it. So do
    ranges, which are of other bytes, and digests, unless they can be made anew.
    """
    kept: RawHeaders = []
    varies = False
    for line in headers:
        kind = _KINDS[line[0]]
        if kind == 0:
            kept.append(line)
        elif kind == _VARY:
            varies = True
            kept.append(line)
        elif kind == _TAG:
            kept += _tag(line[1], coding)
        elif kind == _DIGEST and body is not None:
            kept += _digest(line, body)
    if varies:
        merge_vary(kept, _NAME)
    else:
        kept.append(VARIES)
    kept.append((b"content-encoding", coding))
    if body is not None:
        kept.append((b"content-length", b"%d" % len(body)))
    return kept


def simply_coded(headers: RawHeaders, added: Sequence[tuple[bytes, bytes]], size: int) -> RawHeaders:
    """Return what ``coded_fields`` does where no field but ``Content-Length`` is of any kind that it changes."""
    kept = []
    for line in headers:
        if not _KINDS[line[0]]:
            kept.append(line)  # noqa: PERF401 - in Python 3.11 a comprehension is a further call
    kept += *added, (b"content-length", b"%d" % size)
    return kept


def added_fields(coding: bytes) -> Sequence[tuple[bytes, bytes]]:
    """Return what ``simply_coded`` adds, but the length."""
    return VARIES, (b"content-encoding", coding)


def varying(headers: RawHeaders) -> RawHeaders:
    """Return the fields of a plain answer that another client would get coded."""
    for name, _ in headers:
        if _KINDS[name] == _VARY:
            merged = [*headers]
            merge_vary(merged, _NAME)
            return merged
    return [*headers, VARIES]


def with_tag(headers: RawHeaders, tag: bytes) -> RawHeaders:
    """Return the fields with ``tag`` as their ``ETag``."""
    changed = [*headers]
    set_field(changed, b"etag", tag)
    return changed


def without_digests(trailers: RawHeaders) -> RawHeaders:
    """Return trailers without the digests of content that nobody got."""
    return [line for line in trailers if line[0].lower() not in _DIGESTS]


def _tag(value: bytes, coding: bytes) -> RawHeaders:
    tag = parse_tag(value)
    return [] if tag is None else [(b"etag", format_tag(with_coding(tag, coding)))]


def _digest(line: tuple[bytes, bytes], body: bytes) -> RawHeaders:
    names = dict.fromkeys(_MADE_WITH.findall(line[1]))
    made = [b"%b=:%b:" % (name, base64.b64encode(_ALGORITHMS[name](body).digest())) for name in names]
    return [(line[0], b", ".join(made))] if made else []
