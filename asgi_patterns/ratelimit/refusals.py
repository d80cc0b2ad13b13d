"""The answers to requests that are over a quota."""

from collections.abc import Sequence
from math import isfinite
from typing import Final, NamedTuple

from asgi_patterns.kernel.capacity import REDUCED_CAPACITY
from asgi_patterns.kernel.problems import Problem, ProblemType, built_in
from asgi_patterns.ratelimit.fields import whole
from asgi_patterns.ratelimit.gauge import Reading

_REGISTRY: Final = "https://iana.org/assignments/http-problem-types#"

QUOTA_EXCEEDED: Final = built_in(
    ProblemType(
        f"{_REGISTRY}quota-exceeded",
        "Request cannot be satisfied as assigned quota has been exceeded",
        429,
        "The quotas in violated-policies are used up for whoever sent the request. "
        "The same request is allowed again after the seconds in retryAfter.",
    )
)


class Facts(NamedTuple):
    """All that a refusal depends on."""

    is_capacity: bool
    """Whether it is for want of capacity."""
    names: tuple[str, ...]
    """The quotas that refuse, the closest to its end first, of which the next three are."""
    most: int
    remaining: int
    reset: int
    wait: int | None
    """Seconds until the same request would be allowed; ``None``: it never will be."""


def facts_of(violated: Sequence[Reading], *, later: int = 0) -> Facts:
    """Return what there is to say where the quotas in ``violated`` refuse, the closest to its end first.

    ``later`` are seconds that are added to the time of waiting.
    """
    closest = violated[0]
    # Never earlier than any of them allows, nor than a field beside it says (RateLimit draft, Retry-After).
    latest = max([max(each.wait, each.taken.more_in) for each in violated])
    return Facts(
        # The quota of this caller is what it can do something about, so that is said before any lack of capacity.
        all(each.gauge.is_capacity for each in violated),
        tuple([each.gauge.policy_name for each in violated]),
        closest.gauge.most,
        closest.taken.remaining,
        whole(closest.taken.more_in) + later,
        whole(latest) + later if isfinite(latest) else None,
    )


def refusal(facts: Facts) -> Problem:
    """Return the problem of a request that is refused."""
    kind = REDUCED_CAPACITY if facts.is_capacity else QUOTA_EXCEEDED
    wait = None if facts.wait is None else max(1, facts.wait)
    return kind(
        _detail(facts.names, wait),
        headers={} if wait is None else {"Retry-After": str(wait)},
        **{"violated-policies": [*facts.names]},
        limit=facts.most,
        remaining=facts.remaining,
        reset=None if wait is None else facts.reset,
        retryAfter=wait,
    )


def away(wait: int = 1) -> Problem:
    """Return the problem of a request that cannot be counted."""
    return REDUCED_CAPACITY(
        "Requests cannot be counted at the moment, and are not let through uncounted.",
        headers={"Retry-After": str(wait)},
        retryAfter=wait,
    )


def _detail(names: Sequence[str], wait: int | None) -> str:
    quota = "the quota" if len(names) == 1 else "the quotas"
    named = ", ".join(names)
    if wait is None:
        return f"The request costs more than {quota} {named} can ever have at once."
    unit = "second" if wait == 1 else "seconds"
    return f"The request is over {quota} {named}. Try again in {wait} {unit}."
