"""The layer ``Tracing``."""

import os
import random
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar, Protocol, final, runtime_checkable

from pydantic import AfterValidator, Field, InstanceOf, WithJsonSchema

from asgi_patterns.kernel.address import Networks, TrustedProxies
from asgi_patterns.kernel.context import Context
from asgi_patterns.kernel.dotted import Dotted
from asgi_patterns.kernel.events import Listener
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.layer import Lack, Layer, settings
from asgi_patterns.kernel.optional import MissingExtra, require
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import ASGIApp, Scope
from asgi_patterns.observability.tracing_attributes import Describe, known_methods
from asgi_patterns.observability.tracing_capture import SECRET, Capture, Excluded, listed, pattern
from asgi_patterns.observability.tracing_forecast import Untrusted, doubts, forecast, outline
from asgi_patterns.observability.tracing_told import add_event

SIGNATURES = (
    *("AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature"),
    *("X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token"),
    *("access_token", "api_key", "client_secret", "password", "token"),
)
_CAPTURE = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"


@runtime_checkable
class Provider(Protocol):
    """A tracer provider, as OpenTelemetry has it."""

    def get_tracer(self, *args: Any, **kwargs: Any) -> Any:
        """Return what makes spans."""


def _check_expressions(texts: Sequence[str] | None) -> Sequence[str] | None:
    pattern(texts or ())
    return texts


Expressions = Annotated[
    Sequence[Annotated[str, Field(title="regular expression")]] | None, AfterValidator(_check_expressions)
]


@final
@settings
class Tracing(Layer):
    """Makes one OpenTelemetry span for each request and each WebSocket connection."""

    place: ClassVar[Place] = Place.TRACING

    tracer_provider: (
        Annotated[
            InstanceOf[Provider],
            Dotted,
            WithJsonSchema({"type": "string", "title": "dotted name"}),
        ]
        | None
    ) = None
    """What makes the spans. By default OpenTelemetry's global provider."""
    excluded_urls: Expressions = None
    """Regular expressions for URLs without a span. By default what `OTEL_PYTHON_ASGI_EXCLUDED_URLS` lists."""
    request_headers: Expressions = None
    """Regular expressions for the fields of requests to note. By default what the environment lists, see below."""
    response_headers: Expressions = None
    """The same for the fields of answers."""
    sanitize_headers: Expressions = None
    """Regular expressions for fields whose values are not noted. By default the environment's, or the usual secrets."""
    redact_query: Sequence[str] = SIGNATURES
    """Names of query parameters whose values are not noted, in any case."""
    untrusted: Untrusted = "continue"
    """What becomes of traces of callers outside `trusted_networks`: `continue`, `restart` them or `downsample` them."""
    untrusted_share: Annotated[float, Field(ge=0, le=1)] = 0.05
    """The share of their traces that stay sampled, with `downsample`."""
    trusted_networks: Networks = ()
    """Networks (`10.0.0.0/8`) and `unix` whose callers may say what they like."""
    random: Annotated[Callable[[], float], Dotted] = random.random
    """What draws the share, 0 or more and less than 1; another one is for tests."""
    clock: Annotated[Callable[[], float], Dotted] = time.perf_counter
    """What gives the time, in seconds that never go back; another one is for tests."""

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        # Here: these need the package of the extra.
        from asgi_patterns.observability.tracing_parent import Callers
        from asgi_patterns.observability.tracing_rules import Rules
        from asgi_patterns.observability.tracing_spans import Traced

        capture = [self.request_headers, self.response_headers, self.sanitize_headers]
        names = ("SERVER_REQUEST", "SERVER_RESPONSE", "SANITIZE_FIELDS")
        request, response, secret = map(_chosen, capture, (_CAPTURE + name for name in names))
        hidden = SECRET if secret is None else secret
        trusted = TrustedProxies(self.trusted_networks)
        rules = Rules(
            describe=Describe(
                known_methods(os.environ),
                [name.lower() for name in self.redact_query],
                Capture("request", request, hidden) if request else None,
            ),
            excluded=Excluded(self._excluded) if self._excluded else None,
            response=Capture("response", response, hidden) if response else None,
            callers=Callers(trusted, self.untrusted, self.untrusted_share, self.random),
            clock=self.clock,
        )
        return Traced(app, rules, self.tracer_provider, self.label)

    @property
    def _excluded(self) -> Sequence[str]:
        names = ("OTEL_PYTHON_ASGI_EXCLUDED_URLS", "OTEL_PYTHON_EXCLUDED_URLS")
        return _chosen(self.excluded_urls, *names) or ()

    @property
    def listeners(self) -> Sequence[Listener]:
        """What other layers report stands in the span, as events."""
        return [add_event]

    def lacks(self, context: Context) -> Sequence[Lack]:
        """Say that the package is missing."""
        try:
            require("opentelemetry.trace", "otel")
        except MissingExtra as missing:
            right = f"pip install 'asgi-patterns[{missing.extra}]'"
            return [Lack(("enabled",), f"{missing.name} is not installed", right)]
        return []

    def doubts(self, context: Context) -> Sequence[str]:
        """Say what is allowed but probably not meant."""
        return [*doubts(self.untrusted, self.trusted_networks, self.request_headers, self.sanitize_headers)]

    @property
    def outline(self) -> Sequence[str]:
        """Which traces are continued."""
        return [outline(self.untrusted, self.untrusted_share, self.trusted_networks)]

    def explain(self, scope: Scope) -> Forecast:
        """Say whether there would be a span, and which trace it would belong to."""
        host = next((value for name, value in scope["headers"] if name == b"host"), None)
        return forecast(scope["headers"], is_excluded=Excluded(self._excluded)(scope, host))


def _chosen(given: Sequence[str] | None, *names: str) -> Sequence[str] | None:
    """Return what a setting says, or else the environment."""
    return listed(os.environ, *names) if given is None else given
