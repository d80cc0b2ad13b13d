"""What only the collector frees, which comes much later."""

import gc
import weakref
from typing import Any

from asgi_patterns.kernel.body import Body
from asgi_patterns.kernel.exchange import KEY
from asgi_patterns.kernel.layer import Layer
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.pipeline import Pipeline
from asgi_patterns.testing import Client


async def left_to_the_collector(layer: Layer, app: ASGIApp, content: bytes | None = None) -> list[object]:
    """Ask ``app`` behind ``layer`` once; return the exchange and the body that are still there when it has answered.

    With ``content`` it is sent that, in two parts.
    """
    seen: list[weakref.ref[Any]] = []

    async def looks(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(weakref.ref(scope[KEY]))
        if isinstance(receive, Body):
            seen.append(weakref.ref(receive))
        await app(scope, receive, send)

    client = Client(Pipeline(layer)(looks))
    gc.disable()
    try:
        if content is None:
            await client.get("/")
        else:
            await client.post("/", content=[content, content])
        left = [each() for each in seen]
    finally:
        gc.enable()
    assert left, "the app was never asked"
    return [each for each in left if each is not None]
