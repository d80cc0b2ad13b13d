"""A traced and measured app that says which worker it runs in, and what it passes on. For several workers."""

import os

import anyio
from opentelemetry.propagate import inject
from opentelemetry.sdk.trace import TracerProvider
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from asgi_patterns import Metrics, Pipeline, RequestId, Tracing
from tests.observability.measured import TOKEN


async def onwards(request: Request) -> JSONResponse:
    fields: dict[str, str] = {}
    inject(fields)
    return JSONResponse({**fields, "pid": os.getpid()})


async def slow(request: Request) -> PlainTextResponse:
    print(f"slow in {os.getpid()}", flush=True)
    await anyio.sleep(60)
    return PlainTextResponse("late")


asgi = Pipeline(
    RequestId(), Metrics(token=TOKEN), Tracing(tracer_provider=TracerProvider(shutdown_on_exit=False))
)(Starlette(routes=[Route("/onwards", onwards), Route("/counted", onwards), Route("/slow", slow)]))
