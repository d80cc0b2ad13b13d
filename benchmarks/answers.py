"""Apps that answer with JSON, in one piece or in several."""

import json
from typing import Final

from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send

_ITEMS: Final = [
    {"id": number, "name": f"teapot {number}", "price": number * 37 % 9973 / 100, "in stock": number % 3 == 0}
    for number in range(1000)
]
_TEXT: Final = json.dumps(_ITEMS).encode()
SIZES: Final = {"2 KB": _TEXT[:2048], "50 KB": _TEXT[:50_000]}
PIECES: Final = 10


def answering(body: bytes) -> ASGIApp:
    """Return an app that answers with ``body`` in one piece."""
    length = b"%d" % len(body)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def streamed(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a stream of one piece: what counts is what is done to its head."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"x", "more_body": False})


def reading(app: ASGIApp) -> ASGIApp:
    """Return an app that reads its request before ``app`` answers."""

    async def read(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await app(scope, receive, send)

    return read


def streaming(body: bytes) -> ASGIApp:
    """Return an app that answers with ``body`` in pieces, without saying how long it is."""
    size = -(-len(body) // PIECES)
    pieces = [body[at : at + size] for at in range(0, len(body), size)]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app


small = answering(SIZES["2 KB"])
"""The app that most layers stand in front of."""
