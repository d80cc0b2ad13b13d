"""Protection: limits on size, on time and on load.

``BodyLimit``, ``Deadline`` and ``LoadShedding`` are layers.
"""

from asgi_patterns.protection.body_limit_layer import BodyLimit
from asgi_patterns.protection.deadline_layer import Deadline
from asgi_patterns.protection.load_shedding_layer import LoadShedding

__all__ = ["BodyLimit", "Deadline", "LoadShedding"]
