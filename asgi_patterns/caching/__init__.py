"""What caches may keep, for how long and for whom: of browsers, proxies and CDNs.

``CachePolicy`` says it on every answer, by rules that choose by path, method, status and media type:

    policy = CachePolicy(
        rules=[
            CacheRule(match="/assets/**/*.css", public=True, max_age="1y", immutable=True),
            CacheRule(match="/products/**", public=True, max_age="1m", cdn=CacheDirectives(max_age="1h")),
        ]
    )
    app = policy(app)

The first rule that fits wins, and what the app says itself wins over all of them. Answers to requests with
credentials and answers that set a cookie are for their receiver alone, unless a rule says otherwise in so many
words; answers to writes, and errors of the server, are for no cache.
"""

from asgi_patterns.caching.directives import CacheDirectives
from asgi_patterns.caching.policy_layer import CachePolicy
from asgi_patterns.caching.rule import CacheRule

__all__ = ["CacheDirectives", "CachePolicy", "CacheRule"]
