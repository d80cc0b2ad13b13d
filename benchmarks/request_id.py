"""What it costs to give a request an id, a new one or the one that it comes with."""

from collections.abc import Iterator
from contextvars import ContextVar
from importlib.util import find_spec
from random import randbytes
from typing import Final, final

from asgi_patterns import Pipeline, RequestId
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.answers import small
from benchmarks.asking import asking
from benchmarks.comparing import Entrant, app, compare, floor, ours, peer
from benchmarks.harness import ROUNDS
from benchmarks.reasons import FIRST
from benchmarks.results import Budget, Group

SENT: Final = (b"x-request-id", b"0123456789abcdef0123456789abcdef")
"""An id that a client brings along; of the form that all contenders keep."""

current: ContextVar[str | None] = ContextVar("benchmarks_request_id", default=None)


@final
class Floor:
    """The id of the request, or a new one, on the answer, by hand: whatever was sent is believed, and no log knows."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        identity = None
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                identity = value
        line = (b"x-request-id", identity or randbytes(16).hex().encode())

        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], line]}
            await send(message)

        await self.app(scope, receive, wrapped)


@final
class ByHand:
    """One id for the answer and for log lines: the request's own where it is harmless, or a new one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        identity = ""
        for name, value in scope["headers"]:
            if name == b"x-request-id" and len(value) <= 128 and value.replace(b"-", b"").isalnum():
                identity = value.decode()
        if not identity:
            identity = randbytes(16).hex()
        token = current.set(identity)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                line = (b"x-request-id", identity.encode())
                message = {**message, "headers": [*message["headers"], line]}
            await send(message)

        await self.app(scope, receive, sending)
        current.reset(token)


def run(*, rounds: int = ROUNDS, calls: int | None = None) -> Group:
    """Measure."""
    new = compare("a new id", *entrants("RequestId"), rounds=rounds, calls=calls)
    kept = compare("the id that was sent", *entrants(), rounds=rounds, calls=calls, how=asking(SENT))
    return Group(name="request_id", title="An id for every request", cases=(new, kept))


def entrants(layer: str = "") -> Iterator[Entrant]:
    """Yield who gives ids; whoever is not installed is left out."""
    yield app("the app alone", lambda: small)
    yield floor("checked, and told to the log, by hand", lambda: ByHand(small))
    yield floor("the field alone, by hand", lambda: Floor(small))
    yield ours("RequestId", lambda: RequestId()(small), Budget(most=1.3, reason=FIRST), layer=layer)
    yield ours("RequestId in a pipeline", lambda: Pipeline(RequestId())(small))
    if find_spec("asgi_correlation_id"):
        yield peer("asgi-correlation-id", lambda: correlated(small))


def correlated(app: ASGIApp) -> ASGIApp:
    """Return the app behind asgi-correlation-id, as its own page puts it there."""
    from asgi_correlation_id import CorrelationIdMiddleware

    wrapped: ASGIApp = CorrelationIdMiddleware(app)
    return wrapped
