"""What ``benchmarks.whole_servers`` serves: the stack that ``STACK`` in the environment names.

``/seen``, in front of it, tells how many spans it has exported and how many requests it has counted.
"""

import json
import os
from typing import final

from asgi_patterns.kernel.types import Receive, Scope, Send
from benchmarks.whole_checks import seen
from benchmarks.whole_stacks import Stack, stacks


@final
class Served:
    """The stack, and what it has done."""

    def __init__(self, stack: Stack) -> None:
        self.app = stack.app
        self.stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/seen":
            return await self._tell(send)
        await self.app(scope, receive, send)

    async def _tell(self, send: Send) -> None:
        body = json.dumps(seen(self.stack)).encode()
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", b"%d" % len(body))],
            }
        )
        await send({"type": "http.response.body", "body": body})


app = Served(stacks()[os.environ.get("STACK", "app")]())
