"""What it costs to tell browsers who may read an answer, and what to do with it."""

from typing import final

from starlette.middleware.cors import CORSMiddleware

from asgi_patterns import Cors, SecurityHeaders
from asgi_patterns.kernel.types import ASGIApp, Message, RawHeaders, Receive, Scope, Send
from benchmarks.answers import small
from benchmarks.asking import asking
from benchmarks.comparing import Entrant, app, compare, floor, ours, peer
from benchmarks.harness import ROUNDS, calling
from benchmarks.results import Group

ORIGIN = "https://shop.example"
SENT = (b"origin", ORIGIN.encode())
PREFLIGHT = (
    SENT,
    (b"access-control-request-method", b"PUT"),
    (b"access-control-request-headers", b"content-type"),
)


@final
class Sharing:
    """One origin that may call, by hand: a field on the answer, and a preflight answered without a look at it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.lines = [(b"access-control-allow-origin", ORIGIN.encode()), (b"vary", b"Origin")]
        self.preflight = [
            *self.lines,
            (b"access-control-allow-methods", b"GET, PUT"),
            (b"access-control-allow-headers", b"content-type"),
            (b"access-control-max-age", b"600"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        origin, asks = None, False
        for name, value in scope["headers"]:
            if name == b"origin":
                origin = value
            elif name == b"access-control-request-method":
                asks = True
        if origin is None or origin != SENT[1]:
            return await self.app(scope, receive, send)
        if asks and scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": self.preflight})
            return await send({"type": "http.response.body", "body": b""})
        await Adding(self.app, self.lines)(scope, receive, send)


@final
class Adding:
    """Adds fields, by hand."""

    def __init__(self, app: ASGIApp, lines: RawHeaders) -> None:
        self.app = app
        self.lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *self.lines]}
            await send(message)

        await self.app(scope, receive, wrapped)


def run(*, rounds: int = ROUNDS, calls: int | None = None) -> Group:
    """Measure."""
    alone = app("the app alone", lambda: small)
    hows = {"a request of a page of another origin": asking(SENT), "a request without Origin": calling}
    shared = [
        compare(name, alone, *_sharing(how is not calling), rounds=rounds, calls=calls, how=how)
        for name, how in hows.items()
    ]
    # The app has no part in a preflight, so it is no part of the case.
    asked = asking(*PREFLIGHT, method="OPTIONS")
    preflight = compare("a preflight", *_sharing(), rounds=rounds, calls=calls, how=asked)
    hardened = compare(
        "three fields that browsers obey",
        alone,
        floor("a function that adds them, by hand", lambda: Adding(small, _hardening())),
        ours("SecurityHeaders", lambda: SecurityHeaders()(small), layer="SecurityHeaders"),
        rounds=rounds,
        calls=calls,
    )
    return Group(name="browsers", title="What browsers may do", cases=(*shared, preflight, hardened))


def _sharing(is_line: bool = False) -> list[Entrant]:
    methods = ["GET", "PUT"]
    return [
        floor("by hand", lambda: Sharing(small)),
        ours(
            "Cors",
            lambda: Cors(allow_origins=[ORIGIN], allow_methods=methods)(small),
            layer="Cors" if is_line else "",
        ),
        peer("Starlette's CORSMiddleware", lambda: CORSMiddleware(small, [ORIGIN], methods)),
    ]


def _hardening() -> RawHeaders:
    return [
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
    ]
