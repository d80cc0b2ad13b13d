"""How large the head of a request may be: its target (RFC 9110 4.1) and its fields (RFC 6585 5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Literal, final
from urllib.parse import quote

from asgi_patterns.kernel.types import RawHeaders

Excess = Literal["uri", "count", "size"]

_LATER_PARTS: Final = "/:@!$&'()*+,;="


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

    def excess(self, scope: Mapping[str, Any]) -> tuple[Excess, int] | None:
        """Return what is too large in a scope, and how large it is; ``None`` where all is within the limits."""
        headers = scope["headers"]
        if (uri := uri_length(scope)) > self.uri:
            return "uri", uri
        if len(headers) > self.count:
            return "count", len(headers)
        if (size := fields_size(headers)) > self.size:
            return "size", size
        return None


def uri_length(scope: Mapping[str, Any]) -> int:
    """Return the bytes of path and query, as they came over the wire."""
    query = scope.get("query_string", b"")
    raw = scope.get("raw_path")
    # A server need not say how the path was written: then as one that escapes no more than it has to.
    path = len(raw) if raw else len(quote(scope["path"], safe=_LATER_PARTS))
    return path + len(query) + 1 if query else path


def fields_size(headers: RawHeaders) -> int:
    """Return the bytes of all names and values, without what stands between and after them."""
    return len(b"".join(chain.from_iterable(headers)))
