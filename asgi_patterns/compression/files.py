"""Files that an app would have its server send, read here instead: a server sends their bytes as they are."""

import os
from collections.abc import AsyncGenerator
from typing import Final

import anyio
from anyio import to_thread

from asgi_patterns.kernel.types import Message

PART: Final = 128 * 1024
"""Bytes that are read at a time."""


async def parts(message: Message) -> AsyncGenerator[bytes, None]:
    """Yield what ``http.response.pathsend`` and ``http.response.zerocopysend`` would put on the wire."""
    if "path" in message:
        async with await anyio.open_file(message["path"], "rb") as file:
            while chunk := await file.read(PART):
                yield chunk
        return
    descriptor = message["file"] if isinstance(message["file"], int) else message["file"].fileno()
    at, left = message.get("offset"), message.get("count")
    while left is None or left > 0:
        wanted = PART if left is None else min(PART, left)
        # As sendfile does: an offset leaves the position of the file alone, without one it moves on.
        if at is None:
            chunk = await to_thread.run_sync(os.read, descriptor, wanted)
        else:
            chunk = await to_thread.run_sync(os.pread, descriptor, wanted, at)
            at += len(chunk)
        if not chunk:
            return
        left = None if left is None else left - len(chunk)
        yield chunk
