"""Header fields as the raw list that ASGI carries, read and written in place.

Names that clients send are lower-case by the time an app sees them; names that apps send often are not.
So readers here compare without regard to case, and the writers are the only place in the project that
puts a field into a head: a value from anywhere passes the same check.
"""

import re
from typing import final

from asgi_patterns.kernel.parameters import TOKEN
from asgi_patterns.kernel.types import RawHeaders

# RFC 9110 5.6.2: a field name is a token. RFC 9110 5.5: CR, LF and NUL in a value are dangerous.
_TOKEN = re.compile(TOKEN.encode())
_FORBIDDEN = re.compile(rb"[\r\n\0]")

_DIGITS = 18
_MOST_NAMES = 512

MAX_VALUE = 16 * 1024
"""Bytes that one field value may have: what common servers and proxies still accept."""


def get(headers: RawHeaders, name: bytes) -> bytes | None:
    """Return the value of the first field called ``name`` (given in lower case), or ``None``."""
    size = len(name)
    for key, value in headers:
        if key == name or (len(key) == size and key.lower() == name):
            return value
    return None


def get_all(headers: RawHeaders, name: bytes) -> list[bytes]:
    """Return the value of every field line called ``name`` (given in lower case), in order."""
    size = len(name)
    return [value for key, value in headers if len(key) == size and key.lower() == name]


def request_lines(headers: RawHeaders, name: bytes) -> list[bytes]:
    """Return what ``get_all`` does, of a request: ASGI has its names in lower case, which is cheaper to read."""
    return [value for key, value in headers if key == name]


def has(headers: RawHeaders, name: bytes) -> bool:
    """Whether a field called ``name`` (given in lower case) is there."""
    return get(headers, name) is not None


def field(name: str | bytes, value: str | bytes) -> tuple[bytes, bytes]:
    """Return a field that is safe to send: the name is a lower-case token, the value has no CR, LF or NUL.

    Raises ``ValueError`` for anything else, and for text that is not Latin-1.
    """
    return field_name(name), field_value(value)


def field_name(name: str | bytes) -> bytes:
    """Return ``name`` as lower-case bytes. Raises ``ValueError`` where it is no token (RFC 9110 5.6.2)."""
    raw = _latin_1(name).lower()
    if not _TOKEN.fullmatch(raw):
        raise ValueError(f"{name!r} is not a header field name: use letters, digits and !#$%&'*+-.^_`|~")
    return raw


def field_value(value: str | bytes) -> bytes:
    """Return ``value`` as bytes. Raises ``ValueError`` where it could end the line or is too long."""
    if isinstance(value, str) and value.isascii() and value.isprintable() and len(value) <= MAX_VALUE:
        return value.encode()  # nearly every value, and the cheapest way to see that it is harmless
    raw = _latin_1(value)
    if _FORBIDDEN.search(raw):
        raise ValueError(f"a header value may not contain CR, LF or NUL: {raw[:80]!r}")
    if len(raw) > MAX_VALUE:
        raise ValueError(f"a header value of {len(raw)} bytes is over the limit of {MAX_VALUE}")
    return raw


def append(headers: RawHeaders, name: str | bytes, value: str | bytes) -> None:
    """Add one more field line. Raises ``ValueError`` as ``field`` does."""
    headers.append(field(name, value))


def set_field(headers: RawHeaders, name: bytes, value: str | bytes) -> None:
    """Make ``name`` (a lower-case token) stand exactly once, with ``value``. Raises ``ValueError`` as ``field``."""
    line = (name, field_value(value))
    size = len(name)
    for key, _ in headers:
        if key == name or (len(key) == size and key.lower() == name):
            remove(headers, name)
            break
    headers.append(line)


def remove(headers: RawHeaders, *names: bytes) -> None:
    """Drop every field line with one of ``names`` (given in lower case)."""
    headers[:] = [line for line in headers if line[0].lower() not in names]


def merge_vary(headers: RawHeaders, *names: str) -> None:
    """Make ``Vary`` name these request fields too; what it named before stays (RFC 9110 12.5.5)."""
    known = [part.strip() for line in get_all(headers, b"vary") for part in line.decode("latin-1").split(",")]
    if "*" in known:
        return
    lowered = {name.lower() for name in known}
    missing = [name for name in names if name.lower() not in lowered]
    if missing:
        set_field(headers, b"vary", ", ".join([name for name in known if name] + missing))


def content_length(headers: RawHeaders) -> int | None:
    """Return ``Content-Length`` in bytes, or ``None`` where it is absent, repeated or unreadable."""
    lines = get_all(headers, b"content-length")
    return _length(lines[0]) if len(lines) == 1 else None


@final
class Kinds(dict[bytes, int]):
    """What fields are about, by their names in lower case, for those who look at all lines of a head in one go.

    ``kinds[name]`` takes a name as an app writes it. It is 0 for any other.
    """

    __slots__ = ()

    def __missing__(self, name: bytes) -> int:
        """Return what a name stands for in lower case, and remember that of the first few hundred."""
        kind = self.get(name.lower(), 0)
        if len(self) < _MOST_NAMES:
            self[name] = kind
        return kind


@final
class Names:
    """Names of fields, given in lower case, as they are looked for in heads, however an app writes them.

    Who goes through a head asks ``others`` first, which takes a fifth of the time, and ``has`` about the rest.
    """

    __slots__ = ("_names", "others")

    def __init__(self, *names: bytes) -> None:
        self._names = frozenset(names)
        self.others: set[bytes] = set()
        """What has been met and is none of them: the first few hundred."""

    def has(self, name: bytes) -> bool:
        """Whether this is one of them."""
        if name.lower() in self._names:
            return True
        if len(self.others) < _MOST_NAMES:
            self.others.add(name)
        return False


_LENGTH, _UNFIT = 1, 2


def unless(*names: bytes) -> Kinds:
    """Return what has ``short_length`` say ``None`` also where there is a field with one of these names."""
    return Kinds({b"content-length": _LENGTH} | dict.fromkeys((b"transfer-encoding", *names), _UNFIT))


_USUAL = unless()


def short_length(headers: RawHeaders, limit: int, kinds: Kinds = _USUAL) -> int | None:
    """Return ``Content-Length`` where it says that at most ``limit`` bytes follow as they are, in one look.

    ``None`` where it is absent, repeated or unreadable, or where ``Transfer-Encoding`` says otherwise. ``kinds`` is
    made by ``unless``.
    """
    found: bytes | None = None
    for name, value in headers:
        kind = kinds[name]
        if kind:
            if kind == _UNFIT or found is not None:
                return None
            found = value
    if found is None or not found.isdigit() or len(found) > _DIGITS:
        return None
    length = int(found)
    return length if length <= limit else None


def _length(value: bytes) -> int | None:
    return int(value) if value.isdigit() and len(value) <= _DIGITS else None


def media_type(headers: RawHeaders) -> str:
    """Return the media type of ``Content-Type`` in lower case without its parameters; ``""`` where absent."""
    value = get(headers, b"content-type")
    return "" if value is None else value.split(b";", 1)[0].strip().lower().decode("latin-1")


def _latin_1(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"a header field is Latin-1 text, this is not: {text[:80]!r}") from None
