"""What every layer is: its settings, frozen and checked, that you call with an app.

``Layer``: the fields that all layers have, and what a pipeline asks of one; ``Lack``: why one may not start.
"""

import dataclasses
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import fields
from functools import cached_property
from typing import Annotated, Any, ClassVar, final

from pydantic import Field

from asgi_patterns.kernel.context import DEFAULT, Context
from asgi_patterns.kernel.declaring import PathPattern, settings
from asgi_patterns.kernel.entering import Entered, straight
from asgi_patterns.kernel.events import Listener
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.gauges import Gauge
from asgi_patterns.kernel.lifespan import Lifespan, Resource
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.patterns import Patterns, route_path
from asgi_patterns.kernel.standing import ONLY_ROUTES, is_route
from asgi_patterns.kernel.types import AnyApp, ASGIApp, Receive, Scope, Send

__all__ = ["STARTUP_TIMEOUT", "Lack", "Layer", "PathPattern", "WithLifespan", "app_name", "settings"]

_log = logging.getLogger("asgi_patterns.layers")

STARTUP_TIMEOUT = 30.0
"""Seconds that an app may take to start, where nothing else is said."""

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Lack:
    """Something that a setting asks for and that is not there."""

    key: tuple[str | int, ...]
    """The setting, within its section."""
    wrong: str
    right: str

    def __str__(self) -> str:
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.key)
        return f"{path[1:]}: {self.wrong}; {self.right}"


@settings
class Layer(ABC):
    """One pattern, configured. Call it with an app to get the wired app back.

    Counters, caches and clients belong to the layer, so one layer on three routes is one bucket.
    """

    enabled: bool = True
    """Whether the layer does anything at all."""
    include: Sequence[PathPattern] = ()
    """Path patterns that the layer acts on; empty means every path."""
    exclude: Sequence[PathPattern] = ()
    """Path patterns that the layer leaves alone, although included."""
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)] | None = None
    """What to call this one where a pipeline has several of its kind. By default its section's name."""

    place: ClassVar[Place]
    """Where it stands in a pipeline."""
    needs_every_request: ClassVar[bool] = False
    """Whether it is of no use in front of single routes, where what no route takes passes it by."""

    def __call__(self, app: AnyApp) -> AnyApp:
        """Return ``app`` with this layer in front of it. Raises ``ValueError`` for what needs a pipeline."""
        self.insist(DEFAULT)
        wired = self.attach(self.innermost(app) if self.enabled else app)
        resources = self.resources_in(DEFAULT) if self.enabled else ()
        if not resources:
            return wired
        return WithLifespan(
            wired, Lifespan(app, resources, startup_timeout=STARTUP_TIMEOUT, name=app_name(app))
        )

    def attach(self, app: ASGIApp, context: Context = DEFAULT) -> ASGIApp:
        """Return the wired app alone, for a pipeline that takes care of start-up and shutdown itself."""
        if not self.enabled:
            return app
        if self.needs_every_request and is_route(app):
            self._complain()
        app = straight(app)
        wired = self.wire_in(app, context)
        if not self.include and not self.exclude:
            return wired
        return _Chosen(app, straight(wired), Patterns(self.include), Patterns(self.exclude))

    def _complain(self) -> None:
        """Say once that it stands in the wrong place, however many routes it is put in front of."""
        if not vars(self).get("_has_complained"):
            object.__setattr__(self, "_has_complained", True)  # frozen, as its fields; this is no field
            _log.warning("%s: %s", self.label, ONLY_ROUTES)

    @abstractmethod
    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return what stands in front of ``app``. Called once for each app."""

    def wire_in(self, app: ASGIApp, context: Context) -> ASGIApp:
        """Return what ``wire`` does, for a layer that has to know what it shares with its pipeline."""
        return self.wire(app)

    def innermost(self, app: ASGIApp) -> ASGIApp:
        """Return what stands directly in front of the app, within all layers; for those that observe it."""
        return app

    @property
    def resources(self) -> Sequence[Resource]:
        """What has to be opened and closed with the app."""
        return ()

    def resources_in(self, context: Context) -> Sequence[Resource]:
        """Return ``resources``, for a layer where they depend on what it shares with its pipeline."""
        return self.resources

    @property
    def listeners(self) -> Sequence[Listener]:
        """Who is told every event of its pipeline, beside the pipeline's own listeners; for layers that observe."""
        return ()

    def lacks(self, context: Context) -> Sequence[Lack]:
        """Return what the settings ask for and ``context`` does not have. Such a layer may not start."""
        return ()

    def doubts(self, context: Context) -> Sequence[str]:
        """Return what is allowed but probably not meant, as clauses with the layer as their subject."""
        return ()

    def alone(self, context: Context) -> Sequence[str]:
        """Return which promises change where several processes each keep their own state.

        Clauses with the layer as their subject, each with what helps; empty where no state matters, or all is shared.
        """
        return ()

    def gauges(self) -> Iterable[Gauge]:
        """Return what it knows of its state now; for layers that observe."""
        return ()

    def insist(self, context: Context) -> None:
        """Raise ``ValueError`` with everything that the layer ``lacks``, if it is enabled."""
        if self.enabled and (lacks := self.lacks(context)):
            raise ValueError("\n".join(f"{self.label}.{lack}" for lack in lacks))

    def drain(self) -> None:  # noqa: B027 - most layers have nothing to do, and say so by saying nothing
        """Be told that the process is about to stop."""

    @property
    def paths(self) -> Sequence[str]:
        """The paths that the layer answers itself, for ``asgi-patterns show``."""
        return ()

    @property
    def outline(self) -> Sequence[str]:
        """What it goes by, as clauses with the layer as their subject, for ``asgi-patterns show``."""
        return ()

    def explain(self, scope: Scope) -> Forecast:
        """Say what it would do with the HTTP request in ``scope``, without doing it.

        ``scope`` is what its wired app would get, with an exchange that takes the facts which layers further in
        would find. Only asked where the layer acts at all: ``enabled``, ``include`` and ``exclude`` have been
        explained already.
        """
        return Forecast()

    @classmethod
    def section(cls) -> str:
        """The name of its section in a settings file: the class name in snake case."""
        return _CAPITAL.sub("_", cls.__name__).lower()

    @cached_property
    def label(self) -> str:
        """Its name, or its section's: what prefixes its keys and metrics and stands in ``show``."""
        return self.name or self.section()

    def changed(self) -> dict[str, Any]:
        """Return the fields that differ from their default, by name."""
        return {
            field.name: value
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
        }


