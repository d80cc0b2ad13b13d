"""An app with one path for each way to be late, as real servers run it. What it says stands in the server's log."""

import time

import anyio
from anyio.to_thread import run_sync

from asgi_patterns import Deadline
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.testing import chunk, head, hello, read_body

WORK = 0.6


async def late(scope: Scope, receive: Receive, send: Send) -> None:
    """Be late in the way that the path says; then answer."""
    path = scope.get("path")
    if path == "/upload":
        await read_body(receive)
    elif path == "/safe":
        try:
            await anyio.sleep_forever()
        finally:
            print("cleaned up", flush=True)
    elif path == "/unsafe":
        await anyio.sleep(WORK)
        print("work done", flush=True)
    elif path == "/thread":
        await run_sync(time.sleep, WORK)
    elif path == "/gap":
        await send(head())
        await send(chunk(b"one"))
        await anyio.sleep_forever()
    await hello(scope, receive, send)
    if path == "/background":
        await anyio.sleep(WORK)
        print("background done", flush=True)
    elif path == "/unsafe":
        print("answered", flush=True)


asgi = Deadline(body="300ms", start="300ms", gap="300ms", whole="400ms")(late)
