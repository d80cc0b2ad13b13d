"""What it costs to give each request an id: by hand, ours, and asgi-correlation-id's."""

from contextvars import ContextVar
from importlib.util import find_spec
from random import randbytes
from typing import Final, final

from asgi_patterns import Pipeline, RequestId
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.answers import SIZES, answering
from benchmarks.harness import Contender, Times, measure, table

GIVEN: Final = b"0123456789abcdef0123456789abcdef"
"""An id that a client brings along; of the form that all contenders keep."""

current: ContextVar[str | None] = ContextVar("benchmarks_request_id", default=None)


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


@final
class Bringing:
    """Calls an app for a client that brings an id along."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["headers"] = [*scope["headers"], (b"x-request-id", GIVEN)]
        await self.app(scope, receive, send)


def correlated(app: ASGIApp) -> ASGIApp:
    """Return the app behind asgi-correlation-id, as its own page puts it there."""
    from asgi_correlation_id import CorrelationIdMiddleware

    wrapped: ASGIApp = CorrelationIdMiddleware(app)
    return wrapped


def contenders(app: ASGIApp) -> dict[str, Contender]:
    """Return who gives ids; whoever is not installed is left out."""
    found: dict[str, Contender] = {
        "alone": lambda: app,
        "by hand": lambda: ByHand(app),
        "RequestId": lambda: RequestId()(app),
        "RequestId in a pipeline": lambda: Pipeline(RequestId())(app),
    }
    if find_spec("asgi_correlation_id"):
        found["asgi-correlation-id"] = lambda: correlated(app)
    return found


def run(*, rounds: int = 60, calls: int = 2000) -> str:
    """Measure, and return the table."""
    made = contenders(answering(SIZES["2 KB"]))
    new = measure(made, rounds=rounds, calls=calls)
    kept = measure({name: _bringing(make) for name, make in made.items()}, rounds=rounds, calls=calls)
    rows = [
        *((f"{name}, a new id", *over(new, name)) for name in new if name != "alone"),
        *((f"{name}, the client's id", *over(kept, name)) for name in kept if name != "alone"),
    ]
    title = "Request ids, microseconds over an app that answers with 2 KB"
    return table(title, rows, ("", "over", "of by hand"))


def over(times: dict[str, Times], name: str) -> tuple[str, str]:
    """Return what ``name`` takes over the app alone, and how often that is what the one by hand takes."""
    floor, mine = (times[each].minimum - times["alone"].minimum for each in ("by hand", name))
    return f"{mine:.2f}", f"{mine / floor:.2f}"


def _bringing(make: Contender) -> Contender:
    return lambda: Bringing(make())
