"""What it costs to look at the size of a request, and to count content as it comes."""

from typing import Final, final

from asgi_patterns import BodyLimit, BodyRule
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks.answers import reading, small
from benchmarks.asking import How, asking
from benchmarks.comparing import app, compare, floor, ours
from benchmarks.harness import ROUNDS, calling
from benchmarks.results import Case, Group

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


def run(*, rounds: int = ROUNDS, calls: int | None = None) -> Group:
    """Measure."""
    json = (b"content-type", b"application/json")
    announced = asking(json, (b"content-length", b"%d" % len(CONTENT)), method="POST", body=CONTENT)
    chunked = asking(json, (b"transfer-encoding", b"chunked"), method="POST", body=CONTENT)
    read = reading(small)
    cases = (
        _case("a GET", small, calling, rounds, calls),
        _case("a POST with a length", read, announced, rounds, calls, layer="BodyLimit"),
        _case("a POST in chunks", read, chunked, rounds, calls),
    )
    return Group(name="body_limit", title="BodyLimit; the floor looks at nothing but sizes", cases=cases)


def _case(name: str, of: ASGIApp, how: How, rounds: int, calls: int | None, layer: str = "") -> Case:
    return compare(
        name,
        app("the app alone", lambda: of),
        floor("by hand", lambda: Floor(of)),
        ours("BodyLimit", lambda: BodyLimit()(of), layer=layer),
        ours("BodyLimit, two rules", lambda: BodyLimit(rules=RULES)(of)),
        rounds=rounds,
        calls=calls,
        how=how,
    )
