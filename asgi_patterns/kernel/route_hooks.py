"""The line that Quart and Django need, so that ``route_template`` knows their routes.

    quart_routes(app)                                                    # once, right where the app is made

    MIDDLEWARE = ["asgi_patterns.kernel.route_hooks.django_routes", ...]     # Django's settings, at any place

Both record what the framework has matched. ``missing_hook`` tells whether an app still needs its line. No
framework is imported here that has not been imported before.
"""

import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from asgi_patterns.kernel.route_tables import inward
from asgi_patterns.kernel.route_text import from_django, from_werkzeug
from asgi_patterns.kernel.routes import record_route, say_once

__all__ = ["django_routes", "missing_hook", "quart_routes"]

App = TypeVar("App")
"""A Quart app."""

READABLE: Final = frozenset({"starlette", "fastapi", "litestar"})
"""The packages whose apps say by themselves which route was taken."""


def quart_routes(app: App) -> App:
    """Record the routes of a Quart app, HTTP and WebSocket, as it matches them; return the app.

    Call it before the app gets other ``before_request`` functions: one that answers keeps later ones from running.
    """
    quart: Any = app
    quart.before_request(_record_quart_request)
    quart.before_websocket(_record_quart_websocket)
    return app


# Async, although nothing is awaited: Quart sends a plain function to a thread.
async def _record_quart_request() -> None:
    _record_rule("request")


async def _record_quart_websocket() -> None:
    _record_rule("websocket")


def _record_rule(kind: str) -> None:
    try:
        connection = getattr(sys.modules["quart"], kind)
        rule, scope = connection.url_rule, connection.scope
        if rule is not None:
            record_route(scope, from_werkzeug(rule.rule))
    except Exception as error:
        say_once("Quart's route is not recorded", error)


GetResponse = Callable[[Any], Any]


def django_routes(get_response: GetResponse) -> GetResponse:
    """Record the route of every request that Django has resolved: a middleware for its settings.

    The template is known when the view has answered. It is sync and async, so that Django adapts nothing for it.
    """
    from asgiref.sync import iscoroutinefunction  # Django brings it

    return _async_django(get_response) if iscoroutinefunction(get_response) else _sync_django(get_response)


# What Django looks at, as its own decorator would set it.
vars(django_routes).update(sync_capable=True, async_capable=True)


def _async_django(get_response: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
    async def record_django_route(request: Any) -> Any:
        try:
            return await get_response(request)
        finally:
            _record_match(request)

    return record_django_route


def _sync_django(get_response: GetResponse) -> GetResponse:
    def record_django_route(request: Any) -> Any:
        try:
            return get_response(request)
        finally:
            _record_match(request)

    return record_django_route


def _record_match(request: Any) -> None:
    try:
        scope, match = getattr(request, "scope", None), request.resolver_match
        if scope is None or match is None:  # WSGI, or no pattern matched
            return
        # FORCE_SCRIPT_NAME beats the root of the scope.
        script = request.META["SCRIPT_NAME"]
        root = None if script == scope.get("root_path", "") else script.rstrip("/")
        record_route(scope, from_django(match.route), root=root)
    except Exception as error:
        say_once("Django's route is not recorded", error)


def missing_hook(app: object) -> str | None:
    """Return the line that is to be added for the routes of ``app``, or ``None`` where nothing is missing."""
    # The innermost first: around it there may be middleware of any package.
    for each in reversed([*inward(app)]):
        packages = {kind.__module__.partition(".")[0] for kind in type(each).__mro__}
        if packages & READABLE and hasattr(each, "routes"):
            return None
        if "quart" in packages:
            return None if _is_hooked_quart(each) else f"quart_routes(app), from {__name__}"
        if "django" in packages:
            return None if _is_hooked_django() else f'MIDDLEWARE = ["{__name__}.django_routes", ...]'
    return f'record_route(scope, "/orders/{{order_id}}") to handlers, from {record_route.__module__}'


def _is_hooked_quart(app: Any) -> bool:
    return _record_quart_request in app.before_request_funcs.get(None, ())


def _is_hooked_django() -> bool:
    from django.conf import settings
    from django.utils.module_loading import import_string

    return any(import_string(path) is django_routes for path in settings.MIDDLEWARE)
