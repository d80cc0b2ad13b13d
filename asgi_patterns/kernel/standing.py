"""Where a layer is put: around an app, or in front of one of its routes."""

from typing import Final

from asgi_patterns.kernel.route_tables import inward
from asgi_patterns.kernel.types import AnyApp

ONLY_ROUTES: Final = (
    "Litestar asks what stands in middleware= only for routes that it has found; put it around the app, "
    "wrap(app), or around its handler, app.asgi_handler = Pipeline(...)(app.asgi_handler)"
)
"""Why a layer that ``needs_every_request`` may not stand in front of a route, and what helps."""


AROUND: Final = "put it around the app or around a router, not in front of a handler"
"""Where a layer may stand that asks what it stands in front of with another method."""


def is_handler(app: AnyApp) -> bool:
    """Whether ``app`` is a function that a router calls for the methods of one route, and for no others."""
    names = (getattr(each, "__qualname__", "") for each in inward(app))
    return is_route(app) or "request_response.<locals>.app" in names


def is_route(app: AnyApp) -> bool:
    """Whether ``app`` is what Litestar calls for one route, perhaps with other middleware in front of it."""
    owners = (getattr(each, "__self__", None) for each in inward(app))
    return any(type(owner).__module__.startswith("litestar.routes") for owner in owners)
