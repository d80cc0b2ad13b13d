"""A bare app that uses what the server offers beyond HTTP's basics; below ``/wrapped`` the same with the pipeline."""

import json
from pathlib import Path

from asgi_patterns import wrap
from asgi_patterns.kernel.types import Message, Receive, Scope, Send

FILE = Path(__file__)
CONTENT = FILE.read_bytes()
TEXT = [(b"content-type", b"text/plain; charset=utf-8")]
PREFIX = "/wrapped"


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        raise ValueError("no lifespan here")
    offered = set(scope.get("extensions") or ())
    match scope["path"]:
        case "/offered":
            await reply(send, json.dumps(sorted(offered)).encode())
        case "/file":
            await send_file(send, 200, offered)
        case (
            "/missing-file"
        ):  # an error that is as short as one which becomes a problem, if it were in memory
            await send_file(send, 404, offered)
        case "/trailers":
            await send_trailers(send, offered)
        case "/hints":
            await send_hints(send, offered)


async def send_file(send: Send, status: int, offered: set[str]) -> None:
    fields = [*TEXT, (b"content-length", b"%d" % len(CONTENT))]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    if "http.response.pathsend" in offered:
        await send({"type": "http.response.pathsend", "path": str(FILE)})
    else:
        await send({"type": "http.response.body", "body": CONTENT})


async def send_trailers(send: Send, offered: set[str]) -> None:
    start: Message = {"type": "http.response.start", "status": 200, "headers": TEXT}
    has_trailers = "http.response.trailers" in offered
    await send({**start, "trailers": True} if has_trailers else start)
    await send({"type": "http.response.body", "body": b"counted", "more_body": True})
    await send({"type": "http.response.body"})
    if has_trailers:
        await send({"type": "http.response.trailers", "headers": [(b"x-bytes", b"7")]})


async def send_hints(send: Send, offered: set[str]) -> None:
    if "http.response.early_hint" in offered:
        await send({"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload; as=style"]})
    await reply(send, b"late")


async def reply(send: Send, body: bytes) -> None:
    fields = [*TEXT, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})


wrapped = wrap(bare)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Choose by the path."""
    path = scope.get("path", PREFIX)
    chosen = wrapped if path.startswith(PREFIX) else bare
    await chosen({**scope, "path": path.removeprefix(PREFIX)}, receive, send)
