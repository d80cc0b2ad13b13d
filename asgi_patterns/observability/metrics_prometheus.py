"""Puts values into instruments of ``prometheus_client``, made once for each registry."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, assert_never, final
from weakref import WeakKeyDictionary

from asgi_patterns.kernel.optional import require
from asgi_patterns.observability.metrics_instruments import SECONDS, Instrument
from asgi_patterns.observability.metrics_series import Apart, InOne, Labels, Measure, Moves, Rows
from asgi_patterns.observability.metrics_traces import Exemplars
from asgi_patterns.observability.metrics_workers import directory

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

EXTRA: Final = "prometheus"

_MODES: Final = {"sum": "livesum", "min": "livemin", "max": "livemax"}

_lock = Lock()
# Two pipelines on one registry count together. Weak: a registry of one test takes its instruments with it.
_made: "WeakKeyDictionary[CollectorRegistry, dict[str, tuple[Instrument, Any]]]" = WeakKeyDictionary()


@final
class Prometheus:
    """A registry. Raises ``MissingExtra`` where ``prometheus_client`` is not installed."""

    wants_scheme = False

    def __init__(
        self, registry: "CollectorRegistry | None", buckets: tuple[float, ...], exemplars: Exemplars | None
    ) -> None:
        self._package = require("prometheus_client", EXTRA)
        self.registry: CollectorRegistry = self._package.REGISTRY if registry is None else registry
        self._buckets = buckets
        self._exemplars = exemplars
        self._is_shared = directory() is not None

    def declare(self, instruments: Iterable[Instrument]) -> None:
        """Make them, before there is a value."""
        for instrument in instruments:
            self._metric(instrument)

    def measure(self, instrument: Instrument, labels: Labels) -> Measure:
        """Return what measures for these labels."""
        child = self._child(instrument, labels)
        if instrument.kind in ("histogram", "summary"):
            return self._observing(child) if instrument.has_exemplars else _measure(child.observe)
        return _measure(child.set if instrument.kind == "gauge" else child.inc)

    def moves(self, instrument: Instrument, labels: Labels) -> Moves:
        """Return what counts one more and one less."""
        child = self._child(instrument, labels)
        return Moves(child.up, child.down) if self._is_tallied(instrument) else Moves(child.inc, child.dec)

    def together(self, counters: Sequence[tuple[Instrument, Labels]]) -> Rows:
        """Return what adds an amount to each of these counters."""
        if self._is_shared or len(counters) < 2:
            return Apart([self.measure(*counter) for counter in counters])
        # Here, not at the top: the package is an extra.
        from asgi_patterns.observability.metrics_tallies import Together

        return Together([self._child(*counter) for counter in counters])

    def in_rows(self, histograms: Sequence[Instrument], labels: Labels) -> InOne | None:
        """Return what observes a value with each of these; the first one's exemplars are looked for."""
        if self._is_shared:
            return None
        # Here, not at the top: the package is an extra.
        from asgi_patterns.observability.metrics_tallies import Columns

        columns = [self._metric(each) for each in histograms]
        values = tuple(labels[name] for name in histograms[0].labels)
        with _lock:
            rows = columns[0].rows.get(values) or Columns(columns, values)
        exemplars = self._exemplars
        if exemplars is None:
            return InOne(rows, bool, _show_nothing)  # bool() is false
        return InOne(rows, exemplars.traced, self._showing(self._child(histograms[0], labels), exemplars))

    def _showing(self, child: Any, exemplars: Exemplars) -> Callable[[float], None]:
        named = exemplars.named

        def show(value: float) -> None:
            if child.is_due(value) and (exemplar := named()) is not None:
                child.show(value, exemplar)

        return show

    def _child(self, instrument: Instrument, labels: Labels) -> Any:
        metric = self._metric(instrument)
        values = [labels[name] for name in instrument.labels]
        return metric.labels(*values) if values or self._is_tallied(instrument) else metric

    def _observing(self, child: Any) -> Measure:
        observe, exemplars = child.observe, self._exemplars
        if exemplars is None:
            return _measure(observe)
        traced, show = exemplars.traced, self._showing(child, exemplars)

        def observe_and_show(value: float) -> None:
            observe(value)
            if traced():
                show(value)

        return observe_and_show

    def _metric(self, instrument: Instrument) -> Any:
        if instrument.buckets == SECONDS:
            instrument = replace(instrument, buckets=self._buckets)
        with _lock:
            made = _made.setdefault(self.registry, {})
            if instrument.name not in made:
                made[instrument.name] = (instrument, self._new(instrument))
            of, metric = made[instrument.name]
        if of != instrument:
            raise ValueError(
                f"{instrument.name} is in this registry already, with other buckets or labels: "
                "give all layers the same, or each a registry of its own"
            )
        return metric

    def _is_tallied(self, instrument: Instrument) -> bool:
        """Whether it is counted here: what every request moves, as long as no other process has to see it."""
        return instrument.kind in ("counter", "histogram", "up_down") and not self._is_shared

    def _new(self, instrument: Instrument) -> Any:
        try:
            return self._tallies(instrument) if self._is_tallied(instrument) else self._own(instrument)
        except ValueError as taken:
            raise ValueError(
                f"something else has registered {instrument.name}: take it out, or set registry"
            ) from taken

    def _tallies(self, instrument: Instrument) -> Any:
        # Here, not at the top: the package is an extra.
        from asgi_patterns.observability.metrics_tallies import Tallies

        tallies = Tallies(instrument)
        self.registry.register(tallies)
        return tallies

    def _own(self, instrument: Instrument) -> Any:
        given: dict[str, Any] = {"labelnames": instrument.labels, "registry": self.registry}
        match instrument.kind:
            case "counter":
                make = self._package.Counter
            case "histogram":
                make, given["buckets"] = self._package.Histogram, instrument.buckets
            case "summary":
                make = self._package.Summary
            case "gauge" | "up_down":
                make, given["multiprocess_mode"] = self._package.Gauge, _MODES[instrument.merge]
            case _:
                assert_never(instrument.kind)
        return make(instrument.name, instrument.help, **given)


def _measure(method: Measure) -> Measure:
    return method


def _show_nothing(value: float) -> None:
    """Stands where traces are not named."""
