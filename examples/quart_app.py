"""A Quart app with the pipeline around its ASGI part: it stays a Quart app, for its CLI and test client.

uvicorn examples.quart_app:app
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from quart import Blueprint, Quart, Response, request, websocket

from asgi_patterns import Pipeline, Problem, request_id
from asgi_patterns.kernel.route_hooks import quart_routes
from examples.paced import EVENTS, LINES, Pacer

routes = Blueprint("routes", __name__)
pacer = Pacer()


@routes.get("/json")
async def show() -> dict[str, Any]:
    return {"product": "teapot", "price": 12}


@routes.get("/stream")
async def stream() -> Response:
    return in_parts(pacer.send(LINES, request.args.get("hold", "")), "text/plain")


@routes.get("/events")
async def events() -> Response:
    return in_parts(pacer.send(EVENTS, request.args.get("hold", "")), "text/event-stream")


@routes.post("/release")
async def release() -> dict[str, bool]:
    await request.get_data()
    return {"released": pacer.release(request.args["hold"])}


@routes.get("/streams")
async def streams() -> dict[str, int]:
    return {"open": pacer.open}


@routes.post("/upload")
async def upload() -> dict[str, int]:
    received = 0
    async for chunk in request.body:
        received += len(chunk)
    return {"received": received}


@routes.get("/error")
async def error() -> Response:
    raise RuntimeError("the secret of this app")


@routes.get("/slow")
async def slow() -> dict[str, bool]:
    await asyncio.sleep(min(float(request.args.get("seconds", 1)), 10))
    return {"slow": True}


@routes.post("/orders")
async def order() -> Response:
    raise Problem(409, "there are 6 teapots, not 7", available=6)


@routes.websocket("/echo")
async def echo() -> None:
    while True:
        await websocket.send(await websocket.receive())


@routes.app_errorhandler(Problem)
async def answer(problem: Problem) -> Response:
    """Answer a ``Problem`` that a handler raised; Quart would take it for a crash.

    ``register_problem_handlers(app)`` does that too, and makes problems of all other errors.
    """
    return Response(problem.body(request_id()), problem.status_code, content_type="application/problem+json")


def in_parts(parts: AsyncGenerator[bytes, None], media_type: str) -> Response:
    return Response(parts, content_type=media_type)


def build() -> Quart:
    """Return the app as somebody else wrote it."""
    app = Quart(__name__)
    app.register_blueprint(routes)
    return app


bare = build()

app = quart_routes(build())
app.asgi_app = Pipeline.from_settings()(app.asgi_app)  # type: ignore[method-assign]  # Quart means it to be replaced
