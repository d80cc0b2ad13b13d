"""What it costs to tag an answer, to answer 304, to look at what needs neither, and to tell caches what they may do."""

from typing import final

from xxhash import xxh3_128_hexdigest

from asgi_patterns.caching import CachePolicy, CacheRule, ConditionalRequests
from asgi_patterns.caching.digest import tagging
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks import tag_peers
from benchmarks.answers import SIZES, answering, small, streamed
from benchmarks.asking import asking
from benchmarks.comparing import app, compare, floor, ours
from benchmarks.harness import ROUNDS
from benchmarks.reasons import FIRST
from benchmarks.results import Budget, Case, Group
from benchmarks.shape import Nested

RULES = [
    *(CacheRule(match=f"/area{number}/**", public=True, max_age="1h") for number in range(9)),
    CacheRule(match="/items/{id}", public=True, max_age="5m", vary=["Accept"]),
]


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


def run(*, rounds: int = ROUNDS, calls: int | None = None) -> Group:
    """Measure."""
    cases = [case for size in SIZES for case in _tags(size, rounds=rounds, calls=calls)]
    inside = tag_peers.over_fastapi(Floor, rounds=rounds, calls=calls)
    stream = compare(
        "a stream without conditions",
        app("the app alone", lambda: streamed),
        floor("a function that adds a field, by hand", lambda: Nested(streamed)),
        ours(
            "ConditionalRequests",
            lambda: ConditionalRequests()(streamed),
            Budget(most=1, of="us", reason=FIRST),
        ),
        rounds=rounds,
        calls=calls,
    )
    policy = compare(
        "what caches may keep, of 2 KB",
        app("the app alone", lambda: small),
        floor("a function that adds a field, by hand", lambda: Nested(small)),
        ours("CachePolicy without a rule", lambda: CachePolicy()(small)),
        ours(
            "CachePolicy, ten rules", _ten_rules, Budget(most=2, of="us", reason=FIRST), layer="CachePolicy"
        ),
        rounds=rounds,
        calls=calls,
    )
    return Group(name="conditional", title="HTTP caching", cases=(*cases, *inside, stream, policy))


def _tags(size: str, *, rounds: int, calls: int | None) -> tuple[Case, Case]:
    answer = answering(SIZES[size])
    is_small = size == "2 KB"
    layer = ours(
        "ConditionalRequests",
        lambda: ConditionalRequests()(answer),
        *([Budget(most=1.5, reason=FIRST)] if is_small else []),
        layer="ConditionalRequests" if is_small else "",
    )
    both = app("the app alone", lambda: answer), floor("by hand", lambda: Floor(answer))
    tag = compare(f"a tag for {size}", *both, layer, *tag_peers.django(size), rounds=rounds, calls=calls)
    known = compare(
        f"a 304 instead of {size}",
        *both,
        ours("ConditionalRequests", lambda: ConditionalRequests()(answer)),
        rounds=rounds,
        calls=calls,
        how=asking((b"if-none-match", tagging()(SIZES[size]))),
    )
    return tag, known


def _ten_rules() -> ASGIApp:
    return CachePolicy(rules=RULES)(small)
