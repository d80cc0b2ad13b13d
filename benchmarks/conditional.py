"""What it costs to tag an answer, to answer 304, to look at what needs neither, and to tell caches what they may do."""

from collections.abc import Mapping
from typing import Any, final

from xxhash import xxh3_128_hexdigest

from asgi_patterns.caching import CachePolicy, CacheRule, ConditionalRequests
from asgi_patterns.caching.digest import tagging
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks import peers
from benchmarks.harness import Contender, Times, measure, table
from benchmarks.shape import Nested

SIZES = {"2 KB": b"x" * 2048, "50 KB": b"x" * 50_000}
RULES = [
    *(CacheRule(match=f"/area{number}/**", public=True, max_age="1h") for number in range(9)),
    CacheRule(match="/items/{id}", public=True, max_age="5m", vary=["Accept"]),
]

Wrap = Any
"""Makes a layer or a middleware of an app."""


@final
class Floor:
    """A tag for each whole answer and a 304 for who has it, by hand: no more than the benchmark looks at."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            return await self.app(scope, receive, send)
        known = None
        for name, value in scope["headers"]:
            if name == b"if-none-match":
                known = value
        start: Message | None = None

        async def wrapped(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and message["status"] == 200:
                start = message
                return None
            if start is None:
                return await send(message)
            tag = b'"%b"' % xxh3_128_hexdigest(message["body"]).encode()
            if tag == known:
                await send({"type": "http.response.start", "status": 304, "headers": [(b"etag", tag)]})
                return await send({"type": "http.response.body", "body": b""})
            await send({**start, "headers": [*start["headers"], (b"etag", tag)]})
            await send(message)

        await self.app(scope, receive, wrapped)


@final
class Knowing:
    """Calls an app for a client that has the current state."""

    def __init__(self, app: ASGIApp, tag: bytes) -> None:
        self.app = app
        self.line = (b"if-none-match", tag)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["headers"] = [*scope["headers"], self.line]
        await self.app(scope, receive, send)


def answering(body: bytes) -> ASGIApp:
    """Return an app that answers with ``body`` in one piece."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def streamed(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a stream of one piece: what counts is what is done to its head."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"x", "more_body": False})


def run(*, rounds: int = 60, calls: int = 2000) -> str:
    """Measure, and return the table."""
    rows = []
    for name, (app, floor, ours) in _cases().items():
        times = measure({"alone": app, "floor": floor, "ours": ours}, rounds=rounds, calls=calls)
        rows.append(_row(name, times))
    for size, body in SIZES.items():
        times = measure(peers.django_tags(body), rounds=rounds, calls=calls)
        rows.append((f"Django's middleware, a tag for {size}", "", _over(times, "with"), ""))
    title = (
        "HTTP caching, microseconds over the app alone; the floor does the same by hand, as little as it can"
    )
    return table(title, rows, ("", "floor", "ours", "of the floor"))


def _cases() -> dict[str, tuple[Contender, Contender, Contender]]:
    cases: dict[str, tuple[Contender, Contender, Contender]] = {}
    for size, body in SIZES.items():
        app, tag = answering(body), tagging()(body)
        alone, floor, ours = _three(app, Floor, ConditionalRequests())
        cases[f"ConditionalRequests, a tag for {size}"] = alone, floor, ours
        known = _known(alone, tag), _known(floor, tag), _known(ours, tag)
        cases[f"ConditionalRequests, a 304 instead of {size}"] = known
    cases["ConditionalRequests, a stream without conditions"] = _three(
        streamed, Nested, ConditionalRequests()
    )
    small = answering(SIZES["2 KB"])
    cases["CachePolicy without a rule"] = _three(small, Nested, CachePolicy())
    cases["CachePolicy, ten rules"] = _three(small, Nested, CachePolicy(rules=RULES))
    return cases


def _three(app: ASGIApp, floor: Wrap, ours: Wrap) -> tuple[Contender, Contender, Contender]:
    return (lambda: app), (lambda: floor(app)), (lambda: ours(app))


def _known(make: Contender, tag: bytes) -> Contender:
    return lambda: Knowing(make(), tag)


def _row(name: str, times: Mapping[str, Times]) -> tuple[str, ...]:
    floor, ours = _over(times, "floor"), _over(times, "ours")
    return name, floor, ours, f"{float(ours) / float(floor):.2f}"


def _over(times: Mapping[str, Times], name: str) -> str:
    return f"{times[name].minimum - times['alone'].minimum:.2f}"
