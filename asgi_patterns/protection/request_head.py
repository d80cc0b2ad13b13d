"""How large the head of a request may be: its target (RFC 9110 4.1) and its fields (RFC 6585 5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, final
from urllib.parse import quote

from asgi_patterns.kernel.types import RawHeaders

Excess = Literal["uri", "count", "size"]

_DIGITS: Final = 18
_ENDLESS: Final = 10**_DIGITS
_LATER_PARTS: Final = "/:@!$&'()*+,;="
_CONTENT: Final = frozenset({b"content-length", b"transfer-encoding"})


@final
@dataclass(frozen=True, slots=True)
class HeadLimits:
    """What is still let through."""

    uri: int
    """Bytes of path and query."""
    count: int
    """Field lines."""
    size: int
    """Bytes of all names and values together."""

    def excess(self, scope: Mapping[str, Any], size: int) -> tuple[Excess, int] | None:
        """Return what is too large in a scope, and how large it is; ``None`` where all is within the limits.

        ``size`` is that of its fields, as ``measure`` tells it.
        """
        count, raw = len(scope["headers"]), scope.get("raw_path")
        # Nearly every request: a length that is so far from its limit needs no exact count.
        is_short = raw and len(raw) + len(scope.get("query_string", b"")) < self.uri
        if is_short and count <= self.count and size <= self.size:
            return None
        if (uri := uri_length(scope)) > self.uri:
            return "uri", uri
        if count > self.count:
            return "count", count
        return ("size", size) if size > self.size else None


def measure(headers: RawHeaders) -> tuple[int, int | None]:
    """Return the bytes of all names and values, and those of the content as they are announced.

    The latter is 0 where nothing is announced, and ``None`` where the content comes in chunks. Servers refuse two
    different lengths, and those that are no number; of those of one that does not, the largest counts.
    """
    size, length, in_chunks = 0, 0, False
    for name, value in headers:
        size += len(name) + len(value)
        if name in _CONTENT:
            if name == b"transfer-encoding":
                in_chunks = True
            else:
                length = max(length, int(value) if len(value) <= _DIGITS and value.isdigit() else _ENDLESS)
    return size, None if in_chunks else length


def uri_length(scope: Mapping[str, Any]) -> int:
    """Return the bytes of path and query, as they came over the wire."""
    query = scope.get("query_string", b"")
    raw = scope.get("raw_path")
    # A server need not say how the path was written: then as one that escapes no more than it has to.
    path = len(raw) if raw else len(quote(scope["path"], safe=_LATER_PARTS))
    return path + len(query) + 1 if query else path
