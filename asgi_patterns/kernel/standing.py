"""Where a layer is put: around an app, or in front of one of its routes."""

from typing import Final

from asgi_patterns.kernel.route_tables import inward
from asgi_patterns.kernel.types import AnyApp

ONLY_ROUTES: Final = (
    "Litestar asks what stands in middleware= only for routes that it has found; put it around the app, "
    "wrap(app), or around its handler, app.asgi_handler = Pipeline(...)(app.asgi_handler)"
)
"""Why a layer that ``needs_every_request`` may not stand in front of a route, and what helps."""


def is_route(app: AnyApp) -> bool:
    """Whether ``app`` is what Litestar calls for one route, perhaps with other middleware in front of it."""
    owners = (getattr(each, "__self__", None) for each in inward(app))
    return any(type(owner).__module__.startswith("litestar.routes") for owner in owners)
