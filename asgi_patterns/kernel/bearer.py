"""Who bears a token, for what shows inner state."""

import hmac

from asgi_patterns.kernel.headers import get_all
from asgi_patterns.kernel.types import RawHeaders


def bears(headers: RawHeaders, token: bytes) -> bool:
    """Whether the request carries ``Authorization: Bearer`` with ``token`` (RFC 6750 2.1), exactly once.

    The time that it takes does not tell how much of a wrong token was right.
    """
    lines = get_all(headers, b"authorization")
    if len(lines) != 1:
        return False
    scheme, _, given = lines[0].strip().partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), token)
