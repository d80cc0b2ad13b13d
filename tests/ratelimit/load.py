"""Many requests at once, over connections that stay open: every answer is counted, and so is every one that is missing.

``Load``: what came back; ``storm``: sends requests to several servers.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, final

SECONDS: Final = 20.0
"""How long one answer may take."""

_HEAD = re.compile(rb"HTTP/1\.1 ([0-9]{3}) .*?\r\ncontent-length: ([0-9]+)\r\n", re.DOTALL | re.IGNORECASE)


@final
@dataclass(slots=True)
class Load:
    """How requests were answered."""

    statuses: Counter[int] = field(default_factory=Counter)
    admitted_by: Counter[int] = field(default_factory=Counter)
    """Admitted requests by the port of the server."""
    lost: list[str] = field(default_factory=list)
    """Why there was no answer, one for each request that got none."""

    @property
    def admitted(self) -> int:
        """How many were let through."""
        return self.statuses[200]

    @property
    def answered(self) -> int:
        """How many got an answer."""
        return self.statuses.total()


async def storm(ports: Sequence[int], path: str, requests: int, *, connections: int = 8, load: Load) -> None:
    """Send ``requests`` in all, evenly to each of ``ports`` and over so many connections to each, into ``load``."""
    workers = [port for port in ports for _ in range(connections)]
    left, more = divmod(requests, len(workers))
    await asyncio.gather(
        *(_talk(port, path, left + (number < more), load) for number, port in enumerate(workers))
    )


async def _talk(port: int, path: str, requests: int, load: Load) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    try:
        for _ in range(requests):
            try:
                writer.write(request)
                status = await asyncio.wait_for(_answer(reader), SECONDS)
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                load.lost.append(repr(error))
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                continue
            load.statuses[status] += 1
            load.admitted_by[port] += status == 200
    finally:
        writer.close()
        await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    found = _HEAD.match(head)
    assert found, f"no head of an answer: {head!r}"
    await reader.readexactly(int(found[2]))
    return int(found[1])
