"""The answers to requests that take too long."""

from typing import Final

from asgi_patterns.kernel.problems import Problem, ProblemType, built_in
from asgi_patterns.protection.time_limits import Limit

SLOW_CLIENT: Final = built_in(
    ProblemType(
        "request-timeout",
        "The request did not arrive in time",
        408,
        "The client has taken too long to send the content of its request. Nothing of it is kept: send it again, "
        "over a better connection or in smaller parts.",
    )
)
SLOW_ANSWER: Final = built_in(
    ProblemType(
        "deadline-exceeded",
        "No answer in time",
        504,
        "The answer did not begin in the time that there is for it, or in the time that the client said it waits. What "
        "the request asks for may still be done: look before you send it again.",
    )
)


def refusal(limit: Limit, *, closes: bool, runs_on: bool) -> Problem:
    """Return the problem for a limit that has passed.

    ``closes``: whether the connection has to end, as what is left of the request would be taken for the next one;
    ``runs_on``: whether the handler was left to finish.
    """
    if limit == "body":
        headers = {"Connection": "close"} if closes else {}
        return SLOW_CLIENT("The content of the request did not arrive in time.", headers=headers)
    rest = "The request is still being worked on." if runs_on else "The request has been given up."
    return SLOW_ANSWER(f"The answer did not begin in time. {rest}")
