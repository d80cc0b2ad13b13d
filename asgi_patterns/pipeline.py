"""Layers in order, with their start-up and shutdown."""

import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Unpack, final
from weakref import WeakSet

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from asgi_patterns.browsers import OWN_CORS, Cors, own_cors
from asgi_patterns.kernel.address import Networks, ProxyField, TrustedProxies, written_by_proxies
from asgi_patterns.kernel.caller import Identify, from_scope
from asgi_patterns.kernel.context import Context
from asgi_patterns.kernel.dotted import Dotted
from asgi_patterns.kernel.entering import straight
from asgi_patterns.kernel.events import Listener
from asgi_patterns.kernel.exchange import KEY, Exchange
from asgi_patterns.kernel.layer import STARTUP_TIMEOUT, Layer, app_name, settings
from asgi_patterns.kernel.lifespan import Lifespan
from asgi_patterns.kernel.proxied import apply_proxies
from asgi_patterns.kernel.store import MEMORY, Store, StoreUrl
from asgi_patterns.kernel.types import AnyApp, ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from asgi_patterns.settings import Sections, Settings

LOGGER: Final = "asgi_patterns.pipeline"
DOUBT: Final = "%s %s"
"""How a layer's doubt about itself is logged."""

_log = logging.getLogger(LOGGER)

_USUAL: tuple[ProxyField, ...] = ("X-Forwarded-For", "X-Forwarded-Proto")


def _check_fields(names: Sequence[ProxyField]) -> Sequence[ProxyField]:
    written_by_proxies(names)
    return names


def _identify(value: object) -> object:
    return from_scope if value == "scope" else value


Config = str | Path | Mapping[str, Any] | None
"""Where settings come from apart from the usual places: a TOML file, or a mapping (Django's `settings.py`)."""


@settings
class Options:
    """What a pipeline is told apart from its layers. In a file these stand above the first section."""

    trusted_proxies: Networks = ()
    """Networks (`10.0.0.0/8`) and `unix` whose word on the client's address, scheme, host and prefix counts."""
    proxy_fields: Annotated[Sequence[ProxyField], AfterValidator(_check_fields)] = _USUAL
    """The fields that these proxies overwrite or append to. Any other may come from the client, and is not read."""
    identify: Annotated[Identify | Literal["scope"] | None, Dotted, BeforeValidator(_identify)] = None
    """Who a request is for: a callable `scope -> Caller | None`, or `scope` for what stands in `scope["user"]`."""
    listeners: Sequence[Annotated[Listener, Dotted]] = ()
    """Callables that are told every event, with its exchange."""
    store: StoreUrl = MEMORY
    """Where state is kept: `memory://`, `redis://`, `rediss://`, `redis+cluster://` or `redis+sentinel://`."""
    startup_timeout: Annotated[float, Field(gt=0)] = STARTUP_TIMEOUT
    """Seconds that the app and the layers may take to start."""
    order: Literal["sorted", "given"] = "sorted"
    """`sorted`: by the place of each layer; `given`: as listed, with a warning where that is known to break."""

    def context(self, *listeners: Listener) -> Context:
        """Return what they come to for requests; ``listeners`` are told before those that they name."""
        return Context(
            proxies=TrustedProxies(self.trusted_proxies),
            proxy_fields=written_by_proxies(self.proxy_fields),
            identify=self.identify if callable(self.identify) else None,
            listeners=(*listeners, *self.listeners),
            store=Store.parse(self.store),
        )


@final
class Pipeline:
    """Several layers as one. Call it with an app to get the wrapped app back.

    The layers stand in the order of their places, whatever the order they are given in. Raises ``ValueError``
    for two layers with one name, and for something that is no layer.
    """

    def __init__(
        self,
        *layers: Layer,
        trusted_proxies: Sequence[str] = (),
        proxy_fields: Sequence[ProxyField] = _USUAL,
        identify: Identify | Literal["scope"] | None = None,
        listeners: Sequence[Listener] = (),
        store: SecretStr | str = MEMORY,
        startup_timeout: float = STARTUP_TIMEOUT,
        order: Literal["sorted", "given"] = "sorted",
    ) -> None:
        self.options = Options(
            trusted_proxies=trusted_proxies,
            proxy_fields=proxy_fields,
            identify=identify,
            listeners=listeners,
            store=store,
            startup_timeout=startup_timeout,
            order=order,
        )
        self.layers = _in_order(layers, order)
        self.wrapped: WeakSet[Wrapped] = WeakSet()
        """The apps that this pipeline stands in front of."""
        self.settings: Settings | None = None
        """What it was made from, if not in code."""
        self._has_doubted = False

    @classmethod
    def from_settings(cls, config: Config = None, **sections: Unpack["Sections"]) -> "Pipeline":
        """Return the pipeline that the settings describe; see ``wrap`` for what counts and in which order."""
        from asgi_patterns.settings.loading import gather  # here: settings know every layer and the pipeline

        return gather("Pipeline.from_settings()", config, sections).pipeline()

    def __call__(self, app: AnyApp) -> "Wrapped":
        """Return ``app`` with all layers in front of it. Raises ``TypeError`` where there are some already."""
        if pipeline_of(app) is not None:
            raise TypeError(
                f"{app_name(getattr(app, 'app', app))} is wrapped already: one pipeline is enough"
            )
        wrapped = Wrapped(app, self)
        self.wrapped.add(wrapped)
        return wrapped

    @cached_property
    def context(self) -> Context:
        """What all layers share."""
        layers = [layer for layer in self.layers if layer.enabled]
        own = (listener for layer in layers for listener in layer.listeners)
        gauges = [layer.gauges for layer in layers if type(layer).gauges is not Layer.gauges]
        return replace(self.options.context(*dict.fromkeys(own)), gauges=tuple(gauges))

    def alone(self) -> Sequence[str]:
        """Return which promises change where several processes each run this pipeline, as sentences; see ``Layer``."""
        return [
            f"{layer.label} {clause}"
            for layer in self.layers
            if layer.enabled
            for clause in layer.alone(self.context)
        ]

    def drain(self) -> None:
        """Tell every layer that the process is about to stop, so that readiness drops first."""
        for layer in self.layers:
            layer.drain()

    def doubts(self) -> Iterator[tuple[Layer, str]]:
        """Yield what the layers that are on say of themselves: allowed, but probably not meant."""
        for layer in self.layers:
            if layer.enabled:
                yield from ((layer, doubt) for doubt in layer.doubts(self.context))

    def tell_doubts(self) -> None:
        """Log them once, however many apps this stands in front of: a host may call it for each route."""
        if not self._has_doubted:
            self._has_doubted = True
            for layer, doubt in self.doubts():
                _log.warning(DOUBT, layer.label, doubt)

    def __repr__(self) -> str:
        return f"Pipeline({', '.join(layer.label for layer in self.layers)})"


