"""Small apps to put a layer in front of, and what it takes to write more of them."""

from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.testing.wire import ClientLeft

START = "http.response.start"
BODY = "http.response.body"


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer everything with ``hello``: HTTP without reading the request, a WebSocket with one message."""
    if scope["type"] == "http":
        await send(head(200, (b"content-type", b"text/plain"), (b"content-length", b"5")))
        await send(chunk(b"" if scope["method"] == "HEAD" else b"hello", more=False))
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "hello"})
        await send({"type": "websocket.close"})
    elif scope["type"] == "lifespan":
        await live(receive, send)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Send back what comes, chunk by chunk or message by message, until the client is done."""
    if scope["type"] == "http":
        await _echo_body(scope, receive, send)
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})
    elif scope["type"] == "lifespan":
        await live(receive, send)


async def _echo_body(scope: Scope, receive: Receive, send: Send) -> None:
    kinds = [pair for pair in scope["headers"] if pair[0] == b"content-type"]
    await send({"type": START, "status": 200, "headers": kinds})
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message.get("more_body", False)
        await send(chunk(message.get("body", b""), more=more))


async def read_body(receive: Receive) -> bytes:
    """Read the whole body of a request. Raises ``ClientLeft`` when there is no end to read to."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft("the client left before the end of its body")
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


async def live(receive: Receive, send: Send) -> None:
    """Answer the two messages of a lifespan."""
    message: Message = {}
    while message.get("type") != "lifespan.shutdown":
        message = await receive()
        await send({"type": f"{message['type']}.complete"})


def scripted(*messages: Message) -> ASGIApp:
    """Make an app that sends ``messages`` whatever it is asked, and then returns."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await live(receive, send)
        for message in messages:
            await send(_fresh(message))
        return None

    return app


def _fresh(message: Message) -> Message:
    # A layer may edit what it is sent; the script stays as it was written.
    return {key: [*value] if isinstance(value, list) else value for key, value in message.items()}


def head(status: int = 200, *fields: tuple[bytes, bytes]) -> Message:
    """Write a head: plain text unless ``fields`` say otherwise."""
    return {"type": START, "status": status, "headers": list(fields or [(b"content-type", b"text/plain")])}


def chunk(body: bytes, *, more: bool = True) -> Message:
    """Write a piece of body."""
    return {"type": BODY, "body": body, "more_body": more}


def with_lifespan(app: ASGIApp) -> ASGIApp:
    """Answer the lifespan for an app that has none; a decorator."""

    async def living(scope: Scope, receive: Receive, send: Send) -> None:
        await (live(receive, send) if scope["type"] == "lifespan" else app(scope, receive, send))

    return living
