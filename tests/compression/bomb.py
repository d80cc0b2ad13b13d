"""Feed a bomb to an app behind the layer, and print what was answered and by how many KB the process grew.

    python -m tests.compression.bomb CODING FILE SIZE '{"max_size": 1073741824}'

``FILE`` has the body, which is sent in messages of ``SIZE`` bytes. A process of its own: what it takes at most
is known of processes only.
"""

import json
import re
import sys
from pathlib import Path

import anyio

from asgi_patterns import Decompression
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from tests.compression.request_bodies import cut


def peak() -> int:
    """Return the most KB that this process has had in memory."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


async def drain(scope: Scope, receive: Receive, send: Send) -> None:
    """Read all of a body and keep nothing."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def post(app: ASGIApp, coding: str, body: bytes, size: int) -> int:
    """Send a body and return the status of the answer."""
    chunks = cut(body, size)
    headers = [(b"content-encoding", coding.encode())]
    statuses: list[int] = []

    async def receive() -> Message:
        chunk = next(chunks, b"")
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

    async def send(message: Message) -> None:
        statuses.append(message.get("status", 0))

    scope: Scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    await app(scope, receive, send)
    return statuses[0]


def main(coding: str, file: str, size: str, given: str) -> None:
    """Warm up with something else, then send the bomb."""
    app = Decompression(**json.loads(given))(drain)
    bomb = Path(file).read_bytes()
    anyio.run(post, app, coding, b"nothing of that kind", 10)
    # From now on the peak is this process's own: it begins with that of the one which started it.
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    status = anyio.run(post, app, coding, bomb, int(size))
    print(status, peak() - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
