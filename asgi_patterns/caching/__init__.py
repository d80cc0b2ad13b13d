"""HTTP caching: what a state is known by, what caches may keep, and nothing sent twice (RFC 9110 and 9111).

``ConditionalRequests``: a client that has the current state gets a 304 without a body; of two clients that change the
same state, the second is told (412) instead of overwriting what it has never seen.

    app = ConditionalRequests(probe=True)(app)

``CachePolicy`` says on every answer what caches may keep, for how long and for whom, by rules that choose by path,
method, status and media type:

    policy = CachePolicy(
        rules=[
            CacheRule(match="/assets/**/*.css", public=True, max_age="365d", immutable=True),
            CacheRule(match="/products/**", public=True, max_age="1m", cdn=CacheDirectives(max_age="1h")),
        ]
    )
    app = policy(app)

The first rule that fits wins, and what the app says itself wins over all of them. Answers to requests with
credentials and answers that set a cookie are for their receiver alone, unless a rule says otherwise in so many
words; answers to writes, and errors of the server, are for no cache.
"""

from asgi_patterns.caching.directives import CacheDirectives
from asgi_patterns.caching.events import NotModifiedSent, PreconditionRefused, WriterRefused
from asgi_patterns.caching.layer import ConditionalRequests
from asgi_patterns.caching.policy_layer import CachePolicy
from asgi_patterns.caching.rule import CacheRule
from asgi_patterns.caching.validators import Validators
from asgi_patterns.caching.writing import Unknown
from asgi_patterns.kernel.tags import Tag

__all__ = [
    "CacheDirectives",
    "CachePolicy",
    "CacheRule",
    "ConditionalRequests",
    "NotModifiedSent",
    "PreconditionRefused",
    "Tag",
    "Unknown",
    "Validators",
    "WriterRefused",
]
