"""What browsers are told: which pages may call the API, and how carefully to handle its answers.

``Cors`` for an API that pages of other origins call (the CORS protocol of the Fetch standard). It stands outside
everything that refuses, so a page can read a 429, a 503 and a 500 too, and a preflight costs no quota.

    app = Cors(allow_origins=["https://shop.example"], allow_methods=["GET", "POST"])(app)

``SecurityHeaders`` for any API that a browser may reach: HSTS, nosniff, framing, referrer, and policies as text.

    app = SecurityHeaders(content_security_policy="default-src 'none'; frame-ancestors 'none'")(app)

CORS protects nothing: it lends out what browsers protect. A request that no browser sent is never refused here,
and neither is a WebSocket. What an app says about CORS itself is replaced; what it says in a field of
``SecurityHeaders`` stays.
"""

from asgi_patterns.browsers.detection import OWN_CORS, own_cors
from asgi_patterns.browsers.layer import Cors, SecurityHeaders

__all__ = ["OWN_CORS", "Cors", "SecurityHeaders", "own_cors"]
