"""Protection: limits on size, on time and on load.

``BodyLimit``, ``Deadline`` and ``LoadShedding`` are layers. ``BodyRule`` and ``WebSocketLimits`` are parts of the one,
``DeadlineRule`` of the next, ``Pool`` and ``PriorityRule`` of the last, whose ``Load`` can be asked for. Handlers
may ask ``remaining``. The others are what the layers report and raise.
"""

from asgi_patterns.protection.body_limit_events import (
    ContentRefused,
    HeadRefused,
    OriginRefused,
    WebSocketEnded,
)
from asgi_patterns.protection.body_limit_layer import BodyLimit
from asgi_patterns.protection.body_rule import BodyRule
from asgi_patterns.protection.deadline_events import TimedOut
from asgi_patterns.protection.deadline_layer import Deadline
from asgi_patterns.protection.deadline_rule import DeadlineRule
from asgi_patterns.protection.load_shedding_layer import LoadShedding
from asgi_patterns.protection.pools import Pool
from asgi_patterns.protection.priorities import PriorityRule
from asgi_patterns.protection.remaining import remaining
from asgi_patterns.protection.shedding_events import LimitChanged, Load, Shed
from asgi_patterns.protection.timing import DeadlineExceeded
from asgi_patterns.protection.websockets import WebSocketLimits

__all__ = [
    "BodyLimit",
    "BodyRule",
    "ContentRefused",
    "Deadline",
    "DeadlineExceeded",
    "DeadlineRule",
    "HeadRefused",
    "LimitChanged",
    "Load",
    "LoadShedding",
    "OriginRefused",
    "Pool",
    "PriorityRule",
    "Shed",
    "TimedOut",
    "WebSocketEnded",
    "WebSocketLimits",
    "remaining",
]
