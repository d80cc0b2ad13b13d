"""The route that a request has taken, as its app writes it: ``/api/v1/orders/{order_id}``.

``route_template(exchange)`` reads it once the app has routed: in a handler, or in what comes after the app.

- The server's ``root_path`` and mounts stand in front; a mount has its own parameters as ``{name}``.
- Converters are left out: ``{id:int}``, ``<int:id>`` and ``(?P<id>[0-9]+)`` are all ``{id}``.
- An app mounted somewhere that shows no routes of its own is one route: ``/static/{path}``.
- ``None`` means that no route has taken the request, or that the app does not say: nothing matched, the router
  refused the method, a slash was redirected, a middleware answered. It is never the path itself.

Starlette, FastAPI and Litestar say what they have matched. Quart and Django need one line, see ``route_hooks``.
Any other app calls ``record_route`` where it knows its route.
"""

import logging
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

from asgi_patterns.kernel.exchange import KEY, Exchange
from asgi_patterns.kernel.patterns import route_path
from asgi_patterns.kernel.route_tables import REST, ROUTE, Taken, inward, known, taken
from asgi_patterns.kernel.types import Scope

__all__ = ["ROUTE", "record_route", "route_template", "say_once"]

_log = logging.getLogger("asgi_patterns.routes")

_SIGNS: Final = (ROUTE, "endpoint", "route_handler", "fastapi")
"""What somebody has left in the scope wherever a route was taken."""

_said: set[str] = set()


def route_template(of: Exchange | Scope) -> str | None:
    """Return the complete template of the route that was taken, or ``None`` where none was or none is known.

    Never raises. What a framework shows and we cannot read is logged once, and is no route.
    """
    if isinstance(of, Exchange):
        return template_of(of)
    try:
        return _recorded(of) or _read(of)
    except Exception as error:
        say_once("no route template", error)
        return None


def template_of(exchange: Exchange) -> str | None:
    """Return what ``route_template`` does, for who asks with every request."""
    scope = exchange.scope
    try:
        if "route" in scope and (template := known(scope)):
            return template
        # An app without routes leaves none of these. It costs as much to look for one as to find it.
        if scope.keys().isdisjoint(_SIGNS):
            return None
        return scope.get(ROUTE) or _read(scope)
    except Exception as error:
        say_once("no route template", error)
        return None


def record_route(scope: Scope, template: str, *, root: str | None = None) -> None:
    """Say which route a request has taken, in an app that we cannot read: ``"/orders/{order_id}"``.

    ``template`` is as the app sees its own paths. ``root_path`` and mounts are put in front, or else ``root``.
    Never raises; what cannot be recorded is logged once.
    """
    try:
        exchange = scope.get(KEY)
        around = _around(scope, taken(scope)) if root is None else root
        (scope if exchange is None else exchange.scope)[ROUTE] = around + template
    except Exception as error:
        say_once(f"the route {template!r} is not recorded", error)


def say_once(what: str, error: Exception) -> None:
    """Log why there is no template, the first time in this process that there is an error of this kind."""
    kind = type(error).__name__
    if kind not in _said:
        _said.add(kind)
        _log.warning("%s: %s: %s (said once)", what, kind, error)


def _recorded(scope: Scope) -> str | None:
    """What was recorded, perhaps further in, on a copy of the scope."""
    exchange = scope.get(KEY)
    template: str | None = scope.get(ROUTE) if exchange is None else exchange.scope.get(ROUTE)
    return template


def _read(scope: Scope) -> str | None:
    place = taken(scope)
    path = _own_path(scope, place)
    return None if path is None else _around(scope, place) + path


def _own_path(scope: Scope, place: Taken | None) -> str | None:
    """The template without what stands around it."""
    if (handler := scope.get("route_handler")) is not None:
        if not getattr(handler, "is_mount", False):
            return _path(scope["path_template"])
        if _holds_litestar(place, scope) or "router" not in scope:
            return REST
    if place is None or place.path is None:
        return _frontend(scope)
    return place.path if place.accepts(scope) else None


def _around(scope: Scope, place: Taken | None) -> str:
    """The server's root and the mounts in front of whatever has taken the request, as templates."""
    # Starlette keeps the server's root aside when a mount changes it.
    root: str = scope.get("app_root_path", scope.get("root_path", "")).rstrip("/")
    if place is None and "app_root_path" in scope:
        raise LookupError(f"nothing is known of the mount at {scope['root_path']!r}")
    mounts = "" if place is None else place.around
    handler = scope.get("route_handler")
    if not getattr(handler, "is_mount", False):
        return root + mounts
    mount = _litestar_mount(scope)
    return root + (mounts + mount if _holds_litestar(place, scope) else mount + mounts)


def _holds_litestar(place: Taken | None, scope: Scope) -> bool:
    """Whether Litestar is what is mounted there, and not the other way round."""
    app = scope.get("litestar_app")
    return place is not None and any(each is app for each in inward(place.mounted))


def _litestar_mount(scope: Scope) -> str:
    """Where the handler that has taken the request is mounted; Litestar takes that off the path."""
    paths = _litestar_mounts(scope["litestar_app"], scope["route_handler"])
    if len(paths) > 1:
        path = unquote(scope["raw_path"].decode("latin-1")).removeprefix(scope.get("root_path", ""))
        paths = tuple(each for each in paths if f"{path}/".startswith(f"{each}/"))
    if not paths:
        raise LookupError(f"{scope['route_handler']!r} is mounted nowhere")
    return max(paths, key=len)


@lru_cache(maxsize=256)
def _litestar_mounts(app: Any, handler: Any) -> tuple[str, ...]:
    """Where Litestar mounts a handler. Its objects take no further attribute, so this is kept here."""
    routes = (route for route in app.routes if getattr(route, "route_handler", None) is handler)
    return tuple(_path(route.path_format).rstrip("/") for route in routes)


def _frontend(scope: Scope) -> str | None:
    """The template of files that FastAPI serves behind all routes, with ``app.frontend("/")``."""
    fastapi = scope.get("fastapi")
    if fastapi is None or (size := fastapi.get("frontend_specificity")) is None:
        return None
    path = route_path(scope)
    rest = path[size:]
    if fastapi["frontend_path"] not in (rest.removeprefix("/"), rest.lstrip("/")):
        raise LookupError("FastAPI names files that are not at the end of the path")
    return path[:size] + REST


def _path(template: object) -> str:
    if not isinstance(template, str) or not template.startswith("/"):
        raise TypeError(f"{template!r} is no template of a path")
    return template
