"""Where an app makes spans already: all of it, or apps that are mounted in it.

``search``: looks through an app; ``Tracers``: what there is, and which requests it is for.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, final

from opentelemetry.trace import get_tracer_provider

from asgi_patterns.kernel.entering import behind
from asgi_patterns.kernel.types import Scope

_MIDDLEWARE: Final = {
    ("opentelemetry.instrumentation.asgi", "OpenTelemetryMiddleware"): "opentelemetry-instrumentation-asgi",
    ("starlette.middleware.opentelemetry", "OpenTelemetryMiddleware"): "Starlette",
    ("litestar.plugins.opentelemetry.middleware", "OpenTelemetryInstrumentationMiddleware"): "Litestar",
    ("litestar.contrib.opentelemetry.middleware", "OpenTelemetryInstrumentationMiddleware"): "Litestar",
}
_INNER: Final = ("middleware_stack", "app", "_app", "asgi_app", "asgi_handler")
"""Where frameworks and middleware keep what they call next."""
_LAYERS: Final = 64
"""Layers of an app that are looked through."""
_MOUNTS: Final = 10
"""Mounts within mounts that are."""


@final
class Tracers:
    """What makes spans for requests.

    ``name``: what it is called; ``ways``: the routes that lead to it, with what is there, where not all of them do.
    """

    def __init__(self, name: str, app: object, ways: "Sequence[tuple[object, Tracers]]" = ()) -> None:
        self.name = name
        self.is_whole = not ways
        """Whether it is there for all requests."""
        self._routes = _routes(app)
        self._ways = {id(route): tracers for route, tracers in ways}
        # Whatever is known by its id is kept, so that nothing else can get that.
        self._kept = (ways, [*_parts(app)])
        self._parts = frozenset(map(id, self._kept[1]))

    def takes(self, scope: Scope) -> bool:
        """Whether the request will come to it, as far as routes decide on that."""
        if self.is_whole:
            return True
        try:
            return self._leads_in(scope)
        except Exception:  # of a route of some other kind
            return False

    def _leads_in(self, scope: Scope) -> bool:
        for route in self._routes:
            match, inner = route.matches(scope)
            if match.name == "FULL":
                tracers = self._ways.get(id(route))
                return tracers is not None and tracers.takes({**scope, **inner})
        return False

    def has(self, scope: Scope) -> bool:
        """Whether a request is there, as the routers that it has come through say."""
        if self._ways:
            return any(tracers.has(scope) for tracers in self._ways.values())
        return id(scope.get("app")) in self._parts or id(scope.get("endpoint")) in self._parts


def search(app: object, around: tuple[object, ...] = ()) -> Tracers | None:
    """Return what makes spans in ``app``, which is mounted in those ``around``; ``None`` where nothing does."""
    for each in _inward(app):
        if (name := _name(each)) is not None:
            return Tracers(name, app)
    ways = [
        (route, found)
        for route, inner in _mounted(app, around)
        if (found := search(inner, (*around, app))) is not None
    ]
    return Tracers(ways[0][1].name, app, ways) if ways else None


def _inward(app: object) -> Iterator[Any]:
    """Yield what stands in an app, from the outside in."""
    seen: set[int] = set()
    while app is not None and id(app) not in seen and len(seen) < _LAYERS:
        seen.add(id(app))
        yield app
        yield from getattr(app, "user_middleware", ())
        app = behind(app) or next(
            (inner for name in _INNER if (inner := getattr(app, name, None)) is not None), None
        )


def _routes(app: object) -> list[Any]:
    """Return the routes of the outermost router in an app, where it is one of Starlette's kind."""
    for each in _inward(app):
        routes = getattr(each, "routes", None)
        if isinstance(routes, list) and all(hasattr(route, "matches") for route in routes):
            return routes  # itself: some are added while an app runs
    return []


def _mounted(app: object, around: tuple[object, ...]) -> Iterator[tuple[object, object]]:
    """Yield the routes of an app that call another one, with that. An app that is mounted in itself is no other."""
    if len(around) < _MOUNTS:
        for route in _routes(app):
            inner = getattr(route, "app", None)
            if inner is not None and all(inner is not each for each in (*around, app)):
                yield route, inner


def _parts(app: object, around: tuple[object, ...] = ()) -> Iterator[object]:
    """Yield all that scopes may name once a request has come to ``app``."""
    yield from _inward(app)
    for _, inner in _mounted(app, around):
        yield from _parts(inner, (*around, app))


def _name(each: object) -> str | None:
    if getattr(each, "_is_instrumented_by_opentelemetry", False):
        return "opentelemetry-instrumentation-asgi"
    kind = getattr(each, "cls", None) or type(each)
    names = (getattr(kind, "__module__", ""), getattr(kind, "__name__", ""))
    return _MIDDLEWARE.get(names) or ("FastAPI" if _is_native(each) else None)


def _is_native(app: object) -> bool:
    """Whether FastAPI traces by itself: that is so as soon as there is a provider of spans."""
    config = getattr(getattr(app, "_native_telemetry", None), "config", None)
    if not isinstance(config, dict) or not config.get("tracing"):
        return False
    provider = config.get("tracer_provider") or get_tracer_provider()
    return type(provider).__name__ not in {"ProxyTracerProvider", "NoOpTracerProvider"}
