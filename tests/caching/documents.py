"""Apps whose answers have validators, or have none; and asking them behind the layer."""

from collections.abc import Sequence
from typing import ClassVar, final

from asgi_patterns import ConditionalRequests, Pipeline
from asgi_patterns.caching.digest import tagging
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.testing import Answer, Client, chunk, head, read_body

BODY = b'{"count": 7}'
MADE = tagging()(BODY).decode()
"""The tag that is made of that body."""
OWN = '"v7"'
PAST = "Sun, 06 Nov 1994 08:49:37 GMT"
LATER = "Sun, 06 Nov 1994 08:49:38 GMT"
EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT"
SUNDAY = "Sunday, 06-Nov-94 08:49:37 GMT"
ASCTIME = "Sun Nov  6 08:49:37 1994"

Fields = Sequence[tuple[str, str]]


def lines(*fields: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    """Write fields as ASGI has them."""
    return [(name.encode(), value.encode()) for name, value in fields]


def document(*fields: tuple[str, str], status: int = 200, body: bytes = BODY, sized: bool = True) -> ASGIApp:
    """Answer everything with the same short document, whose head has ``fields`` too."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        size = [("content-length", str(len(body)))] if sized else []
        await send(head(status, *lines(("content-type", "application/json"), *size, *fields)))
        await send(chunk(b"" if scope["method"] == "HEAD" else body, more=False))

    return app


def served(app: ASGIApp, **given: object) -> Client:
    """Return a client of ``app`` behind the layer."""
    return Client(ConditionalRequests(**given)(app))  # type: ignore[arg-type]  # whatever a test is about


def heard(app: ASGIApp, layer: ConditionalRequests) -> tuple[Client, list[Event]]:
    """Return the same, and where its events will be."""
    events: list[Event] = []

    def listen(event: Event, exchange: Exchange) -> None:
        events.append(event)

    return Client(Pipeline(layer, listeners=[listen])(app)), events


@final
class Counter:
    """A document with a number in it: GET reads it, PUT and POST write it, DELETE takes it away. No ETag of its own."""

    def __init__(self, body: bytes | None = b"0") -> None:
        self.body = body
        self.scopes: list[Scope] = []
        """Of all requests that reached it."""

    @property
    def methods(self) -> list[str]:
        """Their methods."""
        return [scope["method"] for scope in self.scopes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        self.scopes.append(scope)
        method = scope["method"]
        if method in ("PUT", "POST", "PATCH"):
            self.body = await read_body(receive)
            return await _send(send, 204)
        if method == "DELETE":
            self.body = None
            return await _send(send, 204)
        if self.body is None:
            return await _send(send, 404, b"there is none")
        await _send(send, 200, self.body, is_head=method == "HEAD")


async def _send(send: Send, status: int, body: bytes | None = None, *, is_head: bool = False) -> None:
    size = [] if body is None else [("content-length", str(len(body)))]
    await send(head(status, *lines(("server", "counter"), *size)))
    await send(chunk(b"" if is_head else body or b"", more=False))


@final
@settings
class Coding(Layer):
    """Names the coding that it would give each answer, as ``Compression`` does; codes nothing."""

    place: ClassVar[Place] = Place.COMPRESSION

    coding: str = "gzip"

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""

        async def coding(scope: Scope, receive: Receive, send: Send) -> None:
            exchange, scope = Exchange.of(scope)
            exchange.coding = self.coding.encode()
            await app(scope, receive, send)

        return coding


def shown(answer: Answer) -> tuple[int, str | None]:
    """What tells one outcome from another."""
    return answer.status, answer.header("etag")


async def drop(message: Message) -> None:
    """Nobody listens."""
