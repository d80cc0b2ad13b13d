"""HTTP caching: what an answer is known by, and not sending or doing anything that is not needed (RFC 9110, 9111).

Use it for any API that is read more than once: a client that has the current state gets a 304 without a body; of two
clients that change the same state, the second is told (412) instead of overwriting what it has never seen.

    Validators(etag='"v7"')  # what a resource is known by; W/"v7" only means the same

Inside: ``dates`` and ``tags`` are the two kinds of validators on the wire, ``validators`` what users and answers say,
``preconditions`` what a request demands and whether it holds, ``digest`` a tag for bytes that have none, and
``not_modified`` the head of a 304. All of it is pure.
"""

from asgi_patterns.caching.events import NotModifiedSent, PreconditionRefused, WriterRefused
from asgi_patterns.caching.layer import ConditionalRequests
from asgi_patterns.caching.tags import Tag
from asgi_patterns.caching.validators import Validators
from asgi_patterns.caching.writing import Unknown

__all__ = [
    "ConditionalRequests",
    "NotModifiedSent",
    "PreconditionRefused",
    "Tag",
    "Unknown",
    "Validators",
    "WriterRefused",
]
