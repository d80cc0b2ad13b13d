"""Puts requests, events and gauges into instruments. Belongs to a layer: all its apps share it."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Final, Literal, Protocol, final

from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.gauges import Gauge, Gauging
from asgi_patterns.kernel.record import Record
from asgi_patterns.kernel.types import Scope
from asgi_patterns.observability.metrics_events import COUNTS, Count, counts_of, label_of
from asgi_patterns.observability.metrics_instruments import (
    ACTIVE,
    CONVENTIONS,
    IN_PROGRESS,
    INSTRUMENTATOR,
    SOCKET_ACTIVE,
    Instrument,
)
from asgi_patterns.observability.metrics_labels import METHODS, NONE, OTHER, Folds
from asgi_patterns.observability.metrics_series import (
    Amounts,
    Apart,
    Conventional,
    InOne,
    Labels,
    Measure,
    Migrated,
    Moves,
    Rows,
    Series,
)
from asgi_patterns.observability.metrics_traces import Late, in_trace

Names = Literal["conventions", "instrumentator"]

REFRESH: Final = 1.0
"""Seconds after which the next request brings the gauges up to date, where nobody has asked for them meanwhile."""

_log = logging.getLogger("asgi_patterns.metrics")

Key = tuple[str, str | None, int | str | None, str, str]


class Backend(Protocol):
    """Where values go."""

    wants_scheme: bool
    """Whether requests are told apart by ``http`` and ``https``."""

    def declare(self, instruments: Iterable[Instrument]) -> None:
        """Make them, before there is a value. Raises ``ValueError`` where a name is taken by something else."""

    def measure(self, instrument: Instrument, labels: Labels) -> Measure:
        """Return what measures for these labels."""

    def moves(self, instrument: Instrument, labels: Labels) -> Moves:
        """Return what counts one more and one less, for what goes up and down."""

    def together(self, counters: Sequence[tuple[Instrument, Labels]]) -> Rows:
        """Return what adds an amount to each of these counters."""

    def in_rows(self, histograms: Sequence[Instrument], labels: Labels) -> InOne | None:
        """Return what observes a value with each of these, where they can be told of them together."""


@final
class Recorder:
    """What a layer has measured so far, as far as it has to know that itself."""

    def __init__(
        self, backend: Backend, *, names: Names, most: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._backend = backend
        self._clock = clock
        self._folds = Folds(most, _say)
        self._is_migrated = names == "instrumentator"
        self._active = _Active(backend, IN_PROGRESS if self._is_migrated else ACTIVE)
        self._series: dict[Key, Series | Late] = {}
        self._heard: dict[type[Event], _Heard] = {}
        self._adders: dict[tuple[str, ...], Measure] = {}
        self._setters: dict[tuple[str, ...], Measure] = {}
        self._gauges: list[Gauging] = []
        self._refreshed = 0.0
        backend.declare(INSTRUMENTATOR if self._is_migrated else CONVENTIONS)
        backend.declare(count.instrument for counts in COUNTS.values() for count in counts)
        self._sockets = backend.moves(SOCKET_ACTIVE, {})
        self._wants_scheme = backend.wants_scheme

    def watch(self, gauges: Iterable[Gauging]) -> None:
        """Show these, too."""
        self._gauges.extend(each for each in gauges if each not in self._gauges)

    def begin(self, scope: Scope) -> None:
        """Count a request that comes in. Its record is to follow."""
        method = scope["method"]
        self._active[f"{method} {_scheme_of(scope)}" if self._wants_scheme else method].up()

    def connect(self) -> None:
        """The same for a WebSocket."""
        self._sockets.up()

    def end(self, record: Record) -> None:
        """Count a request that has ended."""
        if record.is_websocket:
            return self._disconnect(record)
        method = record.method
        if self._wants_scheme:
            scheme = _scheme_of(record.exchange.scope)
            self._active[f"{method} {scheme}"].down()
        else:
            scheme = ""
            self._active[method].down()
        key = (method, record.route, record.status, record.outcome, scheme)
        series = self._series.get(key)
        if series is None:
            series = self._new(key)
        series.answer(record)
        if self._gauges and self._clock() - self._refreshed > REFRESH:
            self.refresh()

    def _disconnect(self, record: Record) -> None:
        self._sockets.down()
        key = ("GET", record.route, record.status, record.outcome, "")
        (self._series.get(key) or self._new(key)).socket(record)

    def _new(self, key: Key) -> Series | Late:
        """Return the series of ``key``, which is kept for the next time unless a value of it is one too many."""
        method, route, status, outcome, scheme = key
        fold = self._folds.fold
        labels = {
            "method": METHODS.get(method, OTHER),
            "route": fold("route", route or NONE),
            "status": fold("status", NONE if status is None else str(status)),
            "outcome": outcome,
        }
        # Its own values again, so that there is one series for all that are folded.
        folded = (labels["method"], labels["route"], labels["status"], outcome, scheme)
        series = self._series.get(folded)
        if series is None:
            series = self._series[folded] = self._make(labels, folded[-1])
        if OTHER not in folded:
            self._series[key] = series
        return series

    def _make(self, labels: dict[str, str], scheme: str) -> Series | Late:
        if scheme:
            labels["scheme"] = scheme
        backend = self._backend
        if self._is_migrated:
            return in_trace(Migrated(backend.measure, labels), labels["outcome"])
        return in_trace(Conventional(backend.measure, labels, backend.in_rows), labels["outcome"])

    def hear(self, event: Event, exchange: Exchange) -> None:
        """Count an event."""
        heard = self._heard.get(type(event)) or self._learn(type(event))
        rows = heard.rows.get(heard.values_of(event)) or self._rows_for(heard, event)
        kept = rows.kept
        kept.append(heard.amounts_of(event))
        if len(kept) >= rows.at_once:
            rows.count()

    def _learn(self, kind: type[Event]) -> "_Heard":
        heard = self._heard[kind] = _Heard(counts_of(kind))
        return heard

    def _rows_for(self, heard: "_Heard", event: Event) -> Rows:
        """Return what adds for its values of labels; kept for the next time unless one of them is one too many."""
        values = heard.values_of(event)
        counters = []
        for instrument in (count.instrument for count in heard.counts):
            labels = {name: label_of(getattr(event, name)) for name in instrument.labels}
            counters.append((instrument, self._folded(instrument, labels)))
        # What is made anew for each event, as an exception is, would never be found again.
        if heard.are_lasting(values) and not any(OTHER in labels.values() for _, labels in counters):
            rows = heard.rows[values] = self._backend.together(counters)
            return rows
        return Apart([self._find(self._adders, *counter) for counter in counters])

    def refresh(self) -> None:
        """Bring the gauges up to date."""
        self._refreshed = self._clock()
        for gauging in self._gauges:
            try:
                for gauge in gauging():
                    instrument = _instrument(gauge)
                    labels = self._folded(instrument, gauge.labels)
                    self._find(self._setters, instrument, labels)(gauge.value)
            except Exception:
                _log.exception("the gauges %r failed", gauging)

    def _folded(self, instrument: Instrument, labels: Labels) -> Labels:
        fold = self._folds.fold
        return {name: fold(f"{instrument.name}.{name}", value) for name, value in labels.items()}

    def _find(self, kept: dict[tuple[str, ...], Measure], instrument: Instrument, labels: Labels) -> Measure:
        key = (instrument.name, *labels.values())
        measure = kept.get(key)
        if measure is None:
            measure = kept[key] = self._backend.measure(instrument, labels)
        return measure


@final
class _Heard:
    """What one class of events adds to."""

    def __init__(self, counts: Sequence[Count]) -> None:
        self.counts = counts
        self.rows: dict[object, Rows] = {}
        amounts = [count.amount for count in counts]
        self.amounts_of: Callable[[Event], Amounts] = _amounts_of(amounts)
        labels = dict.fromkeys(name for count in counts for name in count.instrument.labels)
        self.values_of: Callable[[Event], object] = attrgetter(*labels) if labels else _no_values

    def are_lasting(self, values: object) -> bool:
        """Whether the same values of labels can come again."""
        each = values if isinstance(values, tuple) else (values,)
        return all(value is None or isinstance(value, str | int) for value in each)


def _amounts_of(names: Sequence[str | None]) -> Callable[[Event], Amounts]:
    """Return what takes amounts from an event: the attributes with these ``names``, and one for each ``None``."""
    named = ["times" if name is None else name for name in names]
    if len(named) > 1:
        return attrgetter(*named)
    return lambda event: tuple(getattr(event, name) for name in named)


def _no_values(event: Event) -> None:
    """Return what stands for the labels of an event that has none."""


@final
class _Active(dict[str, Moves]):
    """The requests in hand, by method, or by method and scheme."""

    def __init__(self, backend: Backend, instrument: Instrument) -> None:
        super().__init__()
        self._backend = backend
        self._instrument = instrument

    def __missing__(self, key: str) -> Moves:
        method, _, scheme = key.rpartition(" ") if self._backend.wants_scheme else (key, "", "")
        known = METHODS.get(method, OTHER)
        folded = f"{known} {scheme}" if scheme else known
        if folded != key:
            return self[folded]  # and not kept: there is no end of names for methods
        labels = {"method": method, **({"scheme": scheme} if scheme else {})}
        moves = self[key] = self._backend.moves(self._instrument, labels)
        return moves


def _scheme_of(scope: Scope) -> str:
    scheme: str = scope.get("scheme", "http")
    return scheme if scheme in ("http", "https") else OTHER


def _instrument(gauge: Gauge) -> Instrument:
    return Instrument(
        name=f"asgi_patterns_{gauge.name}",
        dotted=f"asgi_patterns.{gauge.name.replace('_', '.', 1)}",
        kind="gauge",
        help=gauge.help,
        labels=tuple(gauge.labels),
        merge=gauge.merge,
    )


def _say(label: str) -> None:
    _log.warning("the label %s has as many values as max_values allows: further ones are %s", label, OTHER)
