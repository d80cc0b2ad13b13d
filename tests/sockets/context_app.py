"""A FastAPI app whose middleware, handler, background task and pipeline meet in context variables.

What the variable was at each point is in ``/seen``, by the request's id.
"""

from contextvars import ContextVar

from fastapi import BackgroundTasks, FastAPI

from asgi_patterns import Pipeline, Problems, RequestId, request_id
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send

MOST = 1000

outer: ContextVar[str] = ContextVar("outer", default="-")
inner: ContextVar[str] = ContextVar("inner", default="-")
seen: dict[str, dict[str, str | None]] = {}

api = FastAPI()


@api.post("/{word}")
async def handle(word: str, tasks: BackgroundTasks) -> None:
    note(word, handler=outer.get(), id_in_handler=request_id())
    inner.set(f"from the handler of {word}")
    tasks.add_task(work, word)


async def work(word: str) -> None:
    note(word, background=outer.get(), id_in_background=request_id())


@api.get("/seen")
async def show_seen() -> dict[str, dict[str, str | None]]:
    return seen


def note(word: str, **facts: str | None) -> None:
    if word in seen or len(seen) < MOST:
        seen.setdefault(word, {}).update(facts)


def outside(app: ASGIApp) -> ASGIApp:
    """A middleware of somebody else, around everything."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return await app(scope, receive, send)
        word = scope["path"].strip("/")
        outer.set(f"from outside {word}")
        await app(scope, receive, send)
        note(word, outside=inner.get())

    return wrapped


app = outside(Pipeline(RequestId(), Problems())(api))
