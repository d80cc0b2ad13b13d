"""Where a trace comes from: what the client says of it, as far as that is legal and believed.

``Arrival``: the fields of a request that say so, made legal; ``Callers``: what to do with what callers say.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, final

from opentelemetry.context import Context
from opentelemetry.propagate import get_global_textmap
from opentelemetry.propagators.textmap import Getter, TextMapPropagator
from opentelemetry.trace import Link, get_current_span

from asgi_patterns.kernel.address import TrustedProxies
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import RawHeaders, Scope
from asgi_patterns.observability.trace_context import trace_context
from asgi_patterns.observability.tracing_forecast import Untrusted

_PARENT, _STATE = b"traceparent", b"tracestate"
_SAMPLED: Final = 0b01
_USUAL: Final = frozenset({"traceparent", "tracestate", "baggage"})
FIELDS: Final = frozenset(name.encode() for name in _USUAL)
"""What the usual propagators read."""


@final
class Arrival:
    """What a request's fields say of its trace. ``headers`` are what goes further in."""

    __slots__ = ("headers", "parent", "says_something")

    def __init__(self, headers: RawHeaders) -> None:
        self.headers = headers
        self.parent: bytes | None = None
        names = dict(headers).keys()
        self.says_something = not names.isdisjoint(FIELDS)
        if self.says_something and not names.isdisjoint((_PARENT, _STATE)):
            self.parent, state = trace_context(headers)
            self._say(self.parent, state)

    def _say(self, parent: bytes | None, state: bytes | None) -> None:
        """Have the fields say this of the trace, and nothing else."""
        others = [field for field in self.headers if field[0] not in (_PARENT, _STATE)]
        said = ((_PARENT, parent), (_STATE, state))
        self.headers = others + [(name, value) for name, value in said if value is not None]

    def forget(self) -> None:
        """Have the fields say nothing of a trace, nor anything that goes with it."""
        self.parent = None
        names = {name.lower().encode("latin-1") for name in {*get_global_textmap().fields, *_USUAL}}
        self.headers = [field for field in self.headers if field[0] not in names]

    def unsample(self) -> None:
        """Have the fields say that the caller has not sampled its trace."""
        if self.parent is not None and (flags := int(self.parent[-2:], 16)) & _SAMPLED:
            self.parent = b"%b%02x" % (self.parent[:-2], flags & ~_SAMPLED)
            self.headers = [(name, self.parent if name == _PARENT else value) for name, value in self.headers]


@final
class Callers:
    """Decides what callers outside ``trusted`` networks may say of traces."""

    def __init__(
        self, trusted: TrustedProxies, untrusted: Untrusted, share: float, draw: Callable[[], float]
    ) -> None:
        self._trusted = trusted
        self._untrusted = untrusted
        self._share = share
        self._draw = draw
        self._propagator: TextMapPropagator | None = None
        self._is_usual = False
        self.silent: TextMapPropagator | None = None
        """The propagator with which a request without the ``FIELDS`` says nothing, whoever sends it."""

    def context(
        self, arrival: Arrival, exchange: Exchange, scope: Scope, current: Context
    ) -> tuple[Context, Sequence[Link]]:
        """Return the context in which a span shall begin, and what it is linked to."""
        if self._untrusted != "continue" and not self._trusted.trusts(exchange.client(scope).host):
            if self._untrusted == "restart":
                links = _links(arrival)
                arrival.forget()
                return current, links
            if self._draw() >= self._share:
                arrival.unsample()
        propagator = get_global_textmap()
        if propagator is not self._propagator:
            self._meet(propagator)
        if self._is_usual and not arrival.says_something:
            return current, ()
        return propagator.extract(arrival.headers, current, GETTER), ()

    def _meet(self, propagator: TextMapPropagator) -> None:
        """See whether all that it reads is looked for already."""
        self._propagator = propagator
        self._is_usual = propagator.fields <= _USUAL
        self.silent = propagator if self._is_usual and self._untrusted == "continue" else None


def _links(arrival: Arrival) -> list[Link]:
    context = get_global_textmap().extract(arrival.headers, Context(), GETTER)
    caller = get_current_span(context).get_span_context()
    return [Link(caller)] if caller.is_valid else []


class _Getter(Getter[Any]):
    """Reads the fields of an ASGI request."""

    def get(self, carrier: RawHeaders, key: str) -> list[str] | None:
        """Return the values of all lines called ``key``."""
        name = key.lower().encode("latin-1")
        values = [value.decode("latin-1") for each, value in carrier if each == name]
        if not values:
            return None
        # The propagator of baggage looks at one line only.
        return [",".join(values)] if name == b"baggage" else values

    def keys(self, carrier: RawHeaders) -> list[str]:
        """Return the names of all fields."""
        return [name.decode("latin-1") for name, _ in carrier]


GETTER: Final = _Getter()
