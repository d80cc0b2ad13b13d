"""What a span says of a request, in the words of OpenTelemetry's semantic conventions for HTTP (stable, 1.44).

``Describe``: the attributes with which a span begins; ``known_methods``: the methods that go by their name.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, final
from urllib.parse import unquote_plus

from asgi_patterns.kernel.types import RawHeaders, Scope

AttributeValue = str | int | float | bool | Sequence[str]
Attributes = dict[str, AttributeValue]
Capturing = Callable[[RawHeaders], Mapping[str, AttributeValue]]
"""Shows chosen fields as attributes."""

OTHER: Final = "_OTHER"
REDACTED: Final = "REDACTED"
LONGEST: Final = 2048
"""Characters of a text from outside; what is more is cut off."""
_METHODS: Final = "GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS,CONNECT,TRACE,QUERY"
_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def known_methods(environment: Mapping[str, str]) -> frozenset[str]:
    """Return the methods that are known: those of HTTP, or those that the environment lists instead."""
    listed = environment.get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "")
    names = [name.strip() for name in (listed.strip() or _METHODS).split(",")]
    return frozenset(name for name in names if name)


@final
class Describe:
    """Makes the attributes with which the span of a request begins: samplers see these, and no others."""

    def __init__(
        self, methods: Collection[str], hidden: Collection[str], capture: Capturing | None = None
    ) -> None:
        self.methods = frozenset(methods)
        self._hidden = frozenset(hidden)
        self._capture = capture

    def method(self, scope: Scope) -> str:
        """Return what a span of this request is called after."""
        if scope["type"] == "websocket":
            return "WS"
        method: str = scope["method"]
        return method if method in self.methods else "HTTP"

    # Every request comes by here: what costs a call is asked for only where it is needed.
    def attributes(self, scope: Scope, fields: Mapping[bytes, bytes]) -> Attributes:
        """Return them. ``fields`` are those of the request, the last line of each."""
        found = _kept(scope, fields).copy()
        path: str = scope["path"]
        found["url.path"] = path if path.isascii() and len(path) <= LONGEST else bounded(path)
        method = scope.get("method")
        if method in self.methods:
            found["http.request.method"] = method
        else:
            self._add_protocol(found, scope)
        if query := scope.get("query_string"):
            found["url.query"] = self.query(query)
        if (client := scope.get("client")) and (address := client[0]):
            found["client.address"] = address
            if port := client[1]:
                found["client.port"] = port
        if b"host" not in fields or self._capture is not None:
            self._add_unusual(found, scope, fields)
        return found

    def _add_unusual(self, found: Attributes, scope: Scope, fields: Mapping[bytes, bytes]) -> None:
        if b"host" not in fields and (server := scope.get("server")) and server[1]:
            found["server.address"], found["server.port"] = server
        if self._capture is not None:
            found.update(self._capture(scope["headers"]))

    def _add_protocol(self, found: Attributes, scope: Scope) -> None:
        if scope["type"] == "websocket":
            found["network.protocol.name"] = "websocket"
        else:
            found["http.request.method"] = OTHER
            found["http.request.method_original"] = bounded(scope["method"])

    def query(self, query: bytes) -> str:
        """Return a query string without the values of its hidden parameters."""
        text = bounded(query.decode("utf-8", "replace"))
        if not self._hidden:
            return text
        return "&".join(self._pair(pair) for pair in text.split("&"))

    def _pair(self, pair: str) -> str:
        name, equals, _ = pair.partition("=")
        return f"{name}={REDACTED}" if equals and unquote_plus(name).lower() in self._hidden else pair


def _kept(scope: Scope, fields: Mapping[bytes, bytes]) -> Attributes:
    scheme: str = scope.get("scheme") or ("ws" if scope["type"] == "websocket" else "http")
    host, agent = fields.get(b"host"), fields.get(b"user-agent")
    # What is kept of them is bounded.
    return _usual(scheme, host and host[:LONGEST], agent and agent[:LONGEST], scope.get("http_version"))


def bounded(text: str) -> str:
    """Return a text that any exporter can encode, and that is not too long."""
    if len(text) > LONGEST:
        text = text[:LONGEST]
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


# What clients send here are mostly the same few texts, and the same ones with each request of a connection.
@lru_cache(maxsize=256)
def _usual(scheme: str, host: bytes | None, agent: bytes | None, version: str | None) -> Attributes:
    """Return what these come to. It is not to be changed."""
    found: Attributes = {"url.scheme": scheme}
    if host is not None:
        address, port = _authority(host)
        if address:
            found["server.address"] = address
            if (known := port or _PORTS.get(scheme)) is not None:
                found["server.port"] = known
    if version:
        found["network.protocol.version"] = version
    if agent is not None:
        found["user_agent.original"] = bounded(agent.decode("latin-1"))
    return found


def _authority(host: bytes) -> tuple[str, int | None]:
    """Return the name and the port of a ``Host``; an empty name where it cannot be read."""
    text = host.decode("latin-1").strip()
    name, colon, port = text.rpartition(":")
    if not colon or port.endswith("]"):
        name, port = text, ""
    if (port and not (port.isascii() and port.isdigit() and int(port) < 65536)) or "@" in name or "/" in name:
        return "", None
    return name.removeprefix("[").removesuffix("]"), int(port) if port else None


def as_attributes(fields: Mapping[str, Any], prefix: str) -> Attributes:
    """Return of ``fields`` what an attribute can be, under names that begin with ``prefix``."""
    return {
        f"{prefix}{name}": bounded(value) if isinstance(value, str) else value
        for name, value in fields.items()
        if isinstance(value, str | int | float)
    }
