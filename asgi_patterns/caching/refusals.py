"""The answers to requests whose conditions do not hold."""

from typing import Final

from asgi_patterns.caching.preconditions import Failed
from asgi_patterns.kernel.problems import Problem, ProblemType, built_in

PRECONDITION_FAILED: Final = built_in(
    ProblemType(
        "precondition-failed",
        "Precondition failed",
        412,
        "The resource is not in the state that the request demands: somebody else has changed it, or it exists "
        "although it should not. Nothing has been done. Get the current state, and decide again.",
    )
)
PRECONDITION_REQUIRED: Final = built_in(
    ProblemType(
        "precondition-required",
        "Precondition required",
        428,
        "A write has to say which state it is for, so that it cannot overwrite what it has never seen. "
        "Send the ETag of that state in If-Match, or If-None-Match: * to create what is not there yet.",
    )
)
WRITERS_BUSY: Final = built_in(
    ProblemType(
        "writers-busy",
        "Others are writing",
        503,
        "One request at a time may change the resource, and others have been doing so for too long.",
    )
)

_DETAILS: Final = {
    "If-Match": "The resource is not in the state that If-Match names.",
    "If-None-Match": "The resource is there already, or in a state that If-None-Match excludes.",
    "If-Unmodified-Since": "The resource has been changed since the time in If-Unmodified-Since.",
}


def failed(verdict: Failed) -> Problem:
    """Return the 412 that says which condition does not hold."""
    return PRECONDITION_FAILED(_DETAILS[verdict.field], condition=verdict.field)


def required() -> Problem:
    """Return the 428."""
    return PRECONDITION_REQUIRED(
        "The request changes a resource and does not say in which state that has to be."
    )


def busy(retry_after: float, *, away: bool) -> Problem:
    """Return the 503 of a request that may not write now."""
    seconds = max(1, round(retry_after))
    detail = "It cannot be seen to that only one request writes at a time." if away else "Others are writing."
    return WRITERS_BUSY(detail, headers={"Retry-After": str(seconds)}, retryAfter=seconds)