@final
class Wrapped:
    """An app behind a pipeline, itself an ASGI app. ``app`` is the one inside."""

    def __init__(self, app: ASGIApp, pipeline: Pipeline) -> None:
        self.app = app
        self.pipeline = pipeline
        self._behind_proxies = bool(pipeline.options.trusted_proxies)
        self._context = pipeline.context
        self._has_hinted = False
        self.wire(pipeline.layers)
        pipeline.tell_doubts()

    def wire(self, layers: Sequence[Layer]) -> None:
        """Put ``layers`` in front of the app, in place of those before."""
        entry = self.app
        for layer in layers:
            entry = layer.innermost(entry) if layer.enabled else entry
        for layer in reversed(layers):
            layer.insist(self._context)
            entry = layer.attach(entry, self._context)
        self._entry = straight(entry)
        resources = [each for layer in layers if layer.enabled for each in layer.resources_in(self._context)]
        timeout = self.pipeline.options.startup_timeout
        self._lifespan = Lifespan(self.app, resources, startup_timeout=timeout, name=app_name(self.app))
        self._hint()

    def _hint(self) -> None:
        """Say once what the app does by itself that a layer would do better from here."""
        has_layer = any(isinstance(layer, Cors) and layer.enabled for layer in self.pipeline.layers)
        if not has_layer and not self._has_hinted and own_cors(self.app):
            self._has_hinted = True
            _log.warning("%s: %s", app_name(self.app), OWN_CORS)

    # Any: whoever calls it, a server or a framework, has its own types for these.
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Begin the exchange and pass the layers; a lifespan opens and closes what they need."""
        if KEY in scope or scope["type"] not in ("http", "websocket"):
            return await self._pass(scope, receive, send)
        exchange, scope = Exchange.begin(scope, self._context)
        if self._behind_proxies:
            apply_proxies(exchange, scope)
        await self._entry(scope, receive, send)
        # Without it the scope holds itself, and is freed much later, by the collector.
        del scope[KEY]

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self._hint()  # again: middleware may have been added since the app was wrapped
            await self._lifespan(scope, receive, send)
        else:
            await self._entry(scope, receive, send)

    def __repr__(self) -> str:
        return f"<{app_name(self.app)} behind {self.pipeline!r}>"


def pipeline_of(app: object) -> Pipeline | None:
    """Return the pipeline in front of ``app``: around it, or among the middleware of a Starlette app.

    Around it is also around the part that Quart and Litestar call for requests.
    """
    for entry in (app, getattr(app, "asgi_app", None), getattr(app, "asgi_handler", None)):
        if isinstance(entry, Wrapped):
            return entry.pipeline
    for middleware in getattr(app, "user_middleware", None) or ():
        if isinstance(found := getattr(middleware, "cls", None), Pipeline):
            return found
    return None


def _in_order(layers: Sequence[Layer], order: Literal["sorted", "given"]) -> tuple[Layer, ...]:
    for layer in layers:
        if not isinstance(layer, Layer):
            raise ValueError(f"{layer!r} is no layer: derive it from asgi_patterns.kernel.layer.Layer")
    twice = [label for label, count in Counter(layer.label for layer in layers).items() if count > 1]
    if twice:
        raise ValueError(f'two layers are called {twice[0]!r}: give each a name of its own, name="..."')
    if order == "sorted":
        return tuple(sorted(layers, key=lambda layer: layer.place.rank))
    for outer, inner in pairwise(layers):
        if outer.place.rank > inner.place.rank:
            warnings.warn(
                f"{inner.label} stands inside {outer.label}, but belongs outside it: {inner.place.reason}",
                stacklevel=3,
            )
    return tuple(layers)
