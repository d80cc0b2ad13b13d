"""Make the scope say what the trusted proxies said, once, for our layers and for the app."""

from asgi_patterns.kernel.address import Client
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.headers import set_field
from asgi_patterns.kernel.types import Scope


def apply_proxies(exchange: Exchange, scope: Scope) -> None:
    """Put the client's own address, scheme, authority and prefix into ``scope``, our copy.

    Nothing changes where no trusted proxy stands in between. Servers have the same function; ``serve`` switches
    theirs off, because a second one would believe the first one's client to be a proxy.
    """
    client = exchange.client(scope)
    if not client.proxied:
        return
    scope["client"] = (client.host, client.port or 0)
    if client.scheme is not None:
        secure = client.scheme == "https"
        names = ("wss", "ws") if scope["type"] == "websocket" else ("https", "http")
        scope["scheme"] = names[0] if secure else names[1]
    if client.authority is not None:
        scope["headers"] = [*scope["headers"]]
        set_field(scope["headers"], b"host", client.authority)
    if client.prefix is not None:
        _add_prefix(client, scope)
    exchange.settle_client(client, scope["headers"])


def _add_prefix(client: Client, scope: Scope) -> None:
    # ASGI: path includes root_path, and the proxy took the prefix off both.
    prefix = client.prefix or ""
    scope["root_path"] = prefix + scope.get("root_path", "")
    scope["path"] = prefix + scope["path"]
    if scope.get("raw_path") is not None:
        scope["raw_path"] = prefix.encode("latin-1") + scope["raw_path"]
