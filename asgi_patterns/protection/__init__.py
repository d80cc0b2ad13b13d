"""Protection: limits on size, on time and on load.

``BodyLimit``, ``Deadline`` and ``LoadShedding`` are layers; ``Pool`` and ``PriorityRule`` are parts of the last;
``Load`` is what it knows of the load; ``Shed`` and ``LimitChanged`` are what it reports.
"""

from asgi_patterns.protection.body_limit_layer import BodyLimit
from asgi_patterns.protection.deadline_layer import Deadline
from asgi_patterns.protection.load_shedding_layer import LoadShedding
from asgi_patterns.protection.pools import Pool
from asgi_patterns.protection.priorities import PriorityRule
from asgi_patterns.protection.shedding_events import LimitChanged, Load, Shed

__all__ = ["BodyLimit", "Deadline", "LimitChanged", "Load", "LoadShedding", "Pool", "PriorityRule", "Shed"]
