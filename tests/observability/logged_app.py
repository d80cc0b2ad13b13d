"""A Starlette app whose requests end in several ways, as real servers run it. Its lines go to the standard output."""

import logging
import sys
from collections.abc import AsyncIterator

import anyio
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from asgi_patterns import AccessLog, Pipeline, Problems, RequestId
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.testing import chunk, head

TICK = 0.02
BACKGROUND = 0.6

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")


async def item(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def endless(request: Request) -> StreamingResponse:
    async def ticks() -> AsyncIterator[bytes]:
        while True:
            yield b"tick"
            await anyio.sleep(TICK)

    return StreamingResponse(ticks())


async def short(request: Request) -> StreamingResponse:
    async def ticks() -> AsyncIterator[bytes]:
        yield b"tick"
        await anyio.sleep(TICK)
        yield b"tock"

    return StreamingResponse(ticks())


async def fails(request: Request) -> PlainTextResponse:
    raise ValueError("before the head")


async def fails_late(request: Request) -> StreamingResponse:
    async def ticks() -> AsyncIterator[bytes]:
        yield b"tick"
        raise ValueError("after the head")

    return StreamingResponse(ticks())


async def waits(scope: Scope, receive: Receive, send: Send) -> None:
    """Wait for the client to leave before anything is sent."""
    print("waiting", flush=True)
    while (await receive())["type"] != "http.disconnect":
        pass


async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
    """Send on, whatever happens, and never look at the client."""
    await send(head())
    for _ in range(20):
        await send(chunk(b"x" * 1000))
        await anyio.sleep(TICK)
    await send(chunk(b"", more=False))


async def later(request: Request) -> PlainTextResponse:
    async def work() -> None:
        await anyio.sleep(BACKGROUND)
        print("background done", flush=True)

    return PlainTextResponse("hello", background=BackgroundTask(work))


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close(1000)


async def listen(websocket: WebSocket) -> None:
    await websocket.accept()
    async for _ in websocket.iter_text():
        pass


routes = [
    Mount("/shop", routes=[Route("/items/{item}", item)]),
    Route("/endless", endless),
    Route("/short", short),
    Route("/fails", fails),
    Route("/fails-late", fails_late),
    Route("/later", later),
    Mount("/waits", waits),
    Mount("/deaf", deaf),
    WebSocketRoute("/ws/{room}", echo),
    WebSocketRoute("/listen/{room}", listen),
]
app = Starlette(routes=routes)
asgi = Pipeline(AccessLog(), RequestId(), Problems())(app)
bare = Pipeline(AccessLog())(app)
