"""An app whose limits come from settings: it says which process answers, and takes as long as it is told."""

import os
from urllib.parse import parse_qs

import anyio

from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.ratelimit import StoreBack, StoreLost


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the number of the process, after ``?seconds=``."""
    if scope["type"] != "http":
        raise ValueError(f"{scope['type']} is not for this app")
    query = parse_qs(scope["query_string"].decode())
    if "seconds" in query:
        print("it takes its time", flush=True)
        await anyio.sleep(float(query["seconds"][0]))
    body = b"%d" % os.getpid()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def tell(event: Event, exchange: Exchange) -> None:
    """Print the edges of an outage, as a listener."""
    if isinstance(event, StoreLost | StoreBack):
        print(f"event: {type(event).__name__}", flush=True)
