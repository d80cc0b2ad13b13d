"""Protection: limits on size, on time and on load.

``BodyLimit``, ``Deadline`` and ``LoadShedding`` are layers.
"""

from asgi_patterns.protection.body_limit_layer import BodyLimit
from asgi_patterns.protection.deadline_events import TimedOut
from asgi_patterns.protection.deadline_layer import Deadline
from asgi_patterns.protection.deadline_rule import DeadlineRule
from asgi_patterns.protection.load_shedding_layer import LoadShedding
from asgi_patterns.protection.remaining import remaining
from asgi_patterns.protection.timing import DeadlineExceeded

__all__ = [
    "BodyLimit",
    "Deadline",
    "DeadlineExceeded",
    "DeadlineRule",
    "LoadShedding",
    "TimedOut",
    "remaining",
]
