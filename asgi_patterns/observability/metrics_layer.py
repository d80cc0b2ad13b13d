"""The ``Metrics`` layer: its settings, and what stands in front of an app to measure it."""

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, final

from pydantic import AfterValidator, Field, WithJsonSchema

from asgi_patterns.kernel.address import Networks
from asgi_patterns.kernel.context import DEFAULT, Context
from asgi_patterns.kernel.dotted import Dotted
from asgi_patterns.kernel.entering import Entered
from asgi_patterns.kernel.events import Listener
from asgi_patterns.kernel.exchange import KEY, Exchange
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.layer import Lack, Layer, settings
from asgi_patterns.kernel.observing import observe
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.secret import Secret, reveal
from asgi_patterns.kernel.types import ASGIApp, RawHeaders, Receive, Scope, Send
from asgi_patterns.observability.metrics_forecast import forecast, outline
from asgi_patterns.observability.metrics_instruments import SECONDS
from asgi_patterns.observability.metrics_opentelemetry import OpenTelemetry
from asgi_patterns.observability.metrics_page import Page
from asgi_patterns.observability.metrics_prometheus import Prometheus
from asgi_patterns.observability.metrics_recording import Names, Recorder
from asgi_patterns.observability.metrics_traces import exemplars
from asgi_patterns.observability.metrics_workers import VARIABLE, directory

_DOTTED = WithJsonSchema({"type": "string", "title": "dotted name"})


def _check_path(path: str) -> str:
    bare = path.rstrip("/")
    if not path.startswith("/") or not bare or any(sign in bare for sign in "?#*\\ "):
        raise ValueError(f"{path!r} is no path for metrics: write for example /metrics, without *, ? and #")
    return bare


def _check_token(token: Secret | None) -> Secret | None:
    if token is not None and not reveal(token).strip():
        raise ValueError("is empty: leave it out where networks are enough")
    return token


def _check_buckets(buckets: Sequence[float]) -> Sequence[float]:
    if not buckets or list(buckets) != sorted(set(buckets)) or buckets[0] <= 0:
        raise ValueError("are seconds above 0, each more than the one before")
    return tuple(buckets)


def _check_registry(registry: Any) -> Any:
    if registry is not None and not (hasattr(registry, "register") and hasattr(registry, "collect")):
        raise ValueError(f"{registry!r} is no CollectorRegistry of prometheus_client")
    return registry


def _check_provider(provider: Any) -> Any:
    if provider is not None and not hasattr(provider, "get_meter"):
        raise ValueError(f"{provider!r} is no MeterProvider of OpenTelemetry")
    return provider


