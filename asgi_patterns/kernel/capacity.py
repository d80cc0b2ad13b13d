"""The problem of a server that is short of capacity: several layers refuse with it, each by its own rule."""

from typing import Final

from asgi_patterns.kernel.problems import ProblemType, built_in

REDUCED_CAPACITY: Final = built_in(
    ProblemType(
        "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
        "Request cannot be satisfied due to temporary server capacity constraints",
        503,
        "The server has no room for the request at the moment, whoever sends it. "
        "It is worth trying again after the seconds in retryAfter.",
    )
)
