"""Clients over real sockets, who come, ask a few times on one connection, and sometimes just go.

``call_all``: so many of them at once.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from random import Random
from typing import Final, final

from tests.growth.traffic import Call, parting

STAY: Final = 8
"""Requests that a client sends on one connection at most."""
SECONDS: Final = 30.0
"""For an answer, which mostly takes some milliseconds."""

_HANDSHAKE: Final = (
    *("Connection: Upgrade", "Upgrade: websocket"),
    *("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
)
_MASK: Final = b"\x00\x00\x00\x00"
_BYE: Final = b"\x88\x82" + _MASK + b"\x03\xe8"
_OVER: Final = (ConnectionError, EOFError, TimeoutError)


async def call_all(port: int, calls: Iterator[Call], at_once: int) -> Counter[str]:
    """Send all calls. Return how often a status was told, and how often nobody waited for one."""
    told: Counter[str] = Counter()

    async def come(number: int) -> None:
        draw = Random(number)
        while visit := [*islice(calls, draw.randint(1, STAY))]:
            await _visit(port, visit, told, draw)

    await asyncio.gather(*(come(number) for number in range(at_once)))
    return told


async def _visit(port: int, calls: list[Call], told: Counter[str], draw: Random) -> None:
    """Send calls on one connection, until the client leaves or the server closes it."""
    client = _Client(*await asyncio.open_connection("127.0.0.1", port))
    try:
        async with asyncio.timeout(SECONDS * len(calls)):
            for call in calls:
                told[await client.ask(call, draw)] += 1
                if client.has_left:
                    break
    except _OVER as error:
        told[type(error).__name__] += 1
    finally:
        await client.close()


@final
class _Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.has_left = False

    async def ask(self, call: Call, draw: Random) -> str:
        """Send one request and read the answer, or only some of it. Return its status."""
        data = _written(call)
        if call.leaving != "stays":
            return await self._leave(call, data, draw)
        self._writer.write(data)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = head[9:12].decode()
        if status == "101":
            await self._talk()
        elif call.scope["type"] == "websocket":
            self.has_left = True
        else:
            await self._read(head.lower(), status)
        return status

    async def _leave(self, call: Call, data: bytes, draw: Random) -> str:
        """Hang up within the request, or within the answer."""
        self.has_left = True
        if draw.random() < 0.3 or call.feed[0] == parting(call.scope):
            self._writer.write(data[: draw.randrange(len(data))])
        else:
            self._writer.write(data)
            await self._reader.read(draw.randrange(1, 200))
        await self._writer.drain()
        return "left"

    async def _talk(self) -> None:
        self.has_left = True
        for text in (b"hello", b"and so on"):
            self._writer.write(bytes([0x81, 0x80 | len(text)]) + _MASK + text)
            await self._reader.readexactly(2 + len(text))
        self._writer.write(_BYE)
        await self._reader.read()

    async def _read(self, head: bytes, status: str) -> None:
        """Read the content, exactly up to its end."""
        self.has_left = b"\r\nconnection: close" in head
        if b"\r\ntransfer-encoding: chunked" in head:
            # An answer that has broken off has no next line.
            while size := int((await self._reader.readuntil())[:-2], 16):
                await self._reader.readexactly(size + 2)
            await self._reader.readuntil()
        elif status not in ("204", "304"):
            length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
            await self._reader.readexactly(int(length or b"0"))

    async def close(self) -> None:
        self._writer.transport.abort()
        with suppress(OSError):
            await self._writer.wait_closed()


def _written(call: Call) -> bytes:
    """Return the bytes of a request."""
    scope, content = call.scope, b"".join(m.get("body", b"") for m in reversed(call.feed))
    is_socket = scope["type"] == "websocket"
    lines = [f"{scope.get('method', 'GET')} {scope['path']}?page=1 HTTP/1.1".encode()]
    lines += [b"%b: %b" % field for field in scope["headers"] if field[0] != b"origin" or not is_socket]
    lines += [line.encode() for line in _HANDSHAKE] if is_socket else []
    if any(name == b"transfer-encoding" for name, _ in scope["headers"]):
        content = b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content)
    return b"\r\n".join([*lines, b"", content])
