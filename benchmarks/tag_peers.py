"""What others cost that tag answers: fastapi-etag over FastAPI, and Django's middleware over a view of Django's.

fastapi-etag does less, and more: the tag comes from a function of the user's own, here a constant, so nothing is
hashed, and who has it is answered before the handler runs. Ours and Django's tag whatever an app answers.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

from fastapi import Depends, FastAPI

from asgi_patterns import ConditionalRequests
from asgi_patterns.kernel.types import ASGIApp, Message
from benchmarks import peers
from benchmarks.answers import SIZES
from benchmarks.asking import Asking
from benchmarks.comparing import Entrant, app, compare, floor, ours, peer
from benchmarks.harness import Contender, MakeRound, Round, call, scope
from benchmarks.results import Case
from benchmarks.whole_stacks import ITEMS

TAG: Final = "7-0123456789abcdef"
ALONE: Final = "FastAPI alone"


def over_fastapi(by_hand: Callable[[ASGIApp], ASGIApp], *, rounds: int, calls: int | None) -> Iterator[Case]:
    """Measure inside of FastAPI, for clients that have the tag and for others."""
    for name, knows in (("a tag for 2 KB of FastAPI's", False), ("a 304 instead of 2 KB of FastAPI's", True)):
        yield compare(name, *entrants(by_hand), rounds=rounds, calls=calls, how=partial(checked, knows=knows))


def entrants(by_hand: Callable[[ASGIApp], ASGIApp]) -> Iterator[Entrant]:
    """Yield who tags; whoever is not installed is left out."""
    yield app(ALONE, api)
    yield floor("by hand", lambda: by_hand(api()))
    yield ours("ConditionalRequests", lambda: ConditionalRequests()(api()))
    if find_spec("fastapi_etag"):
        yield peer("fastapi-etag", _tagged)


def django(size: str) -> Iterator[Entrant]:
    """Yield Django's middleware and what it stands in front of."""
    made = peers.django_tags(SIZES[size])
    alone = "a view of Django's, called without its handler"
    yield app(alone, made["alone"])
    yield peer("Django's ConditionalGetMiddleware", made["with"], over=alone)


def api(**settings: Any) -> ASGIApp:
    """Return an app of FastAPI with one route, which answers with 2 KB."""
    app = FastAPI()

    # What is set on its answer by a dependency is kept only where a handler returns data.
    @app.get("/items/{number}", **settings)
    async def item(number: int) -> list[dict[str, Any]]:
        return ITEMS

    made: ASGIApp = app
    return made


def _tagged() -> ASGIApp:
    import fastapi_etag

    async def tag(request: Any) -> str:
        return TAG

    package: Any = fastapi_etag
    app: Any = api(dependencies=[Depends(package.Etag(tag))])
    package.add_exception_handler(app)
    made: ASGIApp = app
    return made


def checked(make: Contender, *, knows: bool) -> MakeRound:
    """Return what measures an app, for a client that has the tag or has none, once it has answered as it should."""

    @asynccontextmanager
    async def rounds() -> AsyncIterator[Round]:
        app = make()
        status, tag = await _asked(app)
        assert status == 200
        assert tag or make is api, "no tag was sent"
        if knows and tag:
            app = Asking(app, (b"if-none-match", tag))
            status, _ = await _asked(app)
            assert status == 304, f"who has the tag got {status}"
        await call(app, 20)
        yield partial(call, app)

    return rounds


async def _asked(app: ASGIApp) -> tuple[int, bytes]:
    """Return the status and the tag of an answer."""
    heads: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            heads.append(message)

    await app(scope(), receive, send)
    return heads[0]["status"], dict(heads[0]["headers"]).get(b"etag", b"")
