"""``/metrics``: what a registry holds, for who may read it."""

import gzip
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, final

from anyio import CapacityLimiter, to_thread

from asgi_patterns.kernel.address import TrustedProxies
from asgi_patterns.kernel.bearer import bears
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.headers import get_all, has
from asgi_patterns.kernel.negotiation import choose_coding
from asgi_patterns.kernel.optional import require
from asgi_patterns.kernel.patterns import route_path
from asgi_patterns.kernel.problems import Problem
from asgi_patterns.kernel.types import RawHeaders, Receive, Scope, Send
from asgi_patterns.observability.metrics_workers import directory, merged

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

Access = Literal["granted", "token", "hidden"]
"""Read it; say that a token is missing; say nothing of it."""

_PROXY_FIELDS: Final = (b"forwarded", b"x-forwarded-for")
_NOT_FOUND: Final = Problem(404)
_UNAUTHORIZED: Final = Problem(
    401, "metrics are for who has the token", headers={"WWW-Authenticate": 'Bearer realm="metrics"'}
)
_NOT_ALLOWED: Final = Problem(405, "metrics answer GET and HEAD", headers={"Allow": "GET, HEAD"})


@final
class Page:
    """The values of ``registry``, brought up to date by ``refresh`` before they are read."""

    def __init__(
        self,
        registry: "CollectorRegistry",
        refresh: Callable[[], None],
        *,
        path: str,
        label: str,
        token: str,
        networks: Sequence[str],
    ) -> None:
        self._registry = registry
        self._refresh = refresh
        self.path = path
        self._label = label
        self._token = token.encode()
        self._networks = TrustedProxies(networks)
        self._choose_encoder: Any = require("prometheus_client.exposition", "prometheus").choose_encoder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        exchange, scope = Exchange.of(scope)
        exchange.answered(self._label)
        problem = self.refusal(exchange, scope)
        if problem is not None:
            return await problem(scope, receive, send)
        self._refresh()
        # All series are written out: too long for the event loop, and with several workers there are files to read.
        # A thread of its own: that all others are busy is what somebody may want to see.
        headers, content = await to_thread.run_sync(
            self.content, scope["headers"], limiter=CapacityLimiter(1)
        )
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})

    def is_at(self, scope: Scope) -> bool:
        """Whether an HTTP request is for it."""
        path = self.path
        # Readers often ignore the root path, so the whole path counts as well.
        return bool(scope["path"] == path or (scope.get("root_path") and route_path(scope) == path))

    def refusal(self, exchange: Exchange, scope: Scope) -> Problem | None:
        """Return what the client gets in place of the values."""
        match self.access(exchange, scope):
            case "hidden":
                return _NOT_FOUND
            case "token":
                return _UNAUTHORIZED
            case "granted":
                return None if scope["method"] in ("GET", "HEAD") else _NOT_ALLOWED

    def access(self, exchange: Exchange, scope: Scope) -> Access:
        """Return whether the client may read. Where neither token nor networks are set, nobody may."""
        if not self._networks.nobody:
            if not self._is_near(exchange, scope):
                return "hidden"
        elif not self._token:
            return "hidden"
        return "granted" if not self._token or bears(scope["headers"], self._token) else "token"

    def _is_near(self, exchange: Exchange, scope: Scope) -> bool:
        client = exchange.client(scope)
        # Through a proxy that nobody trusts: the address is the proxy's, and says nothing about who asks.
        if not client.proxied and any(has(scope["headers"], name) for name in _PROXY_FIELDS):
            return False
        return self._networks.trusts(client.host)

    def content(self, asked: RawHeaders) -> tuple[RawHeaders, bytes]:
        """Return the fields and the content of the answer to who has sent the fields ``asked``."""
        path = directory()
        registry = self._registry if path is None else merged(path)
        accept = b",".join(get_all(asked, b"accept")).decode("latin-1")
        encode, media_type = self._choose_encoder(accept)
        content: bytes = encode(registry)
        headers = [
            (b"content-type", media_type.encode("latin-1")),
            (b"cache-control", b"no-store"),
            (b"vary", b"Accept, Accept-Encoding"),
        ]
        if choose_coding(get_all(asked, b"accept-encoding"), ("gzip",)) == "gzip":
            content = gzip.compress(content, compresslevel=1)
            headers.append((b"content-encoding", b"gzip"))
        headers.append((b"content-length", b"%d" % len(content)))
        return headers, content
