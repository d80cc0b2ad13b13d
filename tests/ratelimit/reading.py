"""Asking an app several times, and reading what its answers say."""

from collections.abc import Mapping, Sequence
from typing import Any

import http_sf

from asgi_patterns import Quota, RateLimit
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.testing import Answer, Client, Clock, hello


def items(value: str | None) -> list[tuple[Any, dict[str, Any]]]:
    """Parse a list of a structured field: each item with its parameters."""
    assert value is not None
    parsed: Any = http_sf.parse(value.encode("latin-1"), tltype="list")
    return [*parsed]


def left(answer: Answer) -> dict[str, int]:
    """What ``RateLimit`` says is left of each quota; nothing where there is no such field."""
    value = answer.header("ratelimit")
    return {} if value is None else {name: parameters["r"] for name, parameters in items(value)}


def one(**fields: Any) -> Quota:
    """A quota called ``one`` of two in a minute, or as ``fields`` say."""
    window = {} if fields.get("algorithm") == "concurrency" else {"window": "1m"}
    return Quota(**{"name": "one", "limit": 2, **window, **fields})


def limited(
    *quotas: Quota | str, app: ASGIApp = hello, clock: Clock | None = None, **settings: Any
) -> ASGIApp:
    """The app behind one layer, whose time a test moves."""
    return RateLimit(quotas=quotas, clock=clock or Clock(), **settings)(app)


async def statuses(
    app: ASGIApp, *urls: str, client: str = "203.0.113.7", headers: Mapping[str, str] | None = None
) -> list[int]:
    """The statuses of requests to these URLs, one after the other; ``POST /x`` names a method."""
    return [answer.status for answer in await answers(app, *urls, client=client, headers=headers)]


async def answers(
    app: ASGIApp, *urls: str, client: str = "203.0.113.7", headers: Mapping[str, str] | None = None
) -> Sequence[Answer]:
    """The answers to requests to these URLs, one after the other; ``POST /x`` names a method."""
    caller = Client(app, client=(client, 50000))
    found = []
    for url in urls:
        method, _, path = url.rpartition(" ")
        found.append(
            await caller.request(method or "GET", path, headers=headers or {}, raise_app_exceptions=False)
        )
    return found
