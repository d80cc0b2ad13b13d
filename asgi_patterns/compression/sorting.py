"""Which answers are coded: decided by the head alone, before there is a body.

``sort``: what becomes of an answer, on which ``Terms``; ``told``: what a client hears of it that reads no coding;
``worth_of``: what media types are worth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final, TypeAlias, final

from asgi_patterns.compression.rewriting import VARIES, varying
from asgi_patterns.kernel import headers as fields
from asgi_patterns.kernel.media_types import MediaTypes, essence
from asgi_patterns.kernel.parameters import elements
from asgi_patterns.kernel.types import RawHeaders

MEDIA_TYPES: Final[Sequence[str]] = (
    "text/*",
    "application/json",
    "application/*+json",
    "application/json-seq",
    "application/jsonl",
    "application/x-ndjson",
    "application/javascript",
    "application/x-javascript",
    "application/xml",
    "application/*+xml",
    "application/yaml",
    "application/toml",
    "application/graphql",
    "application/sql",
    "application/wasm",
    "image/svg+xml",
)
"""What is worth being coded. Images, sounds, films, fonts for the web and archives are small already."""

UNKNOWN: Final = -1
"""The length of a stream."""

_HTML: Final = frozenset({"text/html", "application/xhtml+xml"})
_OTHERS: Final = frozenset({204, 205, 206, 304})
_DIGITS: Final = 18
_TYPE, _LENGTH, _ENCODING, _CONTROL, _COOKIE, _VARY = range(1, 7)
_KINDS: Final = fields.Kinds(
    {
        b"content-type": _TYPE,
        b"content-length": _LENGTH,
        b"content-encoding": _ENCODING,
        b"cache-control": _CONTROL,
        b"set-cookie": _COOKIE,
        b"vary": _VARY,
    }
)


@final
class Fate(Enum):
    """What becomes of an answer."""

    LEAVE = "left as it is: so it would be for any client"
    PLAIN = "sent as it is, to this client at this time"
    CODE = "coded"
    KNOWN = "a 304, or a part: it stands for an answer that may have been coded"


@final
class Worth(Enum):
    """What a media type says about coding."""

    NOT = "not worth it"
    CODED = "worth it"
    PAGE = "worth it, and a page, which may hold a secret beside what others put into it"
    EVENTS = "worth it, and open for hours"


WorthOf: TypeAlias = Callable[[bytes], Worth]
"""What a ``Content-Type`` is worth."""


def worth_of(media_types: Sequence[str]) -> WorthOf:
    """Return what tells types that are among ``media_types``, and remembers those that come again and again."""
    types = MediaTypes(media_types)

    @lru_cache(maxsize=256)
    def look(content_type: bytes) -> Worth:
        if not types.has(content_type):
            return Worth.NOT
        name = essence(content_type)
        if name == "text/event-stream":
            return Worth.EVENTS
        return Worth.PAGE if name in _HTML else Worth.CODED

    return look


@final
@dataclass(frozen=True, slots=True)
class Terms:
    """On what answers are coded."""

    worth_of: WorthOf
    minimum: int
    """Bytes from which it is worth it."""
    is_trusted: bool = False
    """Whether somebody has said that no secret stands beside what others can put into such answers."""


Sorted: TypeAlias = tuple[Fate, int, Worth]
"""What becomes of an answer, its length in bytes or ``UNKNOWN``, and what its media type is worth."""

# Members by names of their own: Python 3.11 looks a member up in its class for longer than all else takes here.
_NOT, _PAGE, _CODE = Worth.NOT, Worth.PAGE, Fate.CODE
_LEFT: Final[Sorted] = (Fate.LEAVE, 0, _NOT)
_PLAIN: Final[Sorted] = (Fate.PLAIN, 0, _NOT)
_KNOWN: Final[Sorted] = (Fate.KNOWN, 0, _NOT)


def sort(status: int, headers: RawHeaders, terms: Terms, *, has_cookie: bool) -> Sorted:
    """Return what becomes of an answer to a client that reads our codings, and whose request had a cookie or not."""
    seen = _look(headers, terms.worth_of)
    if seen is None:
        return _LEFT
    length, worth, sets_cookie, _ = seen
    if status in _OTHERS:
        return _of_other(status, worth)
    if worth is _NOT or UNKNOWN < length < terms.minimum:
        return _LEFT
    # BREACH: what others can put into an answer, beside a secret, and a length that tells whether the two agree.
    if (sets_cookie or (has_cookie and worth is _PAGE)) and not terms.is_trusted:
        return _PLAIN
    return _CODE, length, worth


def _look(headers: RawHeaders, worth_of: WorthOf) -> tuple[int, Worth, bool, bool] | None:
    """Return length, worth, whether there is a cookie and a ``Vary``; ``None`` where nobody may code the content."""
    length, worth, sets_cookie, varies = UNKNOWN, _NOT, False, False
    for name, value in headers:
        kind = _KINDS[name]
        if kind == 0:
            continue
        if kind == _TYPE:
            worth = worth_of(value)
        elif kind == _LENGTH:
            length = int(value) if value.isdigit() and len(value) <= _DIGITS else UNKNOWN
        elif kind == _COOKIE:
            sets_cookie = True
        elif kind == _VARY:
            varies = True
        elif _stops(kind, value):
            return None
    return length, worth, sets_cookie, varies


def _of_other(status: int, worth: Worth) -> Sorted:
    """Return what becomes of an answer that is no whole one; a part goes out as it is, and so does what is empty."""
    return _KNOWN if status == 304 or (status == 206 and worth is not _NOT) else _LEFT


def told(status: int, headers: RawHeaders, terms: Terms) -> RawHeaders | None:
    """Return the fields of an answer to a client that reads no coding; ``None`` where nobody would get it coded."""
    seen = _look(headers, terms.worth_of)
    if seen is None:
        return None
    length, worth, _, varies = seen
    if status in _OTHERS:
        is_left = _of_other(status, worth) is _LEFT
    else:
        is_left = worth is _NOT or UNKNOWN < length < terms.minimum
    if is_left:
        return None
    return varying(headers) if varies else [*headers, VARIES]


def _stops(kind: int, value: bytes) -> bool:
    """Whether nobody gets content coded of which a field says this."""
    return kind == _ENCODING or (kind == _CONTROL and forbids(value))


def forbids(cache_control: bytes) -> bool:
    """Whether a line of ``Cache-Control`` says ``no-transform`` (RFC 9111 5.2.2.6)."""
    lowered = cache_control.lower()
    return b"no-transform" in lowered and any(
        element.partition("=")[0].strip() == "no-transform" for element in elements(lowered.decode("latin-1"))
    )
