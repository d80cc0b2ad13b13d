"""Histograms and gauges of a single process, counted here and shown by ``prometheus_client``.

Its own histogram takes two locks and looks at one bucket after the other, three times for each request: most of what
measuring costs. In a process that counts for itself none of that is needed. ``Tallies`` is a collector, one for each
instrument; ``Tally`` and ``Level`` are what it counts for one set of labels.
"""

import time
from bisect import bisect_left
from collections.abc import Iterable
from threading import Lock
from typing import Any, Final, final

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from asgi_patterns.observability.metrics_instruments import Instrument

INFINITE: Final = "+Inf"


@final
class Tally:
    """What a histogram has seen: how many values in each bucket, and their sum."""

    __slots__ = ("_bounds", "_counts", "_exemplars", "_lock", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._exemplars: list[Exemplar | None] = [None] * (len(bounds) + 1)
        self._sum = 0.0
        self._lock = Lock()

    def observe(self, value: float, exemplar: dict[str, str] | None = None) -> None:
        """Count ``value``; a bucket takes in its upper bound."""
        at = bisect_left(self._bounds, value)
        with self._lock:
            self._counts[at] += 1
            self._sum += value
        if exemplar is not None:
            self._exemplars[at] = Exemplar(exemplar, value, time.time())

    def add_to(self, family: Any, labels: tuple[str, ...]) -> None:
        """Show it in ``family``, each bucket with those below it."""
        with self._lock:
            counts, total = [*self._counts], self._sum
        buckets, below = [], 0
        names = [*map(floatToGoString, self._bounds), INFINITE]
        for name, count, exemplar in zip(names, counts, self._exemplars, strict=True):
            below += count
            buckets.append((name, below, exemplar))
        family.add_metric(labels, buckets, total)


@final
class Level:
    """What goes up and down."""

    __slots__ = ("_lock", "_value")

    def __init__(self) -> None:
        self._value = 0.0
        self._lock = Lock()

    def inc(self, amount: float) -> None:
        """Add ``amount``, which may be below zero."""
        with self._lock:
            self._value += amount

    def add_to(self, family: Any, labels: tuple[str, ...]) -> None:
        """Show it in ``family``."""
        family.add_metric(labels, self._value)


@final
class Tallies:
    """All that one instrument has counted, by the values of its labels."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._children: dict[tuple[str, ...], Tally | Level] = {}
        self._lock = Lock()
        if not instrument.labels:
            self.labels()

    def labels(self, *values: str) -> Tally | Level:
        """Return what counts for these."""
        with self._lock:
            child = self._children.get(values)
            if child is None:
                child = self._children[values] = self._new()
            return child

    def _new(self) -> Tally | Level:
        instrument = self._instrument
        return Tally(instrument.buckets) if instrument.kind == "histogram" else Level()

    def describe(self) -> Iterable[Any]:
        """Return its names, for the registry that has to know whether they are taken."""
        return [self._family()]

    def collect(self) -> Iterable[Any]:
        """Return its values, for the registry."""
        family = self._family()
        with self._lock:
            children = [*self._children.items()]
        for labels, child in children:
            child.add_to(family, labels)
        return [family]

    def _family(self) -> Any:
        instrument = self._instrument
        make = HistogramMetricFamily if instrument.kind == "histogram" else GaugeMetricFamily
        return make(instrument.name, instrument.help, labels=instrument.labels)
