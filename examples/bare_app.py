"""A bare ASGI callable, no framework, wrapped with one call.

uvicorn examples.bare_app:app
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from urllib.parse import parse_qs

import anyio

from asgi_patterns import wrap
from asgi_patterns.kernel.types import Receive, Scope, Send
from examples.paced import EVENTS, LINES, Pacer

pacer = Pacer()


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """Look up what answers, and call it."""
    if scope["type"] == "websocket":
        await echo(receive, send)
    elif scope["type"] == "http":
        route = ROUTES.get((scope["method"], scope["path"]), missing)
        await route(scope, receive, send)
    else:
        raise ValueError(f"{scope['type']} is not for this app")  # so servers know that it has no lifespan


async def show(scope: Scope, receive: Receive, send: Send) -> None:
    await reply(send, 200, {"product": "teapot", "price": 12})


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    await reply_in_parts(receive, send, b"text/plain", pacer.send(LINES, query(scope, "hold")))


async def events(scope: Scope, receive: Receive, send: Send) -> None:
    await reply_in_parts(receive, send, b"text/event-stream", pacer.send(EVENTS, query(scope, "hold")))


async def release(scope: Scope, receive: Receive, send: Send) -> None:
    async for _ in body(receive):
        pass
    await reply(send, 200, {"released": pacer.release(query(scope, "hold"))})


async def streams(scope: Scope, receive: Receive, send: Send) -> None:
    await reply(send, 200, {"open": pacer.open})


async def upload(scope: Scope, receive: Receive, send: Send) -> None:
    received = 0
    async for chunk in body(receive):
        received += len(chunk)
    await reply(send, 200, {"received": received})


async def error(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("the secret of this app")


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    await anyio.sleep(min(float(query(scope, "seconds") or 1), 10))
    await reply(send, 200, {"slow": True})


async def missing(scope: Scope, receive: Receive, send: Send) -> None:
    text = b"Not Found"
    head = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": 404, "headers": head})
    await send({"type": "http.response.body", "body": text})


async def echo(receive: Receive, send: Send) -> None:
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


def query(scope: Scope, name: str) -> str:
    """The last value of a query parameter, or an empty string."""
    text: bytes = scope["query_string"]
    return parse_qs(text.decode()).get(name, [""])[-1]


async def body(receive: Receive) -> AsyncIterator[bytes]:
    """The request body as it arrives, never as a whole."""
    while (message := await receive())["type"] == "http.request":
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def reply(send: Send, status: int, content: object) -> None:
    text = json.dumps(content, separators=(",", ":")).encode()
    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": text})


async def reply_in_parts(
    receive: Receive, send: Send, media_type: bytes, parts: AsyncGenerator[bytes, None]
) -> None:
    """Send the parts until there are no more, or until the client has gone."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", media_type)]})
    async with anyio.create_task_group() as group, aclosing(parts):
        group.start_soon(cancel_when_gone, receive, group.cancel_scope)
        async for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})
        group.cancel_scope.cancel()


async def cancel_when_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


ROUTES = {
    ("GET", "/json"): show,
    ("GET", "/stream"): stream,
    ("GET", "/events"): events,
    ("GET", "/streams"): streams,
    ("POST", "/release"): release,
    ("POST", "/upload"): upload,
    ("GET", "/error"): error,
    ("GET", "/slow"): slow,
}

app = wrap(bare)
