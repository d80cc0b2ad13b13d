"""What the played server tells an app about a request: the scope."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, final
from urllib.parse import quote, unquote, urlsplit

from asgi_patterns.kernel.types import RawHeaders, Scope

Fields = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]
"""Header fields as a test may write them; text is sent as Latin-1, names in lower case."""

EXTENSIONS = (
    "http.response.trailers",
    "http.response.pathsend",
    "http.response.zerocopysend",
    "http.response.early_hint",
    "http.response.debug",
    "websocket.http.response",
)
"""What the played server offers unless a test says otherwise."""

REQUIRED = frozenset({"type", "asgi", "http_version", "method", "path", "query_string", "headers"})
"""The keys that every request has; all others a server may leave out."""

PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
# Everything that may stand in a request target unescaped, and "%", because it is escaped already.
TARGET = "/%:@!$&'()*+,;=?~-._[]"


def raw_fields(fields: Fields) -> RawHeaders:
    """Bring header fields into the form of a scope."""
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    return [(_raw(name).lower(), _raw(value)) for name, value in pairs]


def _raw(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text


def merged(defaults: RawHeaders, own: RawHeaders) -> RawHeaders:
    """Put ``own`` fields after those defaults that they do not replace."""
    names = {name for name, _ in own}
    return [*(pair for pair in defaults if pair[0] not in names), *own]


@final
@dataclass(frozen=True, kw_only=True)
class Server:
    """The server that a client plays, as it shows itself in every scope."""

    client: tuple[str, int] | None
    scheme: str
    root_path: str
    headers: RawHeaders
    http_version: str
    spec_version: str
    extensions: Mapping[str, Any]
    state: Mapping[str, Any] = field(default_factory=dict)
    minimal: bool = False

    @property
    def refuses(self) -> bool:
        """Whether ``send`` raises once the client has gone: since ASGI 2.4."""
        return not self.minimal and tuple(map(int, self.spec_version.split("."))) >= (2, 4)

    def http(self, method: str, url: str, headers: RawHeaders, overrides: Mapping[str, Any]) -> Scope:
        """Describe an HTTP request."""
        scope = {"type": "http", "method": method, **self._request(url, self.scheme, headers)}
        return {**self._reduced(scope), **overrides}

    def websocket(
        self, url: str, headers: RawHeaders, subprotocols: Iterable[str], overrides: Mapping[str, Any]
    ) -> Scope:
        """Describe a WebSocket handshake."""
        offered = list(subprotocols)
        handshake = [
            (b"connection", b"Upgrade"),
            (b"upgrade", b"websocket"),
            (b"sec-websocket-version", b"13"),
            (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        ]
        if offered:
            handshake.append((b"sec-websocket-protocol", ", ".join(offered).encode("latin-1")))
        scheme = "wss" if self.scheme == "https" else "ws"
        scope = {"type": "websocket", **self._request(url, scheme, merged(handshake, headers))}
        return {**self._reduced(scope), "subprotocols": offered, **overrides}

    def lifespan(self, state: dict[str, Any]) -> Scope:
        """Describe the life of the server; ``state`` is what the app may fill."""
        return self._reduced({"type": "lifespan", "asgi": self._asgi("2.0"), "state": state})

    def _request(self, url: str, scheme: str, headers: RawHeaders) -> Scope:
        scheme, host, target = _split(url, scheme)
        path, _, query = target.partition("?")
        raw_path = quote(path, safe=TARGET)
        address = urlsplit(f"//{host}")
        return {
            "asgi": self._asgi(self.spec_version),
            "http_version": self.http_version,
            "scheme": scheme,
            "path": self.root_path + unquote(raw_path),
            "raw_path": quote(self.root_path, safe=TARGET).encode() + raw_path.encode(),
            "query_string": quote(query, safe=TARGET).encode(),
            "root_path": self.root_path,
            "headers": merged([(b"host", host.encode("latin-1"))], merged(self.headers, headers)),
            "client": self.client,
            "server": (address.hostname or "", address.port or PORTS.get(scheme, 80)),
            "state": dict(self.state),
            "extensions": {name: dict(value) for name, value in self.extensions.items()},
        }

    def _asgi(self, spec_version: str) -> dict[str, str]:
        return {"version": "3.0"} if self.minimal else {"version": "3.0", "spec_version": spec_version}

    def _reduced(self, scope: Scope) -> Scope:
        if not self.minimal:
            return scope
        return {key: value for key, value in scope.items() if key in REQUIRED}


def _split(url: str, scheme: str) -> tuple[str, str, str]:
    """Take a URL apart: scheme, host with port, target. A path alone is a target of this server."""
    if "://" in url.partition("?")[0]:
        scheme, _, rest = url.partition("://")
        host, slash, target = rest.partition("/")
        return scheme, host, slash + target or "/"
    if url.startswith("/") or url == "*":
        return scheme, "testserver", url
    raise ValueError(f"{url!r} is neither a path that begins with / nor a URL")
