"""What every framework's route templates promise, and how a test asks for one.

Each framework's test builds the same app, with ``OPERATIONS`` on their routes, and runs these tables on it.
"""

from dataclasses import dataclass, field

import pytest
from _pytest.mark import ParameterSet

from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.link import HEADS
from asgi_patterns.kernel.routes import route_template
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.testing import Client

Row = tuple[str, str, int, str | None]
"""A sentence, the request, the status that proves what the app did with it, the template."""

EVERYWHERE: list[Row] = [
    ("a path without parameters", "GET /orders", 200, "/orders"),
    ("another method on that path", "POST /orders", 200, "/orders"),
    ("a parameter, its converter left out", "GET /orders/7", 200, "/orders/{order_id}"),
    ("two parameters", "GET /orders/7/lines/x", 200, "/orders/{order_id}/lines/{line}"),
    ("what the converter does not take", "GET /orders/seven", 404, None),
    ("the rest of a path", "GET /files/a/b.txt", 200, "/files/{rest}"),
    ("a router with a prefix", "GET /v1/items/3", 200, "/v1/items/{item}"),
    ("the same router with another prefix", "GET /v2/items/3", 200, "/v2/items/{item}"),
    ("a prefix with a parameter", "GET /tenants/acme/items/3", 200, "/tenants/{tenant}/items/{item}"),
    ("a prefix and no route behind it", "GET /v1/nothing", 404, None),
    ("a handler that raises", "GET /crash", 500, "/crash"),
    ("no route", "GET /nothing", 404, None),
    ("a path that looks like a template", "GET /{path}", 404, None),
]

REFUSED: list[Row] = [("a method that the router refuses", "DELETE /orders", 405, None)]

SOCKETS: list[Row] = [
    ("a WebSocket", "WS /rooms/blue", 101, "/rooms/{room}"),
    ("no WebSocket there", "WS /orders", 403, None),
]


def table(*parts: list[Row]) -> list[ParameterSet]:
    """The rows, for a test with ``request_line``, ``status`` and ``template``."""
    return [pytest.param(*row[1:], id=row[0]) for rows in parts for row in rows]


@dataclass
class Asked:
    """A request that was answered, and what was known of its route when the head was sent, and at the end."""

    status: int = 0
    at_head: str | None = "no head was sent"
    template: str | None = None


@dataclass
class Watched:
    """Our outermost layer, as far as routes go."""

    app: ASGIApp
    asked: Asked = field(default_factory=Asked)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange, scope = Exchange.of(scope)

        async def watch(message: Message) -> None:
            if message["type"] in HEADS or message["type"] == "websocket.close":
                self.asked.at_head = route_template(exchange)
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            self.asked.template = route_template(exchange)


async def ask(app: ASGIApp, request_line: str, *, root_path: str = "") -> Asked:
    """Send a request such as ``GET /orders`` or, for a WebSocket, ``WS /rooms/blue``."""
    method, _, path = request_line.partition(" ")
    watched = Watched(app)
    client = Client(watched, root_path=root_path, lint=False)
    if method == "WS":
        async with client.websocket(path) as socket:
            status = 101 if socket.denial is None else 403
    else:
        status = (await client.request(method, path, raise_app_exceptions=False)).status
    watched.asked.status = status
    return watched.asked
