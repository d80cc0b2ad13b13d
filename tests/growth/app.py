"""The app behind the layers that are watched: each way to answer, to wait, to fail and to talk, once.

``shop``: the app, on Starlette, so that there are routes to be found. It keeps nothing from one request to the next.
"""

from contextlib import suppress
from typing import Final, Self, final

import anyio
from anyio.lowlevel import checkpoint
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from asgi_patterns import Problem, remaining, timing

CHUNKS: Final = 6
TOO_LONG: Final = 0.2
"""Seconds, longer than a deadline of the layers."""
LARGE: Final = "0123456789abcdef" * 5000
"""More than ``Compression`` codes at once, so that it leaves the event loop."""


async def item(request: Request) -> Response:
    """A document that is the same each time, so that a client can have it already."""
    number = request.path_params["number"]
    with timing("db"):
        await checkpoint()
    if request.method == "PUT":
        return JSONResponse({"stored": len(await request.body())})
    return JSONResponse({"number": number % 50, "text": "a thing to buy " * 100, "left": bool(remaining())})


async def upload(request: Request) -> Response:
    return JSONResponse({"size": len(await request.body())})


async def stream(request: Request) -> Response:
    media_type = "text/event-stream" if request.url.path.endswith("events") else "application/x-ndjson"
    return StreamingResponse(Pieces(CHUNKS), media_type=media_type)


@final
class Pieces:
    """So many chunks. No generator: one that is left in the middle is closed by whoever finds it, some time."""

    def __init__(self, count: int, *, breaks: bool = False) -> None:
        self._left = count
        self._breaks = breaks

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        await checkpoint()
        if not self._left:
            if self._breaks:
                raise RuntimeError("a bug in the middle")
            raise StopAsyncIteration
        self._left -= 1
        return f'data: {{"left": {self._left}}}\n\n'


async def large(request: Request) -> Response:
    return PlainTextResponse(LARGE)


async def secret(request: Request) -> Response:
    return PlainTextResponse("for one alone", headers={"set-cookie": "a=b"})


async def busy(request: Request) -> Response:
    for _ in range(8):
        await checkpoint()
    return PlainTextResponse("done")


async def late(request: Request) -> Response:
    await anyio.sleep(TOO_LONG)
    return Response()


async def crash(request: Request) -> Response:
    raise RuntimeError("a bug")


async def broken(request: Request) -> Response:
    return StreamingResponse(Pieces(1, breaks=True))


async def sold_out(request: Request) -> Response:
    raise Problem(409, "There is none left.", type="sold-out", number=request.path_params["number"])


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    with suppress(WebSocketDisconnect):
        while (text := await socket.receive_text()) != "crash":
            await socket.send_text(text)
        raise RuntimeError("a bug in a conversation")


shop: Final = Starlette(
    routes=[
        Route("/items/{number:int}", item, methods=["GET", "PUT"]),
        Route("/uploads", upload, methods=["POST"]),
        Route("/lines", stream),
        Route("/events", stream),
        Route("/large", large),
        Route("/secret", secret),
        Route("/busy", busy),
        Route("/late", late),
        Route("/crash", crash),
        Route("/broken", broken),
        Mount("/shops/{shop}", routes=[Route("/sold-out/{number:int}", sold_out)]),
        WebSocketRoute("/talk", talk),
    ]
)
