"""An example behind limits, for real servers: content of 1000 bytes, and 200,000 are thrown away after a refusal."""

import os
from importlib import import_module

from asgi_patterns import BodyLimit, BodyRule, WebSocketLimits

LIMIT = 1000
LAYER = BodyLimit(
    limit=LIMIT,
    rules=[BodyRule(match="POST /upload", media_types=["image/png"], limit="3 MB")],
    drain_size=200_000,
    websocket=WebSocketLimits(max_message_size=10, lifetime="1h", origins=["https://shop.example"]),
)
app = LAYER(import_module(f"examples.{os.environ.get('EXAMPLE', 'bare')}_app").bare)
