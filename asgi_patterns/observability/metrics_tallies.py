"""Counters, histograms and gauges of a single process, counted here and shown by ``prometheus_client``.

Its own histogram takes two locks and looks at one bucket after the other, three times for each request: most of what
measuring costs. In a process that counts for itself none of that is needed. ``Tallies`` is a collector, one for each
instrument; ``Tally``, ``Level`` and ``Balance`` are what it counts for one set of labels, ``Together`` adds to several
levels, and ``Columns`` takes what several histograms see of the same request.
What they are told is put on a list, which takes no lock, and counted many at a time, which takes C no time to speak of.
"""

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from threading import Lock
from typing import Any, Final, TypeVar, final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from asgi_patterns.observability.metrics_instruments import Instrument

Value = TypeVar("Value")
Row = tuple[float | None, ...]
INFINITE: Final = "+Inf"
AT_ONCE: Final = 128
"""How many values are kept until they are counted."""
PAUSE: Final = 1.0
"""Seconds for which an exemplar stands at least."""

_FAMILIES: Final[dict[str, Any]] = {
    "counter": CounterMetricFamily,
    "histogram": HistogramMetricFamily,
    "up_down": GaugeMetricFamily,
}


@final
class Tally:
    """What a histogram has seen: how many values in each bucket, and their sum."""

    __slots__ = ("_below", "_bounds", "_due", "_exemplars", "_lock", "_sum", "_values")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._below = [0] * (len(bounds) + 1)  # in each bucket, with all below it
        self._exemplars: list[Exemplar | None] = [None] * (len(bounds) + 1)
        self._due = [0.0] * (len(bounds) + 1)
        self._sum = 0.0
        self._values: list[float] = []
        self._lock = Lock()

    def observe(self, value: float) -> None:
        """Count ``value``; a bucket takes in its upper bound."""
        values = self._values
        values.append(value)
        if len(values) >= AT_ONCE:
            self._count()

    def observe_all(self, values: Sequence[float]) -> None:
        """Count all of ``values``."""
        self._values.extend(values)
        self._count()

    def is_due(self, value: float) -> bool:
        """Whether the bucket of ``value`` has no exemplar of this second: nobody looks more often than that."""
        return time.monotonic() >= self._due[bisect_left(self._bounds, value)]

    def show(self, value: float, exemplar: dict[str, str]) -> None:
        """Let ``exemplar`` stand for the bucket of ``value``."""
        at = bisect_left(self._bounds, value)
        self._exemplars[at] = Exemplar(exemplar, value, time.time())
        self._due[at] = time.monotonic() + PAUSE

    def _count(self) -> None:
        with self._lock:
            values = sorted(_taken(self._values))
            self._sum += sum(values)
            for at, bound in enumerate(self._bounds):
                self._below[at] += bisect_right(values, bound)
            self._below[-1] += len(values)

    def add_to(self, family: Any, labels: tuple[str, ...]) -> None:
        """Show it in ``family``, each bucket with those below it."""
        self._count()
        with self._lock:
            below, total = [*self._below], self._sum
        names = [*map(floatToGoString, self._bounds), INFINITE]
        family.add_metric(labels, [*zip(names, below, self._exemplars, strict=True)], total)


@final
class Level:
    """What only goes up."""

    __slots__ = ("_amounts", "_lock", "_value", "together")

    def __init__(self) -> None:
        self._value = 0.0
        self._amounts: list[float] = []
        self._lock = Lock()
        self.together: list[Together] = []
        """What adds to others as well."""

    def inc(self, amount: float) -> None:
        """Add ``amount``."""
        amounts = self._amounts
        amounts.append(amount)
        if len(amounts) >= AT_ONCE:
            self._count()

    def _count(self) -> None:
        with self._lock:
            self._value += sum(_taken(self._amounts))

    def add_to(self, family: Any, labels: tuple[str, ...]) -> None:
        """Show it in ``family``."""
        for each in self.together:
            each.count()
        self._count()
        family.add_metric(labels, self._value)


@final
class Balance:
    """What goes up and down by one. Both are counted by C alone, which takes no lock and is never behind."""

    __slots__ = ("_lock", "down", "up")

    def __init__(self) -> None:
        self.up: Callable[[], int] = count().__next__
        self.down: Callable[[], int] = count().__next__
        self._lock = Lock()

    def add_to(self, family: Any, labels: tuple[str, ...]) -> None:
        """Show it in ``family``."""
        with self._lock:
            # To look at one is to count it, which is why both are looked at, and always together. What comes and goes
            # in between is shown as there, not as less than nothing.
            downs, ups = self.down(), self.up()
        family.add_metric(labels, float(ups - downs))


@final
class Together:
    """Rows for several levels, as the same happens to all of them. ``levels`` are there for good."""

    __slots__ = ("_levels", "_lock", "at_once", "kept")

    def __init__(self, levels: Sequence[Level]) -> None:
        self._levels = levels
        self._lock = Lock()
        self.at_once = AT_ONCE
        self.kept: list[Row] = []
        for level in levels:
            level.together.append(self)

    def count(self) -> None:
        """Hand on what has been added so far; what is not known is nothing."""
        with self._lock:
            for level, amounts in zip(self._levels, zip(*_taken(self.kept), strict=True), strict=False):
                level.inc(sum(filter(None, amounts)))


@final
class Columns:
    """Rows for several histograms, all for the same labels; ``None`` is no value."""

    __slots__ = ("_columns", "_labels", "_lock", "at_once", "kept")

    def __init__(self, columns: "Sequence[Tallies]", labels: tuple[str, ...]) -> None:
        self._columns = columns
        self._labels = labels
        self._lock = Lock()
        self.at_once = AT_ONCE
        self.kept: list[Row] = []
        for each in columns:
            each.rows[labels] = self

    def count(self) -> None:
        """Hand on what has been added so far. A histogram that has seen nothing yet is made here."""
        with self._lock:
            for tallies, column in zip(self._columns, zip(*_taken(self.kept), strict=True), strict=False):
                values = [value for value in column if value is not None]
                if values and isinstance(tally := tallies.labels(*self._labels), Tally):
                    tally.observe_all(values)


def _taken(kept: list[Value]) -> list[Value]:
    """Take all values from a list that other threads may be adding to."""
    values = kept[:]
    del kept[: len(values)]
    return values


@final
class Tallies:
    """All that one instrument has counted, by the values of its labels."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._children: dict[tuple[str, ...], Tally | Level | Balance] = {}
        self.rows: dict[tuple[str, ...], Columns] = {}
        """What has values of it that it has not seen yet, by the values of labels."""
        self._lock = Lock()
        if not instrument.labels:
            self.labels()

    def labels(self, *values: str) -> Tally | Level | Balance:
        """Return what counts for these."""
        with self._lock:
            child = self._children.get(values)
            if child is None:
                child = self._children[values] = self._new()
            return child

    def _new(self) -> Tally | Level | Balance:
        instrument = self._instrument
        match instrument.kind:
            case "histogram":
                return Tally(instrument.buckets)
            case "up_down":
                return Balance()
        return Level()

    def describe(self) -> Iterable[Any]:
        """Return its names, for the registry that has to know whether they are taken."""
        return [self._family()]

    def collect(self) -> Iterable[Any]:
        """Return its values, for the registry."""
        family = self._family()
        for rows in [*self.rows.values()]:
            rows.count()
        with self._lock:
            children = [*self._children.items()]
        for labels, child in children:
            child.add_to(family, labels)
        return [family]

    def _family(self) -> Any:
        instrument = self._instrument
        return _FAMILIES[instrument.kind](instrument.name, instrument.help, labels=instrument.labels)
