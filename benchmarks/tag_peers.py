"""What others cost that tag answers: fastapi-etag over FastAPI, and Django's middleware over a view of Django's.

fastapi-etag does less, and more: the tag comes from a function of the user's own, here a constant, so nothing is
hashed, and who has it is answered before the handler runs. Ours and Django's tag whatever an app answers.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any, Final, final

from fastapi import Depends, FastAPI

from asgi_patterns import ConditionalRequests
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from benchmarks import peers
from benchmarks.answers import SIZES
from benchmarks.conditional import Floor
from benchmarks.harness import Contender, MakeRound, Round, Times, call, measure, measure_rounds, scope, table
from benchmarks.whole_stacks import ITEMS

TAG: Final = "7-0123456789abcdef"


def run(*, rounds: int = 40, calls: int = 300) -> str:
    """Measure, and return the table."""
    new = measure_rounds(
        {name: checked(make, knows=False) for name, make in contenders().items()}, rounds=rounds, calls=calls
    )
    known = measure_rounds(
        {name: checked(make, knows=name != ALONE) for name, make in contenders().items()},
        rounds=rounds,
        calls=calls,
    )
    rows = [(name, _over(new, name, ALONE), _over(known, name, ALONE)) for name in new if name != ALONE]
    django = measure(peers.django_tags(SIZES["2 KB"]), rounds=rounds, calls=calls)
    rows.append(("Django's ConditionalGetMiddleware, over a view", _over(django, "with", "alone"), ""))
    title = "Tags for 2 KB, microseconds over the framework; to answer 304 instead saves what comes after it"
    return table(title, rows, ("", "a tag", "a 304"))


ALONE: Final = "FastAPI"


def contenders() -> Mapping[str, Contender]:
    """Return who tags; whoever is not installed is left out."""
    found: dict[str, Contender] = {
        ALONE: api,
        "by hand, over FastAPI": lambda: Floor(api()),
        "ConditionalRequests, over FastAPI": lambda: ConditionalRequests()(api()),
    }
    if find_spec("fastapi_etag"):
        found["fastapi-etag, over FastAPI"] = _tagged
    return found


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
    from fastapi_etag.dependency import Etag, add_exception_handler

    async def tag(request: Any) -> str:
        return TAG

    app: Any = api(dependencies=[Depends(Etag(tag))])
    add_exception_handler(app)
    made: ASGIApp = app
    return made


@final
class Knowing:
    """Calls an app for a client that has a tag."""

    def __init__(self, app: ASGIApp, tag: bytes) -> None:
        self.app = app
        self.line = (b"if-none-match", tag)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["headers"] = [*scope["headers"], self.line]
        await self.app(scope, receive, send)


def checked(make: Contender, *, knows: bool) -> MakeRound:
    """Return what measures an app, for a client that has the tag or has none, once it has answered as it should."""

    @asynccontextmanager
    async def rounds() -> AsyncIterator[Round]:
        app = make()
        if knows:
            _, tag = await _asked(app)
            assert tag, "no tag was sent"
            app = Knowing(app, tag)
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


def _over(times: Mapping[str, Times], name: str, alone: str) -> str:
    return f"{times[name].minimum - times[alone].minimum:.1f}"