@final
@settings
class Metrics(Layer):
    """Measures requests, and counts what all layers report."""

    place: ClassVar[Place] = Place.METRICS
    needs_every_request: ClassVar[bool] = True

    backend: Literal["prometheus", "opentelemetry"] = "prometheus"
    """Where numbers go: to be read by Prometheus, or into OpenTelemetry's SDK, which exports them."""
    path: Annotated[str, AfterValidator(_check_path)] = "/metrics"
    """Where Prometheus reads. With that backend it is 404 for everybody until `token` or `networks` is set."""
    token: Annotated[Secret | None, AfterValidator(_check_token)] = None
    """Who sends it as `Authorization: Bearer` may read."""
    networks: Networks = ()
    """Networks (`10.0.0.0/8`) from which one may read; with a token, from which that counts."""
    management_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """A further port, on which anybody may read; `asgi-patterns serve` listens there, and nothing else does."""
    management_host: str = "127.0.0.1"
    """The address of this machine that belongs to it; `0.0.0.0` for all of them."""
    names: Names = "conventions"
    """`conventions`: names of OpenTelemetry's conventions; `instrumentator`: of prometheus-fastapi-instrumentator."""
    buckets: Annotated[Sequence[float], AfterValidator(_check_buckets)] = SECONDS
    """The buckets of durations, in seconds."""
    max_values: Annotated[int, Field(ge=1, le=100_000)] = 500
    """How many values each label may have; all further ones are `_OTHER`."""
    exemplars: bool = True
    """Whether durations name the sampled trace that is current, for readers of OpenMetrics."""
    registry: Annotated[Any, Dotted, AfterValidator(_check_registry), _DOTTED] = None
    """The `CollectorRegistry` to register with. By default `prometheus_client`'s own."""
    meter_provider: Annotated[Any, Dotted, AfterValidator(_check_provider), _DOTTED] = None
    """The `MeterProvider` of OpenTelemetry. By default the global one."""

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return self.wire_in(app, DEFAULT)

    def wire_in(self, app: ASGIApp, context: Context) -> ASGIApp:
        """Return the wired app, which knows the state of the other layers."""
        self._recorder.watch(context.gauges)
        # Where it stands alone, nobody else says who listens to what stands further in.
        heard = context.listeners
        hear = self._recorder.hear
        listens = context if hear in heard else replace(context, listeners=(*heard, hear))
        return _Measured(app, self._recorder, self._page, listens)

    @property
    def listeners(self) -> Sequence[Listener]:
        """What counts events."""
        return [self._recorder.hear]

    def read(self, asked: RawHeaders) -> tuple[RawHeaders, bytes]:
        """Return the fields and the content of the page, for who may read; ``asked`` are the request's fields."""
        page = self._page
        if page is None:
            raise TypeError("OpenTelemetry has the numbers, and there is no page")
        self._recorder.refresh()
        return page.content(asked)

    @property
    def paths(self) -> Sequence[str]:
        """Where it answers."""
        return [self.path] if self._has_page else []

    @property
    def outline(self) -> Sequence[str]:
        """Who may read."""
        if not self._has_page:
            return ["hands numbers to OpenTelemetry"]
        return [*outline(self.path, has_token=self.token is not None, networks=self.networks)]

    def lacks(self, context: Context) -> Sequence[Lack]:
        """Say that the directory for several workers is not there."""
        path = directory()
        if path is None or path.is_dir() or not self._has_page:
            return ()
        return [Lack(("path",), f"{VARIABLE} names {path}, which is no directory", "make it")]

    def doubts(self, context: Context) -> Sequence[str]:
        """Say that nobody may read."""
        if not self._has_page:
            unused = [
                name for name in ("token", "networks", "management_port", "registry") if getattr(self, name)
            ]
            return [f"hands numbers to OpenTelemetry, and has no use for {name}" for name in unused]
        if self.token is None and not self.networks and self.management_port is None:
            return [
                f"measures, and nobody may read it at {self.path}: set token, networks or management_port"
            ]
        return ()

    def alone(self, context: Context) -> Sequence[str]:
        """Say that a reader sees one process."""
        if directory() is not None or not self._has_page:
            return ()
        return [f"shows what one process has counted, whichever is asked: set {VARIABLE}"]

    def explain(self, scope: Scope) -> Forecast:
        """Say who reads, or that it is measured."""
        page = self._page
        if page is None or not page.is_at(scope):
            return forecast(None, scope["method"])
        return forecast(page.access(*Exchange.of(scope)), scope["method"])

    @property
    def _has_page(self) -> bool:
        return self.backend == "prometheus"

    @cached_property
    def _recorder(self) -> Recorder:
        backend = self._prometheus if self._has_page else self._opentelemetry
        return Recorder(backend, names=self.names, most=self.max_values)

    @cached_property
    def _prometheus(self) -> Prometheus:
        named = exemplars() if self.exemplars and directory() is None else None
        return Prometheus(self.registry, tuple(self.buckets), named)

    @property
    def _opentelemetry(self) -> OpenTelemetry:
        return OpenTelemetry(self.meter_provider, tuple(self.buckets))

    @cached_property
    def _page(self) -> Page | None:
        if not self._has_page:
            return None
        return Page(
            self._prometheus.registry,
            self._recorder.refresh,
            path=self.path,
            label=self.label,
            token=reveal(self.token).strip(),
            networks=self.networks,
        )


@final
class _Measured(Entered):
    __slots__ = ("_app", "_begin", "_context", "_end", "_page", "_path", "_recorder")

    def __init__(self, app: ASGIApp, recorder: Recorder, page: Page | None, context: Context) -> None:
        self._app = app
        self._recorder = recorder
        self._begin = recorder.begin
        self._end = recorder.end
        self._page = page
        self._path = "" if page is None else page.path
        self._context = context

    def enter(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        kind = scope["type"]
        if kind == "http":
            # Asked further only where it may be: a call for each request is not free.
            if scope["path"] == self._path or scope.get("root_path"):
                page = self._page
                if page is not None and page.is_at(scope):
                    return page(scope, receive, send)
        elif kind != "websocket":
            return self._app(scope, receive, send)
        exchange = scope.get(KEY)
        if exchange is None:
            exchange, scope = Exchange.begin(scope, self._context)
        if exchange.parent is None:
            if kind == "http":
                self._begin(scope)
            else:
                self._recorder.connect()
        return observe(self._app, scope, receive, send, self._end)
