"""One app for each framework that reads JSON, forms and files, behind the layer.

    uvicorn --factory tests.compression.reading_apps:starlette

``X-Stack`` of a request says what stands in front of the app: ``alone`` is the layer, ``pipeline`` has ``Problems``
too, and ``first`` is the layer with ``read_first``.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from asgi_patterns import Decompression, wrap
from asgi_patterns.kernel.types import AnyApp, ASGIApp, Receive, Scope, Send
from asgi_patterns.testing import read_body

MAX_SIZE = 2_000_000


def behind_the_layer(make: Callable[[], AnyApp]) -> Callable[[], ASGIApp]:
    """Put the layer in front of an app, in the way that a request asks for."""

    @wraps(make)
    def made() -> ASGIApp:
        app = make()
        stacks: dict[bytes, AnyApp] = {
            b"alone": Decompression(max_size=MAX_SIZE)(app),
            b"first": Decompression(max_size=MAX_SIZE, read_first=True)(app),
            b"pipeline": wrap(app, config={}, decompression={"max_size": MAX_SIZE}),
        }

        async def chosen(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                raise ValueError("this one has nothing to start")
            await stacks[dict(scope["headers"])[b"x-stack"]](scope, receive, send)

        return chosen

    return made


@behind_the_layer
def bare() -> AnyApp:
    """Reads JSON only."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = json.dumps(json.loads(await read_body(receive))).encode()
        head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})

    return app


@behind_the_layer
def starlette() -> AnyApp:
    from starlette.applications import Starlette
    from starlette.datastructures import UploadFile
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def as_json(request: Request) -> JSONResponse:
        return JSONResponse(await request.json())

    async def as_form(request: Request) -> JSONResponse:
        async with request.form() as form:
            return JSONResponse({"name": form["name"]})

    async def as_file(request: Request) -> JSONResponse:
        async with request.form() as form:
            file = form["file"]
            assert isinstance(file, UploadFile)
            return JSONResponse({"name": file.filename, "size": len(await file.read())})

    return Starlette(
        routes=[
            Route("/json", as_json, methods=["POST"]),
            Route("/form", as_form, methods=["POST"]),
            Route("/file", as_file, methods=["POST"]),
        ]
    )


@behind_the_layer
def fastapi() -> AnyApp:
    from fastapi import FastAPI, Form, UploadFile

    app = FastAPI()

    @app.post("/json")
    async def as_json(content: dict[str, Any]) -> dict[str, Any]:
        return content

    @app.post("/form")
    async def as_form(name: str = Form()) -> dict[str, str]:
        return {"name": name}

    @app.post("/file")
    async def as_file(file: UploadFile) -> dict[str, Any]:
        return {"name": file.filename, "size": len(await file.read())}

    return app


@behind_the_layer
def litestar() -> AnyApp:
    from litestar import Litestar, Request, post

    @post("/json", status_code=200)
    async def as_json(data: dict[str, Any]) -> dict[str, Any]:
        return data

    @post("/form", status_code=200)
    async def as_form(request: Request[Any, Any, Any]) -> dict[str, Any]:
        return {"name": (await request.form())["name"]}

    @post("/file", status_code=200)
    async def as_file(request: Request[Any, Any, Any]) -> dict[str, Any]:
        file = (await request.form())["file"]
        return {"name": file.filename, "size": len(await file.read())}

    return Litestar([as_json, as_form, as_file], openapi_config=None)


@behind_the_layer
def quart() -> AnyApp:
    from quart import Quart, request

    app = Quart(__name__)

    @app.post("/json")
    async def as_json() -> dict[str, Any]:
        content: dict[str, Any] = await request.get_json()
        return content

    @app.post("/form")
    async def as_form() -> dict[str, str]:
        return {"name": (await request.form)["name"]}

    @app.post("/file")
    async def as_file() -> dict[str, Any]:
        file = (await request.files)["file"]
        return {"name": file.filename, "size": len(file.read())}

    return app


@behind_the_layer
def django() -> AnyApp:
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.http import HttpRequest, JsonResponse
    from django.urls import path

    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="of a test")

    def as_json(request: HttpRequest) -> JsonResponse:
        return JsonResponse(json.loads(request.body))

    def as_form(request: HttpRequest) -> JsonResponse:
        return JsonResponse({"name": request.POST.get("name")})

    def as_file(request: HttpRequest) -> JsonResponse:
        file = request.FILES.get("file")
        return JsonResponse({"name": file.name, "size": file.size} if file else {})

    globals()["urlpatterns"] = [path("json", as_json), path("form", as_form), path("file", as_file)]
    app: AnyApp = get_asgi_application()
    return app
