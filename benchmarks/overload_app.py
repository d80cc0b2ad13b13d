"""The shop with work to do, to be overloaded: what ``benchmarks.overload`` serves, in a process of its own.

``SHED`` in the environment says what stands in front of it: ``no``, ``yes``, or ``all`` for nothing but refusals.
"""

import gc
import os

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from asgi_patterns import LoadShedding, Problems, wrap
from asgi_patterns.kernel.types import ASGIApp
from benchmarks.load_shedding import full
from examples.shop.app import build
from examples.shop.catalogue import PRODUCTS

COPIES = 90
"""How often the shelf is in the catalogue, which makes an answer of about 4 ms."""
CONNECTIONS, QUERY_SECONDS = 4, 0.008

connections = anyio.Semaphore(CONNECTIONS)


async def catalogue(request: Request) -> JSONResponse:
    """Compute: a long list as JSON."""
    return JSONResponse([each.as_dict() for each in PRODUCTS.values() for _ in range(COPIES)])


async def stock(request: Request) -> JSONResponse:
    """Wait, as for a database with few connections."""
    async with connections:
        await anyio.sleep(QUERY_SECONDS)
    return JSONResponse({each.name: each.stock for each in PRODUCTS.values()})


def overloaded(shed: str) -> ASGIApp:
    """Return the shop with these two routes more."""
    shop = build()
    shop.routes.extend([Route("/catalogue", catalogue), Route("/stock", stock)])
    if shed == "all":
        return full(LoadShedding(limit=1, queue=0), shop)
    return wrap(shop, problems=Problems(), load_shedding=LoadShedding() if shed == "yes" else False)


app = overloaded(os.environ.get("SHED", "no"))
# What is there now stays: without this the collector looks at all of it again and again, for tens of milliseconds.
gc.freeze()
