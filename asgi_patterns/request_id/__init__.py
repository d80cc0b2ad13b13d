"""Request ids: one word that finds a request in every log it touched.

Use it always. A client or a proxy may send the id along; otherwise the layer makes one. It stands on the
answer, in every problem, on log records (through ``RequestIdFilter``) and behind ``request_id()``.

    app = RequestId()(app)

An id is kept when it has 8 to 128 characters of ``A-Z a-z 0-9 . _ ~ -``. Anything else, and several ids at
once, are replaced. A second ``RequestId`` further in keeps the id of the first.
"""

from asgi_patterns.request_id.layer import RequestId, RequestIdFilter, request_id

__all__ = ["RequestId", "RequestIdFilter", "request_id"]
