"""All settings of a pipeline: a field for each section, and the options that stand above the first."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypedDict, TypeVar, final

from pydantic import BeforeValidator, Field, SecretStr

from asgi_patterns.browsers import Cors, SecurityHeaders
from asgi_patterns.caching import CachePolicy, ConditionalRequests
from asgi_patterns.compression import Compression, Decompression
from asgi_patterns.errors import Problems
from asgi_patterns.health import Health
from asgi_patterns.kernel.address import ProxyField
from asgi_patterns.kernel.caller import Identify
from asgi_patterns.kernel.events import Listener
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.observability import AccessLog, Metrics, ServerTiming, Tracing
from asgi_patterns.pipeline import Options, Pipeline
from asgi_patterns.protection import BodyLimit, Deadline, LoadShedding
from asgi_patterns.ratelimit import RateLimit
from asgi_patterns.request_id import RequestId
from asgi_patterns.settings.schema import alternatives, parse
from asgi_patterns.settings.schema import fields as schema_fields
from asgi_patterns.settings.source import Source, holder

L = TypeVar("L", bound=Layer)

Given: TypeAlias = L | Mapping[str, Any] | Sequence[L | Mapping[str, Any]] | bool
"""What code may give for a section: a layer, its fields, several of either, or only on or off."""


def _entries(section: object) -> object:
    return section if isinstance(section, list | tuple) else [section]


Section = Annotated[tuple[L, ...], BeforeValidator(_entries)]
"""The layers of a section: mostly one, none where it is not there."""


class Sections(TypedDict, total=False):
    """The keyword arguments of ``wrap``: every field of ``Settings``, as code may give it."""

    health: Given[Health]
    request_id: Given[RequestId]
    metrics: Given[Metrics]
    problems: Given[Problems]
    access_log: Given[AccessLog]
    server_timing: Given[ServerTiming]
    tracing: Given[Tracing]
    cors: Given[Cors]
    security_headers: Given[SecurityHeaders]
    body_limit: Given[BodyLimit]
    decompression: Given[Decompression]
    rate_limit: Given[RateLimit]
    deadline: Given[Deadline]
    load_shedding: Given[LoadShedding]
    compression: Given[Compression]
    conditional_requests: Given[ConditionalRequests]
    cache_policy: Given[CachePolicy]
    trusted_proxies: Sequence[str]
    proxy_fields: Sequence[ProxyField]
    identify: Identify | Literal["scope"] | None
    listeners: Sequence[Listener]
    store: SecretStr | str
    startup_timeout: float
    order: Literal["sorted", "given"]


@final
@settings
class Settings(Options):
    """All settings of a pipeline. ``load`` makes one; layers that are switched off are in it too.

    The first three sections cannot change what an answer means, so they are on by default. Any other is on
    where it is given, even empty.
    """

    health: Section[Health] = Field(default_factory=lambda: (Health(),))
    """Health probes for an orchestrator or a load balancer."""
    request_id: Section[RequestId] = Field(default_factory=lambda: (RequestId(),))
    """An id for every request."""
    metrics: Section[Metrics] = ()
    """Numbers for Prometheus or OpenTelemetry."""
    problems: Section[Problems] = Field(default_factory=lambda: (Problems(),))
    """Every failure as a problem (RFC 9457)."""
    access_log: Section[AccessLog] = ()
    """A line in the log for every request."""
    server_timing: Section[ServerTiming] = ()
    """What took how long, for clients that may know it."""
    tracing: Section[Tracing] = ()
    """A span for every request."""
    cors: Section[Cors] = ()
    """Which other origins may read answers (the CORS protocol of the Fetch standard)."""
    security_headers: Section[SecurityHeaders] = ()
    """Fields that tell browsers what to leave undone."""
    body_limit: Section[BodyLimit] = ()
    """How large requests may be, and which origins may open WebSockets."""
    decompression: Section[Decompression] = ()
    """Requests whose content is coded, decoded for the app."""
    rate_limit: Section[RateLimit] = ()
    """How much each caller may have, and what it is told about that."""
    deadline: Section[Deadline] = ()
    """How long a request may take, and each of its parts."""
    load_shedding: Section[LoadShedding] = ()
    """How many requests the process has in hand at once, and which go first."""
    compression: Section[Compression] = ()
    """Answers in zstd, br or gzip."""
    conditional_requests: Section[ConditionalRequests] = ()
    """What a client has is not sent again, and what it has never seen is not overwritten."""
    cache_policy: Section[CachePolicy] = ()
    """What caches may keep, for how long and for whom."""

    sources: ClassVar[Sequence[Source]] = ()
    """What was looked at, the weakest first, whether it was there or not."""

    @property
    def layers(self) -> list[Layer]:
        """All layers, in the order in which the sources name their sections."""
        named = [name for source in self.sources for name in source.tree]
        names = sorted(SECTIONS, key=lambda name: named.index(name) if name in named else -1)
        return [layer for name in names for layer in getattr(self, name)]

    def pipeline(self) -> Pipeline:
        """Return the layers that are on, in order."""
        options = {option.name: getattr(self, option.name) for option in fields(Options)}
        pipeline = Pipeline(*(layer for layer in self.layers if layer.enabled), **options)
        pipeline.settings = self
        return pipeline

    def origin(self, path: str) -> str:
        """Return what set ``path``, such as ``health.path``: a file, a variable, a call, or ``default``."""
        key = parse(path)
        source = holder(self.sources, key)
        return "default" if source is None else source.origin(key)


def _layer(name: str) -> type[Layer] | None:
    found = alternatives(schema_fields(Settings)[name].annotation)
    return next((each for each in found if isinstance(each, type) and issubclass(each, Layer)), None)


SECTIONS: Mapping[str, type[Layer]] = {
    name: layer for name in schema_fields(Settings) if (layer := _layer(name)) is not None
}
"""The layer of each section."""
