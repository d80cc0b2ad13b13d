"""Which route a Starlette or FastAPI app has taken, from what its routers leave in the scope.

Where the framework names the route and no mount stands around it, its template is the route's own. Otherwise
there is more to find: a scope says what a mount matched (``root_path``, ``/tenants/acme``), not how the mount is
written (``/tenants/{tenant}``), and often it holds the endpoint alone. So all routes below the outermost router
are listed once, by endpoint, when the first of them is looked for. The list is kept on that router, so that it
lives as long as the app.

Either way the route is matched once more, with the framework's own pattern, and what it names itself the first time:
what has changed its meaning in a new version is no route then, and not a wrong one. Nothing here imports a framework.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Final, final

from asgi_patterns.kernel.entering import behind
from asgi_patterns.kernel.patterns import route_path
from asgi_patterns.kernel.types import Scope

__all__ = ["REST", "ROUTE", "Taken", "inward", "known", "taken"]

DEPTH: Final = 10
"""How many mounts within mounts, and how much middleware around a mounted app, are followed."""

REST: Final = "/{path}"
"""The path within a mount. It ends the format of every mount, and the template of an app mounted there."""

ROUTE: Final = "asgi_patterns_route"
"""Where a recorded template stands in the scope of the exchange, complete."""

_FURTHER: Final = (ROUTE, "app_root_path", "route_handler")
"""What says more of the way to a route than the route itself: a recorded template, mounts, Litestar."""

_ATTRIBUTE: Final = "_asgi_patterns_routes"
_KEPT: Final = "_asgi_patterns_route"


@final
class Taken:
    """One place where a router may end: a route, or an app mounted there.

    ``around``: the templates of the mounts that this is in, itself included if it is a mount, joined.
    ``path``: the template behind them; ``None`` where an app is mounted whose routes are listed: it took none.
    ``mounted``: the app that is mounted here, if it is a mount.
    """

    __slots__ = ("_pattern", "around", "methods", "mounted", "mounts", "path", "route")

    def __init__(
        self, route: Any, mounts: tuple[Any, ...], around: str, path: str | None, mounted: Any = None
    ) -> None:
        self.around = around
        self.path = path
        self.mounted = mounted
        self.mounts = mounts
        self.route = getattr(route, "original_route", route)
        self.methods = getattr(route, "methods", None)
        self._pattern = route.path_regex

    def accepts(self, scope: Scope) -> bool:
        """Whether the route is there for this method; one that refuses it has not taken the request."""
        return not self.methods or scope.get("method") in self.methods

    def matches(self, scope: Scope) -> bool:
        """Whether mounts and route match again what has been matched already."""
        if not _lead_to(self.mounts, scope):
            return False
        return self.mounted is not None or self._pattern.match(route_path(scope)) is not None


def known(scope: Scope) -> str | None:
    """Return the template of the ``route`` in ``scope``, root included, if that has been matched before.

    ``None`` says nothing: whatever is not that simple, ``taken`` knows.
    """
    route: Any = scope["route"] if "fastapi" not in scope else _meant(scope)
    kept: Taken | None = getattr(route, _KEPT, None)
    if kept is None or route.endpoint is not scope.get("endpoint") or not scope.keys().isdisjoint(_FURTHER):
        return None
    if kept.methods and scope.get("method") not in kept.methods:
        return None
    root: str | None = scope.get("root_path")
    return f"{root.rstrip('/')}{kept.path}" if root else kept.path


def taken(scope: Scope) -> Taken | None:
    """Return where the routers that ``scope`` went through have ended, as far as they say.

    Raises ``LookupError`` where they have named an endpoint that is on none of their routes.
    """
    router, endpoint = scope.get("router"), scope.get("endpoint")
    if router is None or endpoint is None:
        return None
    if "app_root_path" not in scope and (place := _named(scope, endpoint)):
        return place
    table = getattr(router, _ATTRIBUTE, None)
    if type(table) is not _Table:
        table = _Table(router)
        setattr(router, _ATTRIBUTE, table)
    return table.find(endpoint, scope)


def _named(scope: Scope, endpoint: object, mount: Taken | None = None) -> Taken | None:
    """Take the route that the framework names, if that is the whole way to it, apart from ``mount``."""
    route = _meant(scope)
    if getattr(route, "endpoint", None) is not endpoint:
        return None
    if mount is not None:
        place = Taken(route, mount.mounts, mount.around, route.path_format)
        return place if place.matches(scope) else None
    place = Taken(route, (), "", route.path_format)
    if not place.matches(scope):
        return None
    with suppress(AttributeError, TypeError):  # some objects take no further attribute
        setattr(route, _KEPT, place)
    return place


def _meant(scope: Scope) -> Any:
    """Return the route that the framework names."""
    route = scope.get("route")
    # FastAPI has one route for all the places where its router is included, and says with what prefix it is meant.
    context = scope.get("fastapi", {}).get("effective_route_context")
    if route is not None and getattr(context, "original_route", None) is route:
        return context
    return route


@final
class _Table:
    """All routes below one router, by endpoint."""

    def __init__(self, router: Any) -> None:
        self._router = router
        self._places: dict[int, list[Taken]] = {}  # the key's object lives as long: its route is in the value
        self._closed: list[Taken] = []
        self._misses = 0

    def find(self, endpoint: object, scope: Scope) -> Taken:
        place = self._known(endpoint, scope)
        if place is None and self._look_again():
            place = self._known(endpoint, scope)
        return place or self._behind_closed(endpoint, scope)

    def _known(self, endpoint: object, scope: Scope) -> Taken | None:
        places = self._places.get(id(endpoint), ())
        route = scope.get("route")
        refusing = None
        for each in [each for each in places if each.route is route] or places:
            if each.matches(scope):
                if each.accepts(scope):
                    return each
                refusing = refusing or each
        return refusing

    def _look_again(self) -> bool:
        """List the routes at the first miss, and at the 2nd, 4th, 8th: some are added while an app runs."""
        self._misses += 1
        if self._misses & (self._misses - 1):
            return False
        try:
            self._list()
        except Exception as error:
            raise LookupError(f"the routes of {_name(self._router)} cannot be listed: {error!r}") from error
        return True

    def _list(self) -> None:
        places: dict[int, list[Taken]] = {}
        closed: list[Taken] = []
        for endpoint, place in _places(self._router.routes):
            places.setdefault(id(endpoint), []).append(place)
            if place.mounted is not None and place.path is not None:
                closed.append(place)
        self._places, self._closed = places, closed

    def _behind_closed(self, endpoint: object, scope: Scope) -> Taken:
        """Find the way to a route whose router stands in middleware that we cannot look into."""
        for mount in self._closed:
            if place := _named(scope, endpoint, mount):
                return place
        raise LookupError(f"the endpoint {endpoint!r} is on no route of {_name(self._router)}")


def _name(router: object) -> str:
    return f"a {type(router).__name__}"


def _places(routes: object, mounts: tuple[Any, ...] = (), around: str = "") -> Iterator[tuple[object, Taken]]:
    """Yield every place below ``routes`` with its endpoint, in the order in which routers look at them."""
    if len(mounts) > DEPTH or not isinstance(routes, list | tuple):
        return
    for route in _flat(routes):
        path = getattr(route, "path_format", None)
        if getattr(route, "host_format", None) is not None:
            yield from _places(_routes_in(route), mounts, around)
        elif not isinstance(path, str) or getattr(route, "path_regex", None) is None:
            continue  # of a kind that we do not know
        elif path.endswith(REST) and getattr(route, "endpoint", None) is None:
            yield from _mounted(route, mounts, around + path.removesuffix(REST))
        else:
            yield route.endpoint, Taken(route, mounts, around, path)


def _mounted(mount: Any, mounts: tuple[Any, ...], around: str) -> Iterator[tuple[object, Taken]]:
    inner, mounts = _routes_in(mount), (*mounts, mount)
    yield mount.app, Taken(mount, mounts, around, None if inner else REST, mount.app)
    yield from _places(inner, mounts, around)


def _flat(routes: Iterable[Any]) -> Iterator[Any]:
    """Yield routes without included routers between them: since FastAPI 0.137 those are a tree."""
    contexts = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None)
    if contexts is not None:
        yield from contexts(routes)
        return
    for route in routes:
        if hasattr(route, "effective_route_contexts"):
            yield from (each.starlette_route or each for each in route.effective_route_contexts())
        else:
            yield route


def _routes_in(mount: Any) -> object:
    """Return the routes of what is mounted there, or of what its middleware holds."""
    if routes := getattr(mount, "routes", None):
        return routes
    return next((routes for app in inward(mount.app) if (routes := getattr(app, "routes", None))), ())


def inward(app: Any) -> Iterator[Any]:
    """Yield ``app`` and what it holds, as far as middleware keeps that in ``app``."""
    for _ in range(DEPTH):
        if app is None:
            return
        yield app
        app = behind(app) or getattr(app, "app", getattr(app, "_app", None))


def _lead_to(mounts: tuple[Any, ...], scope: Scope) -> bool:
    """Whether these mounts, and no others, have made the ``root_path`` what it is."""
    root: str = scope.get("root_path", "")
    rest = root[len(scope.get("app_root_path", root)) :]
    for mount in mounts:
        found = mount.path_regex.match(rest + "/")
        if found is None:
            return False
        rest = f"/{found['path']}"[:-1]
    return not rest
