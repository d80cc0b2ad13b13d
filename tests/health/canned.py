"""A small HTTP server on a real socket that answers every connection with the same bytes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import final

import anyio
from anyio.abc import SocketAttribute, SocketStream


@final
@dataclass
class Canned:
    """What the server got: the heads of the requests, and how many connections are open."""

    port: int
    heads: list[bytes] = field(default_factory=list)
    open: int = 0

    def url(self, path: str = "/") -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}{path}"


@asynccontextmanager
async def serving(answer: bytes, *, endless: bool = False) -> AsyncIterator[Canned]:
    """Answer with ``answer``; ``endless``: repeat its last line for as long as somebody reads.

    An empty ``answer`` is none at all: the connection stays silent until the client has gone.
    """
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        canned = Canned(listener.extra(SocketAttribute.local_port))  # noqa: S610  # anyio's extra, not Django's
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, partial(_respond, canned, answer, endless))
            yield canned
            tasks.cancel_scope.cancel()


async def _respond(canned: Canned, answer: bytes, endless: bool, stream: SocketStream) -> None:
    canned.open += 1
    try:
        async with stream:
            canned.heads.append(await _head(stream))
            if answer:
                await stream.send(answer)
            while endless:
                await stream.send(answer.rpartition(b"\n")[2])
            if not answer:
                await stream.receive()
    except (anyio.BrokenResourceError, anyio.EndOfStream):
        pass  # the client has gone
    finally:
        canned.open -= 1


async def _head(stream: SocketStream) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        head += await stream.receive()
    return head
