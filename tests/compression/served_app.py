"""What is served to real clients: short, long, streamed and read from a file, on any server."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from asgi_patterns import Compression, ConditionalRequests, Pipeline

ITEMS = [{"number": number, "name": f"teapot {number}"} for number in range(60)]
TEXT = "".join(f"{number} teapots and a kettle\n" for number in range(20_000))
FILE = Path(tempfile.gettempdir(), "asgi-patterns-compression.txt")
FILE.write_text(TEXT, encoding="utf-8")
EVENTS = [f"id: {number}\ndata: {number * number}\n\n" for number in range(5)]

_gate: dict[str, anyio.Event] = {}


async def short(request: Request) -> Response:
    return JSONResponse(ITEMS)


async def long(request: Request) -> Response:
    return Response(TEXT, media_type="text/plain")


async def file(request: Request) -> Response:
    return FileResponse(FILE, media_type="text/plain")


async def lines(request: Request) -> Response:
    async def parts() -> AsyncIterator[str]:
        for line in TEXT.splitlines(keepends=True)[:200]:
            yield line

    return StreamingResponse(parts(), media_type="application/x-ndjson")


async def events(request: Request) -> Response:
    """Send the first event, and the others once somebody has asked for that."""
    name = request.query_params["hold"]
    gate = _gate.setdefault(name, anyio.Event())

    async def parts() -> AsyncIterator[str]:
        yield EVENTS[0]
        with anyio.move_on_after(30):
            await gate.wait()
        for event in EVENTS[1:]:
            yield event
        _gate.pop(name, None)

    return StreamingResponse(parts(), media_type="text/event-stream")


async def release(request: Request) -> Response:
    _gate[request.query_params["hold"]].set()
    return JSONResponse({})


shop = Starlette(
    routes=[
        Route("/short", short),
        Route("/long", long),
        Route("/file", file),
        Route("/lines", lines),
        Route("/events", events),
        Route("/release", release, methods=["POST"]),
    ]
)
app = Pipeline(Compression(), ConditionalRequests())(shop)
