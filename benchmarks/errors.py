"""What it costs to be there for failures, and to answer one."""

import json
from typing import final

from starlette.middleware.exceptions import ExceptionMiddleware

from asgi_patterns import Problem, Problems
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.answers import small
from benchmarks.comparing import app, compare, floor, ours, peer
from benchmarks.harness import ROUNDS
from benchmarks.results import Group

DETAIL = "There is no item 7."


@final
class Floor:
    """A problem for one kind of exception, by hand: nothing else is caught, and no answer looked at."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        is_started = False

        async def wrapped(message: Message) -> None:
            nonlocal is_started
            is_started = True
            await send(message)

        try:
            await self.app(scope, receive, wrapped)
        except Problem as problem:
            if is_started:
                raise
            told = {"title": "Not Found", "status": problem.status_code, "detail": problem.detail}
            body = json.dumps(told).encode()
            headers = [
                (b"content-type", b"application/problem+json"),
                (b"content-length", b"%d" % len(body)),
                (b"cache-control", b"no-store"),
            ]
            await send({"type": "http.response.start", "status": problem.status_code, "headers": headers})
            await send({"type": "http.response.body", "body": body})


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    raise Problem(404, DETAIL)


def run(*, rounds: int = ROUNDS, calls: int | None = None) -> Group:
    """Measure."""
    fine = compare(
        "an answer that is no error",
        app("the app alone", lambda: small),
        floor("by hand", lambda: Floor(small)),
        ours("Problems", lambda: Problems()(small), layer="Problems"),
        peer("Starlette's ExceptionMiddleware", lambda: ExceptionMiddleware(small)),
        rounds=rounds,
        calls=calls,
    )
    # An app that raises does nothing else, and has no time of its own.
    raised = compare(
        "a 404 that the app raises",
        floor("by hand", lambda: Floor(failing)),
        ours("Problems", lambda: Problems()(failing)),
        peer("Starlette's, a line of text", lambda: ExceptionMiddleware(failing)),
        rounds=rounds,
        calls=calls,
    )
    return Group(name="errors", title="Failures", cases=(fine, raised))
