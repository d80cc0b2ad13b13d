"""One small shop for each framework, the same mistakes in each."""

import warnings
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException
from litestar import Litestar, get, post
from litestar.exceptions import HTTPException as LitestarHTTPException
from litestar.params import Parameter
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException

from asgi_patterns.errors import Problem
from asgi_patterns.kernel.types import ASGIApp


class Price(BaseModel):
    price: float
    kind: int | list[int] = 1


class Order(BaseModel):
    items: list[Price]


@dataclass
class PlainPrice:
    price: float


@dataclass
class PlainOrder:
    items: list[PlainPrice]


def fastapi(**options: Any) -> FastAPI:
    app = FastAPI(**options)

    @app.post("/orders")
    async def place(order: Order, page: int = 1, x_number: Annotated[int, Header()] = 1) -> None: ...

    @app.get("/refused")
    async def refuse() -> None:
        raise HTTPException(403, "not yours", headers={"X-Why": "late"})

    @app.get("/coded")
    async def coded() -> None:
        raise HTTPException(400, {"code": 7})

    @app.get("/problem")
    async def problem() -> None:
        raise Problem(409, "shipped", type="https://shop.example/problems/shipped", order=7)

    @app.get("/slug")
    async def slug() -> None:
        raise Problem(409, "only 2 left", type="sold-out", title="Sold out")

    @app.get("/not-modified")
    async def unchanged() -> None:
        raise HTTPException(304, headers={"ETag": '"1"'})

    @app.get("/crash")
    async def crash() -> None:
        raise RuntimeError("the password is hunter2")

    return app


def litestar(**options: Any) -> ASGIApp:
    # The forms that every supported Litestar knows; the newest warn that others will take their place.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return _litestar(**options)


def _litestar(**options: Any) -> ASGIApp:
    @post("/orders")
    async def place(data: Order) -> None: ...

    @post("/plain-orders")
    async def place_plain(
        data: PlainOrder,
        number: Annotated[int, Parameter(query="page")] = 1,
        claimed: Annotated[int, Parameter(header="X-Number")] = 1,
    ) -> None: ...

    @get("/page")
    async def page(number: Annotated[int, Parameter(query="page")]) -> None: ...

    @get("/refused")
    async def refuse() -> None:
        raise LitestarHTTPException(
            "not yours", status_code=403, headers={"X-Why": "late"}, extra={"code": 7}
        )

    @get("/text", media_type="text/plain")
    async def text() -> str:
        raise LitestarHTTPException("not yours", status_code=403)

    @get("/classic")
    async def classic() -> None:
        raise StarletteHTTPException(403, "not yours")

    @get("/problem")
    async def problem() -> None:
        raise Problem(409, "shipped", type="https://shop.example/problems/shipped", order=7)

    @get("/crash")
    async def crash() -> None:
        raise RuntimeError("the password is hunter2")

    handlers = [place, place_plain, page, refuse, text, classic, problem, crash]
    app: Any = Litestar(handlers, logging_config=None, openapi_config=None, **options)
    asgi: ASGIApp = app  # its own types of ASGI's messages are narrower
    return asgi
