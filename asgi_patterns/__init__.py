"""The patterns that every HTTP API ends up needing, in front of any ASGI app.

    asgi = wrap(app)                          # settings from files, secrets and the environment
    asgi = Pipeline(Health(), Problems())(app)    # the same in code
    asgi = RequestId()(app)                   # one pattern alone

``wrap`` and ``Pipeline`` put layers in front of an app; ``Health``, ``RequestId``, ``Problems``, ``Cors``,
``SecurityHeaders``, ``Metrics``, ``RateLimit`` and ``CachePolicy`` are layers.
"""

from asgi_patterns.browsers import Cors, SecurityHeaders
from asgi_patterns.caching import CachePolicy, CacheRule, ConditionalRequests
from asgi_patterns.compression import Compression, CompressionRule, Decompression
from asgi_patterns.errors import Problem, Problems, ProblemType, problem_handlers
from asgi_patterns.health import Health
from asgi_patterns.kernel.caller import Caller
from asgi_patterns.observability import AccessLog, Metrics, ServerTiming, Tracing, timing
from asgi_patterns.pipeline import Pipeline
from asgi_patterns.protection import (
    BodyLimit,
    BodyRule,
    Deadline,
    DeadlineRule,
    LoadShedding,
    WebSocketLimits,
    remaining,
)
from asgi_patterns.ratelimit import Quota, RateLimit, spend, spending
from asgi_patterns.request_id import RequestId, RequestIdFilter, request_id
from asgi_patterns.settings import Settings, wrap

__all__ = [
    "AccessLog",
    "BodyLimit",
    "BodyRule",
    "CachePolicy",
    "CacheRule",
    "Caller",
    "Compression",
    "CompressionRule",
    "ConditionalRequests",
    "Cors",
    "Deadline",
    "DeadlineRule",
    "Decompression",
    "Health",
    "LoadShedding",
    "Metrics",
    "Pipeline",
    "Problem",
    "ProblemType",
    "Problems",
    "Quota",
    "RateLimit",
    "RequestId",
    "RequestIdFilter",
    "SecurityHeaders",
    "ServerTiming",
    "Settings",
    "Tracing",
    "WebSocketLimits",
    "problem_handlers",
    "remaining",
    "request_id",
    "spend",
    "spending",
    "timing",
    "wrap",
]
