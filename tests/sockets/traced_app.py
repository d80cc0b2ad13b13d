"""A traced app that tells what it knows: the trace it passes on, and the spans that have ended in this process."""

import os
from collections.abc import AsyncIterator

import anyio
from opentelemetry.propagate import inject
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from asgi_patterns import Pipeline, Problems, Tracing

exporter = InMemorySpanExporter()
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(SimpleSpanProcessor(exporter))


async def onwards(request: Request) -> JSONResponse:
    fields: dict[str, str] = {}
    inject(fields)
    return JSONResponse({**fields, "pid": os.getpid()})


async def spans(request: Request) -> JSONResponse:
    ended = [{"name": span.name, **(span.attributes or {})} for span in exporter.get_finished_spans()]
    return JSONResponse(ended)


async def stream(request: Request) -> StreamingResponse:
    async def ticks() -> AsyncIterator[bytes]:
        while True:
            yield b"tick"
            await anyio.sleep(0.005)

    return StreamingResponse(ticks())


async def breaks(request: Request) -> StreamingResponse:
    async def part() -> AsyncIterator[bytes]:
        yield b"tick"
        raise LookupError("in the middle")

    return StreamingResponse(part())


async def boom(request: Request) -> PlainTextResponse:
    raise LookupError("at once")


async def later(request: Request) -> PlainTextResponse:
    return PlainTextResponse("", background=BackgroundTask(anyio.sleep, 0.01))


async def room(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("welcome")
    await websocket.close()


app = Starlette(
    routes=[
        Route("/onwards", onwards),
        Route("/spans", spans),
        Route("/streams/{id}", stream),
        Route("/breaks", breaks),
        Route("/boom", boom),
        Route("/later", later),
        WebSocketRoute("/rooms/{room}", room),
    ]
)
traced = Pipeline(Tracing(tracer_provider=provider, exclude=["/spans"]), Problems())(app)
