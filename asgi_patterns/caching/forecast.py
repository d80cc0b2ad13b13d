"""What ``ConditionalRequests`` would do with a request, in words."""

from collections.abc import Iterator
from typing import Literal

from asgi_patterns.caching.preconditions import Conditions, is_conditional, is_write
from asgi_patterns.kernel.forecast import Forecast

Guard = Literal["probe", "validators"]


def forecast(
    method: str, conditions: Conditions | None, *, tags: str, guard: Guard | None, require: bool
) -> Forecast:
    """Return what becomes of the conditions of a request. ``require``: whether this one has to have some."""
    if method in ("GET", "HEAD"):
        return Forecast(tuple(_of_read(method, conditions, tags)))
    if not is_write(method):
        return Forecast(("passes it on: conditions mean nothing here",))
    if require and not is_conditional(conditions):
        return Forecast(("answers 428: the request does not say which state it is for",), ends=True)
    return Forecast(tuple(_of_write(conditions, guard)))


def _of_read(method: str, conditions: Conditions | None, tags: str) -> Iterator[str]:
    if tags != "off" and method == "GET":
        yield f"gives a short 200 without an ETag a {tags} one"
    if conditions is None:
        yield "has no condition to decide"
    else:
        yield "answers 304 or 412 where the answer is a 2xx and its ETag or Last-Modified say so"


def _of_write(conditions: Conditions | None, guard: Guard | None) -> Iterator[str]:
    if guard == "probe":
        yield "lets it wait for its turn: one request at a time writes here"
    if not is_conditional(conditions):
        yield "has no condition to decide"
    elif guard is None:
        yield "leaves the condition to the handler: neither validators nor probe is set"
    else:
        asked = "asks the app with a GET" if guard == "probe" else "asks validators"
        yield f"{asked} for the current state, and answers 412 where that is not the one demanded"
