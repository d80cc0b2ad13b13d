"""A Starlette app with the pipeline among its middleware.

uvicorn examples.starlette_app:app
"""

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from asgi_patterns import Pipeline
from examples.paced import EVENTS, LINES, Pacer

pacer = Pacer()


async def show(request: Request) -> JSONResponse:
    return JSONResponse({"product": "teapot", "price": 12})


async def stream(request: Request) -> StreamingResponse:
    lines = pacer.send(LINES, request.query_params.get("hold", ""))
    return StreamingResponse(lines, media_type="text/plain")


async def events(request: Request) -> StreamingResponse:
    prices = pacer.send(EVENTS, request.query_params.get("hold", ""))
    return StreamingResponse(prices, media_type="text/event-stream")


async def release(request: Request) -> JSONResponse:
    await request.body()
    return JSONResponse({"released": pacer.release(request.query_params["hold"])})


async def streams(request: Request) -> JSONResponse:
    return JSONResponse({"open": pacer.open})


async def upload(request: Request) -> JSONResponse:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
    return JSONResponse({"received": received})


async def error(request: Request) -> JSONResponse:
    raise RuntimeError("the secret of this app")


async def slow(request: Request) -> JSONResponse:
    await anyio.sleep(min(float(request.query_params.get("seconds", 1)), 10))
    return JSONResponse({"slow": True})


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


def build(*, wrapped: bool) -> Starlette:
    """Return the app, with the pipeline in front of its routes or without."""
    app = Starlette(
        routes=[
            Route("/json", show),
            Route("/stream", stream),
            Route("/events", events),
            Route("/streams", streams),
            Route("/release", release, methods=["POST"]),
            Route("/upload", upload, methods=["POST"]),
            Route("/error", error),
            Route("/slow", slow),
            WebSocketRoute("/echo", echo),
        ]
    )
    if wrapped:
        app.add_middleware(Pipeline.from_settings())
    return app


bare = build(wrapped=False)
app = build(wrapped=True)
