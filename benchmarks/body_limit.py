"""What it costs to look at the size of a request, and to count content as it comes."""

from functools import partial
from typing import Final, final

from asgi_patterns import BodyLimit, BodyRule
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.conditional import answering
from benchmarks.harness import Contender, measure, table

LIMIT: Final = 1_000_000
CONTENT: Final = b'{"name":"lamp","price":12}'
RULES: Final = [
    BodyRule(match="PUT /photos/**", media_types=["image/*"], limit="20 MB"),
    BodyRule(match="POST /imports", limit="50 MB"),
]


@final
class Floor:
    """A look at ``Content-Length``, and a ``receive`` that counts, by hand: no head is looked at, nothing drained."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > LIMIT:
                await send({"type": "http.response.start", "status": 413, "headers": []})
                return await send({"type": "http.response.body", "body": b""})
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > LIMIT:
                raise ValueError("the body is too large")
            return message

        await self.app(scope, counted, send)


@final
class Posting:
    """Calls an app with a POST of a few bytes, announced or in chunks."""

    def __init__(self, app: ASGIApp, framing: tuple[bytes, bytes]) -> None:
        self.app = app
        self.lines = [(b"content-type", b"application/json"), framing]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["method"] = "POST"
        scope["headers"] = [*scope["headers"], *self.lines]
        await self.app(scope, _content, send)


async def _content() -> Message:
    return {"type": "http.request", "body": CONTENT, "more_body": False}


def reading(app: ASGIApp) -> ASGIApp:
    """Return an app that reads its request before ``app`` answers."""

    async def read(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await app(scope, receive, send)

    return read


def run(*, rounds: int = 60, calls: int = 2000) -> str:
    """Measure, and return the table."""
    rows = []
    for name, contenders in _cases().items():
        times = measure(contenders, rounds=rounds, calls=calls)
        alone = times["alone"].minimum
        floor, ours = (f"{times[each].minimum - alone:.2f}" for each in ("floor", "ours"))
        rows.append((name, floor, ours))
    title = "BodyLimit, microseconds over the app alone; the floor counts by hand, and looks at nothing else"
    return table(title, rows, ("", "floor", "ours"))


def _cases() -> dict[str, dict[str, Contender]]:
    app = answering(b"x" * 2048)
    announced = (b"content-length", b"%d" % len(CONTENT))
    chunked = (b"transfer-encoding", b"chunked")
    plain, ruled = BodyLimit(), BodyLimit(rules=RULES)
    return {
        "a GET": _three(app, plain),
        "a GET, two rules": _three(app, ruled),
        "a POST with a length": _three(reading(app), plain, announced),
        "a POST in chunks": _three(reading(app), plain, chunked),
        "a POST with a length, two rules": _three(reading(app), ruled, announced),
    }


def _three(
    app: ASGIApp, layer: BodyLimit, framing: tuple[bytes, bytes] | None = None
) -> dict[str, Contender]:
    made: dict[str, Contender] = {
        "alone": lambda: app,
        "floor": lambda: Floor(app),
        "ours": lambda: layer(app),
    }
    if framing is None:
        return made
    return {name: partial(_posting, make, framing) for name, make in made.items()}


def _posting(make: Contender, framing: tuple[bytes, bytes]) -> ASGIApp:
    return Posting(make(), framing)
