"""Rate limiting: how much each caller may have, and what it is told about that.

Use it for any API that others call: against floods by ``address``, to sell quotas by ``user`` and tier, to keep a
costly route from being taken by one caller alone, to slow down whoever guesses passwords.

    limits = RateLimit(
        quotas=[
            "10/second burst 20",  # per client address
            Quota(name="search", limit=30, window="1m", match="GET /search/**", cost=3),
            Quota(name="logins", limit=5, window="15m", match="POST /login", counts="failed"),
            Quota(name="reports", limit=5, algorithm="concurrency", match="POST /reports"),
        ],
        store="redis://localhost:6379/0",  # in this process, where nothing is said
    )
    app = limits(app)

All quotas of a request are decided at once: it is charged to all or to none. Answers carry ``RateLimit`` and
``RateLimit-Policy``; a refusal is a problem, 429 where the caller has used up its quota, 503 where the server has no
more to give. A handler charges by ``await spend(scope, "reports", cost=3)``, or FastAPI's ``Depends(spending(...))``.

A quota is introduced in steps: ``mode="observe"`` counts, ``"warn"`` tells clients, ``"enforce"`` refuses. By user
or tier needs ``identify``, and is refused at start-up without. A field (``header:X-API-Key``) is only a claim: keep a
quota by address beside it. Memory is bounded whatever keys somebody invents. While the store is away, each process
limits by itself. Slots come back with the last message of an answer; those of a dead process, when their lease ends.

Inside: ``rules`` and ``buckets``, ``windows``, ``slots`` are the algorithms, pure; ``counters`` is the port, ``memory``
and ``redis`` (with ``script.lua``) its adapters; ``picking`` says what a request falls under, ``record`` follows it;
``short`` and ``ways`` do the same for requests that are simply counted and let through, in a fifth of the time.
"""

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
