"""The shop as an app: plain Starlette, and one line that puts the patterns in front of it."""

import json
from collections.abc import AsyncIterator

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from asgi_patterns import Problem, wrap
from examples.shop.catalogue import PRODUCTS
from examples.shop.orders import Orders, read_wish

REPORT_SECONDS = 3.0
EXPORT_PAUSE = 0.3
LONGEST_WAIT = 30.0


async def list_products(request: Request) -> JSONResponse:
    return JSONResponse([product.as_dict() for product in PRODUCTS.values()])


async def show_product(request: Request) -> JSONResponse:
    product = PRODUCTS.get(request.path_params["id"])
    if product is None:
        raise Problem(404, f"there is no product {request.path_params['id']}", products="/products")
    return JSONResponse(product.as_dict())


async def list_orders(request: Request) -> JSONResponse:
    orders: Orders = request.app.state.orders
    return JSONResponse([order.as_dict() for order in orders.all()])


async def place_order(request: Request) -> JSONResponse:
    orders: Orders = request.app.state.orders
    order = orders.place(read_wish(await request.body()))
    return JSONResponse(order.as_dict(), status_code=201)


async def report(request: Request) -> JSONResponse:
    """Take a while: ``?seconds=`` says how long."""
    orders: Orders = request.app.state.orders
    await anyio.sleep(_seconds(request, "seconds", REPORT_SECONDS))
    placed = orders.all()
    return JSONResponse({"orders": len(placed), "turnover": sum(order.total for order in placed)})


async def recommend(request: Request) -> JSONResponse:
    """Fail as code fails, with words that are nobody's business outside."""
    raise ConnectionError("recommender@10.0.0.7:5432 refused the password 'teatime'")


async def export(request: Request) -> StreamingResponse:
    """Send one product a line, each when it is ready: ``?pause=`` says how long that takes."""
    lines = _product_lines(_seconds(request, "pause", EXPORT_PAUSE))
    return StreamingResponse(lines, media_type="application/x-ndjson")


async def _product_lines(pause: float) -> AsyncIterator[bytes]:
    for product in PRODUCTS.values():
        yield json.dumps(product.as_dict()).encode() + b"\n"
        await anyio.sleep(pause)


def _seconds(request: Request, name: str, default: float) -> float:
    try:
        seconds = float(request.query_params.get(name, default))
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= LONGEST_WAIT:
        raise Problem(422, f"{name} must be a number of seconds from 0 to {LONGEST_WAIT:.0f}")
    return seconds


def build() -> Starlette:
    """Return the shop, with nothing in front of it."""
    shop = Starlette(
        routes=[
            Route("/products", list_products),
            Route("/products/{id:int}", show_product),
            Route("/orders", list_orders),
            Route("/orders", place_order, methods=["POST"]),
            Route("/reports/sales", report),
            Route("/recommendations", recommend),
            Route("/exports/products", export),
        ]
    )
    shop.state.orders = Orders()
    return shop


app = wrap(build())
