"""What it costs to give a request an id, a new one or the one that it comes with."""

from random import randbytes
from typing import final

from asgi_patterns import RequestId
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.asking import asking, small
from benchmarks.comparing import Entrant, app, compare, floor, ours
from benchmarks.harness import CALLS, ROUNDS
from benchmarks.results import Budget, Group

SENT = (b"x-request-id", b"0f8b2c51d7ce4b6f9a3c1a7e5d2b4c60")


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


def run(*, rounds: int = ROUNDS, calls: int = CALLS) -> Group:
    """Measure."""
    new = compare("a new id", *_entrants("RequestId"), rounds=rounds, calls=calls)
    kept = compare("the id that was sent", *_entrants(), rounds=rounds, calls=calls, how=asking(SENT))
    return Group(name="request_id", title="An id for every request", cases=(new, kept))


def _entrants(layer: str = "") -> list[Entrant]:
    return [
        app("the app alone", lambda: small),
        floor("by hand", lambda: Floor(small)),
        ours("RequestId", lambda: RequestId()(small), Budget(most=1.3), layer=layer),
    ]
