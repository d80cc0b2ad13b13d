"""What only the collector frees, which comes much later."""

import gc
import weakref

from asgi_patterns.kernel.exchange import KEY, Exchange
from asgi_patterns.kernel.layer import Layer
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.pipeline import Pipeline
from asgi_patterns.testing import Client


async def left_to_the_collector(layer: Layer, app: ASGIApp) -> list[Exchange]:
    """Ask ``app`` behind ``layer`` once; return the exchanges that are still there when it has answered."""
    seen: list[weakref.ref[Exchange]] = []

    async def looks(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(weakref.ref(scope[KEY]))
        await app(scope, receive, send)

    client = Client(Pipeline(layer)(looks))
    gc.disable()
    try:
        await client.get("/")
        left = [each() for each in seen]
    finally:
        gc.enable()
    assert left, "the app was never asked"
    return [each for each in left if each is not None]
