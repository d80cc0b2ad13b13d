"""Protection: limits on size, on time and on load.

``BodyLimit``, ``Deadline`` and ``LoadShedding`` are layers.
"""

from asgi_patterns.protection.body_limit_events import (
    ContentRefused,
    HeadRefused,
    OriginRefused,
    WebSocketEnded,
)
from asgi_patterns.protection.body_limit_layer import BodyLimit
from asgi_patterns.protection.body_rule import BodyRule
from asgi_patterns.protection.deadline_layer import Deadline
from asgi_patterns.protection.load_shedding_layer import LoadShedding
from asgi_patterns.protection.websockets import WebSocketLimits

__all__ = [
    "BodyLimit",
    "BodyRule",
    "ContentRefused",
    "Deadline",
    "HeadRefused",
    "LoadShedding",
    "OriginRefused",
    "WebSocketEnded",
    "WebSocketLimits",
]
