"""A document with GET and PUT and nothing else: no ETag, no lock. It is in the file that ``COUNTER_FILE`` names.

``bare``: the app; ``app``: the same behind the layer; ``stream`` and ``file`` below it are for what may not be held.
"""

import os
from pathlib import Path

import anyio

from asgi_patterns import ConditionalRequests
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.testing import read_body

PAUSE = 0.002
"""Seconds between reading what is to be written and writing it: long enough for another one to come between."""
FILE = Path(__file__)
CONTENT = FILE.read_bytes()


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise ValueError(f"{scope['type']} is not for this app")
    match scope["method"], scope["path"]:
        case "PUT", _:
            await _write(await read_body(receive))
            await _answer(send, 204)
        case _, "/stream":
            await _stream(send)
        case _, "/file":
            await _file(scope, send)
        case _:
            await _answer(send, 200, _document().read_bytes())


def _document() -> Path:
    return Path(os.environ["COUNTER_FILE"])


async def _write(body: bytes) -> None:
    await anyio.sleep(PAUSE)
    # Readers see one or the other, never a part. Who is last wins.
    new = _document().with_suffix(f".{os.getpid()}.{id(body)}")
    new.write_bytes(body)
    new.replace(_document())


async def _answer(send: Send, status: int, body: bytes | None = None) -> None:
    headers = [(b"x-process", b"%d" % os.getpid())]
    if body is not None:
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body or b""})


async def _stream(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-head", b"is here")]})
    while not _document().with_suffix(".go").exists():  # noqa: ASYNC110 - the test is another process
        await anyio.sleep(0.005)
    await send({"type": "http.response.body", "body": b"and here the rest"})


async def _file(scope: Scope, send: Send) -> None:
    offered = "http.response.pathsend" in (scope.get("extensions") or {})
    headers = [(b"content-length", b"%d" % len(CONTENT)), (b"x-by-path", b"yes" if offered else b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if offered:
        await send({"type": "http.response.pathsend", "path": str(FILE)})
    else:
        await send({"type": "http.response.body", "body": CONTENT})


app = ConditionalRequests(probe=True)(bare)