class WithLifespan(Entered):
    """A wired app whose lifespan is answered in front of it."""

    __slots__ = ("_lifespan", "_wired")

    def __init__(self, wired: ASGIApp, lifespan: ASGIApp) -> None:
        self._wired = straight(wired)
        self._lifespan = lifespan

    def enter(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Send a lifespan to where resources open and close, all else to the wired app."""
        return (self._lifespan if scope["type"] == "lifespan" else self._wired)(scope, receive, send)


class _Chosen(Entered):
    """A wired app for the paths it shall act on, the bare app for the others."""

    __slots__ = ("_app", "_exclude", "_include", "_wired")

    def __init__(self, app: ASGIApp, wired: ASGIApp, include: Patterns, exclude: Patterns) -> None:
        self._app = app
        self._wired = wired
        self._include = include
        self._exclude = exclude

    def enter(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass the layer or not."""
        return (self._wired if self._takes(scope) else self._app)(scope, receive, send)

    def _takes(self, scope: Scope) -> bool:
        if scope["type"] == "lifespan":
            return True
        path, method = route_path(scope), scope.get("method", "GET")
        if self._include and not self._include.matches(method, path):
            return False
        return not self._exclude.matches(method, path)


def app_name(app: ASGIApp) -> str:
    """Return ``module:name`` of an app, for messages that have to say which one it is."""
    named = app if hasattr(app, "__qualname__") else type(app)
    return f"{named.__module__}:{named.__qualname__}"
