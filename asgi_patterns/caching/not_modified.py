"""The head of a 304, made from the head of the 200 that it stands for (RFC 9110 section 15.4.5)."""

from asgi_patterns.kernel.types import RawHeaders

# What describes the representation, which the client has: it would overwrite what it has stored about it.
_DROPPED = frozenset(
    {
        *(b"accept-ranges", b"digest", b"repr-digest", b"trailer", b"transfer-encoding"),
        # These have a front server send a file, whatever the status.
        *(b"x-accel-redirect", b"x-lighttpd-send-file", b"x-sendfile"),
        # Not only these, but these are on nearly every answer.
        *(b"content-type", b"content-length", b"content-encoding"),
    }
)
_REPLACED = _DROPPED | {b"etag", b"last-modified"}
# All other names that begin with Content- describe the content.
_KEPT = frozenset({b"content-location", b"content-security-policy", b"content-security-policy-report-only"})


def not_modified(headers: RawHeaders, tag: bytes | None = None) -> RawHeaders:
    """Return the head of the 304 that stands for a 200 with ``headers``; ``tag`` is the ``ETag`` it carries, as it is.

    It keeps what a 304 has to repeat (``Cache-Control``, ``Content-Location``, ``Date``, ``ETag``, ``Expires``,
    ``Vary``) and all that is about this answer rather than about the representation: request id, CORS, limits,
    timings, links, security. ``Set-Cookie`` too: the handler has run, and a session that it renewed must reach the
    client (RFC 6265 section 3). Content fields go, and ``Last-Modified`` where there is a tag.
    """
    dropped = _DROPPED if tag is None else _REPLACED
    fields = [
        line
        for line in headers
        if (name := line[0].lower()) not in dropped and (name[:8] != b"content-" or _stays(name, line[1]))
    ]
    if tag is not None:
        fields.append((b"etag", tag))
    return fields


def _stays(name: bytes, value: bytes) -> bool:
    # The page that the client has carries the nonce of its own policy; a new one would lock out its scripts.
    return name in _KEPT and b"'nonce-" not in value
