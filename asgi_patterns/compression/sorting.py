"""Which answers are coded: decided by the head alone, before there is a body.

``sort``: what becomes of an answer, on which ``Terms``; ``types_of``: reads which media types are worth it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias, TypeVar, final

from asgi_patterns.compression.rewriting import CHANGED
from asgi_patterns.kernel import headers as fields
from asgi_patterns.kernel.media_types import MediaTypes, essence
from asgi_patterns.kernel.parameters import elements
from asgi_patterns.kernel.types import RawHeaders

T = TypeVar("T")

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
_DIGITS: Final = 18
_MOST: Final = 256

# What may be seen in a head, as bits of one number: it is put together and compared at once.
VARY: Final = 1
"""There is a ``Vary``."""
TIED: Final = 2
"""There is a field that is another one, or none, where the content is coded."""
EVENTS: Final = 4
"""It is worth it, and open for hours."""
_WORTH: Final = 8
_PAGE: Final = 16  # Worth it, and it may hold a secret beside what others put into it.
_COOKIE: Final = 32
_STOP: Final = 64  # Nobody may code the content.
_OTHER: Final = 128  # Its status says that it is no whole answer, or has no content.

# Fields of which more is seen than that they are there.
_LENGTH, _TYPE, _CONTROL = 256, 512, 1024
_KINDS: Final = fields.Kinds(
    {
        b"content-type": _TYPE,
        b"content-length": _LENGTH,
        b"content-encoding": _STOP,
        b"cache-control": _CONTROL,
        b"set-cookie": _COOKIE,
        b"vary": VARY,
        **dict.fromkeys(CHANGED, TIED),
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
class Said(dict[T, int]):
    """``said[value]`` is what is seen in a value: read once, while it comes again and again."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[T], int]) -> None:
        self._read = read

    def __missing__(self, value: T) -> int:
        """Read a value, and remember it; where there are many different ones, not for long."""
        if len(self) >= _MOST:
            self.clear()
        seen = self[value] = self._read(value)
        return seen


def types_of(media_types: Sequence[str]) -> Said[bytes]:
    """Return what reads ``Content-Type``, where ``media_types`` are worth it."""
    types = MediaTypes(media_types)

    def read(content_type: bytes) -> int:
        if not types.has(content_type):
            return 0
        name = essence(content_type)
        if name == "text/event-stream":
            return _WORTH | EVENTS
        return _WORTH | _PAGE if name in _HTML else _WORTH

    return Said(read)


@final
@dataclass(frozen=True, slots=True)
class Terms:
    """On what answers are coded."""

    types: Said[bytes]
    """As ``types_of`` returns it."""
    minimum: int
    """Bytes from which it is worth it."""
    is_trusted: bool = False
    """Whether somebody has said that no secret stands beside what others can put into such answers."""


Sorted: TypeAlias = tuple[Fate, int, int]
"""What becomes of an answer, its length in bytes or ``UNKNOWN``, and what was seen: ``VARY``, ``TIED``, ``EVENTS``."""

# Members by names of their own: Python 3.11 looks a member up in its class for longer than all else takes here.
_CODE, _PLAIN, _KNOWN = Fate.CODE, Fate.PLAIN, Fate.KNOWN
_LEFT: Final[Sorted] = (Fate.LEAVE, 0, 0)


def sort(status: int, headers: RawHeaders, terms: Terms, has_cookie: bool) -> Sorted:
    """Return what becomes of an answer to a client that reads our codings, and whose request had a cookie or not.

    Who reads none gets all as it is, and has to be told where another would not.
    """
    length, seen = UNKNOWN, _STATUSES[status]
    for name, value in headers:
        kind = _KINDS[name]
        if kind:
            if kind == _TYPE:
                seen |= terms.types[value]
            elif kind == _LENGTH:
                length = int(value) if value.isdigit() and len(value) <= _DIGITS else UNKNOWN
            else:
                seen |= _CONTROLS[value] if kind == _CONTROL else kind
    if seen & _SPECIAL != _WORTH:
        return _sort_special(status, length, seen, terms, has_cookie=has_cookie)
    return _LEFT if UNKNOWN < length < terms.minimum else (_CODE, length, seen)


_SPECIAL: Final = _WORTH | _PAGE | _COOKIE | _STOP | _OTHER


def _sort_special(status: int, length: int, seen: int, terms: Terms, *, has_cookie: bool) -> Sorted:
    """Return what ``sort`` does for all that is more than a media type that is worth it, or less."""
    if seen & _STOP:
        return _LEFT
    if seen & _OTHER:
        return _sort_other(status, seen)
    if not seen & _WORTH or UNKNOWN < length < terms.minimum:
        return _LEFT
    # BREACH: what others can put into an answer, beside a secret, and a length that tells whether the two agree.
    has_secret = seen & (_COOKIE | _PAGE if has_cookie else _COOKIE)
    return (_PLAIN if has_secret and not terms.is_trusted else _CODE), length, seen


def _sort_other(status: int, seen: int) -> Sorted:
    """Return what becomes of an answer that is no whole one; a part goes out as it is, and so does what is empty."""
    is_known = status == 304 or (status == 206 and seen & _WORTH)
    return (_KNOWN, 0, seen) if is_known else _LEFT


def forbids(cache_control: bytes) -> bool:
    """Whether a line of ``Cache-Control`` says ``no-transform`` (RFC 9111 5.2.2.6)."""
    lowered = cache_control.lower()
    return b"no-transform" in lowered and any(
        element.partition("=")[0].strip() == "no-transform" for element in elements(lowered.decode("latin-1"))
    )


_CONTROLS: Final = Said[bytes](lambda value: _STOP if forbids(value) else 0)
_STATUSES: Final = Said[int](lambda status: _OTHER if status in {204, 205, 206, 304} else 0)
