"""Puts values into instruments of OpenTelemetry, made once for each meter provider."""

from collections.abc import Iterable, Sequence
from functools import partial
from threading import Lock
from typing import Any, Final, final
from weakref import WeakKeyDictionary

from asgi_patterns.kernel.optional import require
from asgi_patterns.observability.metrics_instruments import SECONDS, Instrument
from asgi_patterns.observability.metrics_labels import NONE
from asgi_patterns.observability.metrics_series import Apart, Labels, Measure, Moves, Rows

SCOPE: Final = "asgi_patterns"

_ATTRIBUTES: Final = {
    "method": "http.request.method",
    "scheme": "url.scheme",
    "route": "http.route",
    "status": "http.response.status_code",
    "outcome": "asgi_patterns.outcome",
}
# What the client gets, or does not get, in place of a whole answer; a status below 500 says nothing of it.
_BROKEN: Final = ("client_disconnect", "incomplete", "server_error", "timeout")

_lock = Lock()
# A second instrument of one name is a warning of the SDK. Weak: a provider of one test takes them with it.
_made: "WeakKeyDictionary[Any, dict[str, Any]]" = WeakKeyDictionary()


@final
class OpenTelemetry:
    """A meter provider, by default the global one. Raises ``MissingExtra`` where the API is not installed."""

    wants_scheme = True

    def __init__(self, provider: Any, buckets: tuple[float, ...]) -> None:
        metrics = require("opentelemetry.metrics", "otel")
        self._provider = metrics.get_meter_provider() if provider is None else provider
        self._meter = metrics.get_meter(SCOPE, meter_provider=self._provider)
        self._buckets = buckets

    def declare(self, instruments: Iterable[Instrument]) -> None:
        """Nothing: an instrument without values is not exported."""

    def measure(self, instrument: Instrument, labels: Labels) -> Measure:
        """Return what measures for these labels."""
        made = self._made(instrument)
        attributes = attributes_of(instrument, labels)
        match instrument.kind:
            case "counter" | "up_down":
                return partial(_reversed, made.add, attributes)
            case "gauge":
                return partial(_reversed, made.set, attributes)
            case "histogram" | "summary":
                return partial(_reversed, made.record, attributes)

    def moves(self, instrument: Instrument, labels: Labels) -> Moves:
        """Return what counts one more and one less."""
        add, attributes = self._made(instrument).add, attributes_of(instrument, labels)
        return Moves(partial(add, 1, attributes), partial(add, -1, attributes))

    def together(self, counters: Sequence[tuple[Instrument, Labels]]) -> Rows:
        """Return what adds an amount to each of these counters."""
        return Apart([self.measure(*counter) for counter in counters])

    def in_rows(self, histograms: Sequence[Instrument], labels: Labels) -> None:
        """Nothing: each is told by itself."""

    def _made(self, instrument: Instrument) -> Any:
        name = instrument.dotted
        with _lock:
            made = _made.setdefault(self._provider, {})
            if name not in made:
                made[name] = self._new(instrument)
            return made[name]

    def _new(self, instrument: Instrument) -> Any:
        given = {"name": instrument.dotted, "unit": instrument.unit, "description": instrument.help}
        match instrument.kind:
            case "counter":
                return self._meter.create_counter(**given)
            case "up_down":
                return self._meter.create_up_down_counter(**given)
            case "gauge":
                return self._meter.create_gauge(**given)
            case "histogram" | "summary":
                buckets = self._buckets if instrument.buckets == SECONDS else instrument.buckets
                return self._meter.create_histogram(
                    **given, explicit_bucket_boundaries_advisory=buckets or None
                )


def _reversed(method: Any, attributes: dict[str, Any], value: float) -> None:
    method(value, attributes)


def attributes_of(instrument: Instrument, labels: Labels) -> dict[str, Any]:
    """Return labels as attributes: those of requests by the conventions, which leave out what is not known."""
    names = instrument.labels
    if "route" not in names and "method" not in names:
        return {name: labels[name] for name in names}
    found: dict[str, Any] = {}
    for name in ("scheme", *names):
        value = labels.get(name, NONE)
        if value != NONE:
            found[_ATTRIBUTES[name]] = int(value) if name == "status" and value.isdigit() else value
    if (error := _error(labels)) is not None:
        found["error.type"] = error
    return found


def _error(labels: Labels) -> str | None:
    status, outcome = labels.get("status", NONE), labels.get("outcome", "ok")
    if len(status) == 3 and status >= "500":
        return status
    return outcome if outcome in _BROKEN else None
