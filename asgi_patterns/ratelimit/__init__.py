"""Rate limiting."""

from asgi_patterns.ratelimit.events import Blocked, Delayed, Limited, NearLimit, StoreBack, StoreLost
from asgi_patterns.ratelimit.layer import RateLimit
from asgi_patterns.ratelimit.quota import Quota
from asgi_patterns.ratelimit.spending import spend, spending

__all__ = [
    "Blocked",
    "Delayed",
    "Limited",
    "NearLimit",
    "Quota",
    "RateLimit",
    "StoreBack",
    "StoreLost",
    "spend",
    "spending",
]
