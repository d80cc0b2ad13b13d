"""All layers in front of the shop, to be served. ``/in-hand`` tells what they hold, and is no concern of theirs.

``GROWTH_STORE`` names the store, if it is not memory.
"""

import json
import logging
import os
import time
from typing import Final

from asgi_patterns.kernel.types import Receive, Scope, Send
from tests.growth.app import shop
from tests.growth.pipelines import Watched

STORE: Final = "GROWTH_STORE"

logging.getLogger("asgi_patterns").addHandler(logging.NullHandler())
logging.getLogger("asgi_patterns").propagate = False
watched: Final = Watched(os.environ.get(STORE, "memory://"), time.monotonic, saturated=True)
_wrapped: Final = watched.pipeline()(shop)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http" or scope["path"] != "/in-hand":
        return await _wrapped(scope, receive, send)
    body = json.dumps(watched.in_hand()).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
