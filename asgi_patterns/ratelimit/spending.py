"""Charging from a handler, where only it knows what a request costs.

``spend``: charges now; ``spending``: the same as a dependency of FastAPI.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import HTTPConnection

from asgi_patterns.kernel.types import Scope
from asgi_patterns.ratelimit.record import records


async def spend(scope: Scope, quota: str, cost: int = 1) -> int:
    """Charge ``cost`` to the quota of that name, for whoever the request in ``scope`` is for; return what is left.

    Whatever its ``match`` and ``tier``. Raises ``Problem`` (429 or 503) where that is over an enforced quota, and
    then charges nothing; ``LookupError`` where no layer has such a quota, and when the app has returned already;
    ``ValueError`` for a cost below 0.
    """
    if cost < 0:
        raise ValueError(f"a cost is 0 or more, not {cost}")
    passed = records(scope)
    for record in passed:
        if record.desk.places.has(quota):
            return await record.spend(quota, cost, scope)
    known = sorted(gauge.name for record in passed for gauge in record.desk.places.gauges)
    names = (
        f"there are {', '.join(known)}"
        if known
        else "no RateLimit layer has seen this request, or it has ended"
    )
    raise LookupError(f"there is no quota called {quota!r}: {names}")


def spending(quota: str, cost: int = 1) -> Callable[[HTTPConnection], Awaitable[int]]:
    """Return ``spend`` as a dependency: ``Depends(spending("reports", cost=3))``."""

    async def charge(connection: HTTPConnection) -> int:
        return await spend(connection.scope, quota, cost)

    return charge
