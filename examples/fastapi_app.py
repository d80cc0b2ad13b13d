"""A FastAPI app with the pipeline among its middleware: overrides, decorators and ``fastapi dev`` work as before.

uvicorn examples.fastapi_app:app
"""

from collections import deque
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Query, Request, WebSocket
from fastapi.responses import StreamingResponse

from asgi_patterns import Pipeline, Problem, request_id
from examples.paced import EVENTS, LINES, Pacer

router = APIRouter()
pacer = Pacer()
confirmed: deque[str | None] = deque(maxlen=100)


async def price() -> int:
    """What a teapot costs; a test overrides it."""
    return 12


@router.get("/json")
async def show(price: Annotated[int, Depends(price)]) -> dict[str, Any]:
    return {"product": "teapot", "price": price}


@router.get("/stream")
async def stream(hold: str = "") -> StreamingResponse:
    return StreamingResponse(pacer.send(LINES, hold), media_type="text/plain")


@router.get("/events")
async def events(hold: str = "") -> StreamingResponse:
    return StreamingResponse(pacer.send(EVENTS, hold), media_type="text/event-stream")


@router.post("/release")
async def release(hold: str, request: Request) -> dict[str, bool]:
    await request.body()
    return {"released": pacer.release(hold)}


@router.get("/streams")
async def streams() -> dict[str, int]:
    return {"open": pacer.open}


@router.post("/upload")
async def upload(request: Request) -> dict[str, int]:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
    return {"received": received}


@router.get("/error")
async def error() -> None:
    raise RuntimeError("the secret of this app")


@router.get("/slow")
async def slow(seconds: Annotated[float, Query(ge=0, le=10)] = 1) -> dict[str, bool]:
    await anyio.sleep(seconds)
    return {"slow": True}


@router.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


@router.post("/orders", status_code=202)
async def order(tasks: BackgroundTasks, pieces: int = 1) -> dict[str, Any]:
    if pieces > 6:
        raise Problem(409, f"there are 6 teapots, not {pieces}", available=6)
    tasks.add_task(confirm)
    return {"order": request_id()}


async def confirm() -> None:
    """Run after the answer, still as part of its request: a log line written here has the request's id."""
    confirmed.append(request_id())


@router.get("/confirmed")
async def show_confirmed() -> list[str | None]:
    return list(confirmed)


def build(*, wrapped: bool) -> FastAPI:
    """Return the app, with the pipeline in front of its routes or without."""
    app = FastAPI()
    app.include_router(router)
    if wrapped:
        app.add_middleware(Pipeline.from_settings())
    return app


bare = build(wrapped=False)
app = build(wrapped=True)
