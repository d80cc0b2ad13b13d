"""A Litestar app with the pipeline around its ASGI handler: it stays a Litestar app, for its CLI and test client.

uvicorn examples.litestar_app:app
"""

from typing import Any

import anyio
from litestar import Litestar, Request, WebSocket, get, post, websocket
from litestar.logging import LoggingConfig
from litestar.response import Stream
from litestar.types import Middleware

from asgi_patterns import Pipeline, Problem
from examples.paced import EVENTS, LINES, Pacer

AnyRequest = Request[Any, Any, Any]

pacer = Pacer()


@get("/json")
async def show() -> dict[str, Any]:
    return {"product": "teapot", "price": 12}


@get("/stream")
async def stream(request: AnyRequest) -> Stream:
    lines = pacer.send(LINES, request.query_params.get("hold", ""))
    return Stream(lines, media_type="text/plain")


@get("/events")
async def events(request: AnyRequest) -> Stream:
    prices = pacer.send(EVENTS, request.query_params.get("hold", ""))
    return Stream(prices, media_type="text/event-stream")


@post("/release", status_code=200)
async def release(request: AnyRequest) -> dict[str, bool]:
    await request.body()
    return {"released": pacer.release(request.query_params["hold"])}


@get("/streams")
async def streams() -> dict[str, int]:
    return {"open": pacer.open}


@post("/upload", status_code=200)
async def upload(request: AnyRequest) -> dict[str, int]:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
    return {"received": received}


@get("/error")
async def error() -> None:
    raise RuntimeError("the secret of this app")


@get("/slow")
async def slow(request: AnyRequest) -> dict[str, bool]:
    await anyio.sleep(min(float(request.query_params.get("seconds", 1)), 10))
    return {"slow": True}


@post("/orders")
async def order() -> None:
    raise Problem(409, "there are 6 teapots, not 7", available=6)


@websocket("/echo")
async def echo(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    async for text in socket.iter_data("text"):
        await socket.send_text(text)


def build(*middleware: Middleware) -> Litestar:
    """Return the app; ``middleware`` runs for the routes that it has, and for nothing else."""
    return Litestar(
        [show, stream, events, release, streams, upload, error, slow, order, echo],
        middleware=middleware,
        # As it comes, Litestar answers a crash and logs nothing.
        logging_config=LoggingConfig(
            configure_root_logger=False,
            log_exceptions="always",
            disable_stack_trace={Problem},
            loggers={"litestar": {"level": "INFO", "handlers": ["console"], "propagate": False}},
        ),
        openapi_config=None,
    )


bare = build()

app = build()
app.asgi_handler = Pipeline.from_settings()(app.asgi_handler)
