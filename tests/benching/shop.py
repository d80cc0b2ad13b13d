"""The apps that are measured by the real command, each as a module that a test writes down."""

APPS = """
import os
import time

from asgi_patterns import Health, Pipeline, Quota, RateLimit, RequestId
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route


async def lamps(request: Request) -> JSONResponse:
    return JSONResponse({"lamps": 2})


async def order(request: Request) -> JSONResponse:
    return JSONResponse(await request.json(), status_code=201)


async def breaks(request: Request) -> JSONResponse:
    raise LookupError("no lamp")


async def stream(request: Request) -> StreamingResponse:
    async def parts():
        yield b"a"
        yield b"b"

    return StreamingResponse(parts())


def routes():
    return [
        Route("/lamps", lamps),
        Route("/orders", order, methods=["POST"]),
        Route("/breaks", breaks),
        Route("/stream", stream),
    ]


app = Starlette(routes=routes())
wrapped = Pipeline(Health(), RequestId())(Starlette(routes=routes()))


def sleepy(scope):
    time.sleep(0.005)
    return "somebody"


slow = Pipeline(RateLimit(quotas=[Quota(limit=10**6, window=60, key=sleepy)]))(Starlette(routes=routes()))
limited = Pipeline(RateLimit(quotas=["5/hour"]))(Starlette(routes=routes()))
inside = Starlette(routes=routes())
inside.add_middleware(Pipeline(Health(), RequestId()))

async def answers(scope, receive, send):
    if scope["type"] == "lifespan":
        raise NotImplementedError
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"lamps"})


bare_bones = Pipeline(RequestId())(answers)


def build():
    return app


async def fails(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "there is no database"})


async def hangs(scope, receive, send):
    if scope["type"] == "lifespan":
        raise NotImplementedError
    import anyio

    await anyio.sleep_forever()


async def dies(scope, receive, send):
    if scope["type"] != "lifespan":
        os._exit(7)
    raise NotImplementedError
"""

FRAMEWORKS = {
    "fastapi": """
from asgi_patterns import Health, Pipeline, RequestId
from fastapi import FastAPI

app = FastAPI()
app.add_middleware(Pipeline(Health(), RequestId()))


@app.get("/lamps")
async def lamps() -> dict[str, int]:
    return {"lamps": 2}
""",
    "quart": """
from asgi_patterns import Health, Pipeline, RequestId
from quart import Quart

app = Quart("shop")
app.asgi_app = Pipeline(Health(), RequestId())(app.asgi_app)


@app.get("/lamps")
async def lamps() -> dict[str, int]:
    return {"lamps": 2}
""",
    "litestar": """
from asgi_patterns import Health, Pipeline, RequestId
from litestar import Litestar, get


@get("/lamps")
async def lamps() -> dict[str, int]:
    return {"lamps": 2}


app = Litestar([lamps])
app.asgi_handler = Pipeline(Health(), RequestId())(app.asgi_handler)
""",
}
"""Where a pipeline stands inside the app of a framework."""
