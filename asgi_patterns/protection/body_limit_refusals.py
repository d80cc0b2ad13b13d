"""The answers to requests that are too large, and to WebSockets of foreign origins."""

from typing import Final

from asgi_patterns.kernel.problems import Problem, ProblemType, built_in
from asgi_patterns.kernel.sizes import spell_size
from asgi_patterns.protection.request_head import Excess

CONTENT_TOO_LARGE: Final = built_in(
    ProblemType(
        "content-too-large",
        "The content of the request is too large",
        413,
        "The request carries more than maxSize bytes, counted as they are sent, in a content coding if there is one. "
        "receivedSize is how many bytes the request announced, or how many had come when it was refused.",
    )
)
URI_TOO_LONG: Final = built_in(
    ProblemType(
        "uri-too-long",
        "The URI of the request is too long",
        414,
        "Path and query of the request have more than maxSize bytes together. "
        "What is that long belongs into the content of a POST or a QUERY.",
    )
)
HEADERS_TOO_LARGE: Final = built_in(
    ProblemType(
        "header-fields-too-large",
        "The header fields of the request are too large",
        431,
        "The request has more header fields than maxCount, or they have more than maxSize bytes together. "
        "Mostly this is a pile of cookies: delete some, and try again.",
    )
)
FOREIGN_ORIGIN: Final = built_in(
    ProblemType(
        "foreign-origin",
        "Pages of this origin may not open a WebSocket here",
        403,
        "A browser has sent the origin of the page that opens the WebSocket, and it is not among those allowed.",
    )
)


def too_large(limit: int, received: int) -> Problem:
    """Return the problem of content with more than ``limit`` bytes, of which ``received`` are known."""
    return CONTENT_TOO_LARGE(
        f"The content may have {spell_size(limit)}.", maxSize=limit, receivedSize=received
    )


def head_too_large(excess: Excess, limit: int, found: int) -> Problem:
    """Return the problem of a head in which something has ``found`` bytes or lines instead of ``limit``."""
    if excess == "uri":
        return URI_TOO_LONG(
            f"Path and query may have {spell_size(limit)}.", maxSize=limit, receivedSize=found
        )
    if excess == "count":
        return HEADERS_TOO_LARGE(f"There may be {limit} header fields.", maxCount=limit, receivedCount=found)
    return HEADERS_TOO_LARGE(
        f"The header fields may have {spell_size(limit)} together.", maxSize=limit, receivedSize=found
    )


def foreign() -> Problem:
    """Return the problem of a WebSocket that a page of another origin wants to open."""
    return FOREIGN_ORIGIN()
