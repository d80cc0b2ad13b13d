"""Which instruments one request goes into, for one set of labels."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol, final

from asgi_patterns.kernel.record import Record
from asgi_patterns.observability.metrics_instruments import (
    DURATION,
    DURATION_BY_HANDLER,
    DURATION_HIGH,
    FIRST_BYTE,
    RECEIVED,
    REQUEST_SIZE,
    REQUESTS,
    RESPONSE_SIZE,
    SENT,
    SOCKET_DURATION,
    SOCKET_RECEIVED,
    SOCKET_SENT,
    STREAM_DURATION,
    STREAM_SENT,
    Instrument,
)

Labels = Mapping[str, str]
"""All that is known; an instrument takes what it has labels for."""
Measure = Callable[[float], object]
"""Adds, subtracts, sets or observes a value, as its instrument does."""


@final
class Moves(NamedTuple):
    """Counts one more in hand, and one less."""

    up: Callable[[], object]
    down: Callable[[], object]


Amounts = tuple[float | None, ...]
"""What is added to several counters; ``None`` where it is not known."""


class Rows(Protocol):
    """Keeps amounts for several instruments, a row for each request or event, and hands them on many at a time.

    Who puts a row into ``kept`` calls ``count`` when there are ``at_once``: a call for each would cost as much as all
    else does.
    """

    at_once: int
    kept: list[Amounts]

    def count(self) -> None:
        """Hand on what is kept."""


class InOne(NamedTuple):
    """How several histograms see a value each at once."""

    rows: Rows
    """``None`` in place of a value is none."""
    traced: Callable[[], object]
    """Tells whether there may be a trace."""
    show: Callable[[float], None]
    """Names it beside a value of the first of them."""


Measuring = Callable[[Instrument, Labels], Measure]
"""Finds or makes what measures for one set of labels. Costly: kept by who asks."""

InRows = Callable[[Sequence[Instrument], Labels], InOne | None]
"""Finds or makes what observes a value with each of several histograms at once; ``None`` where that cannot be."""


@final
class Apart:
    """Rows that are handed on one by one, an amount to each of ``measures``."""

    __slots__ = ("_measures", "at_once", "kept")

    def __init__(self, measures: Sequence[Measure]) -> None:
        self._measures = measures
        self.at_once = 1
        self.kept: list[Amounts] = []

    def count(self) -> None:
        """Hand a row on. There is one for each call, whichever thread has put it there."""
        for measure, amount in zip(self._measures, self.kept.pop(), strict=True):
            measure(amount or 0)


class Series:
    """What all names have in common: streams and WebSockets, out of the way of other answers."""

    # Each is made when it is needed: an instrument without values would be a line of zeros for each bucket.
    def __init__(self, measuring: Measuring, labels: Labels) -> None:
        self._measuring = measuring
        self._labels = labels

    def _of(self, instrument: Instrument) -> Measure:
        return self._measuring(instrument, self._labels)

    def answer(self, record: Record) -> None:
        """Measure an answer."""
        raise NotImplementedError

    def stream(self, record: Record) -> None:
        """Measure what only streams have."""
        self._stream_duration(record.seconds)
        self._stream_sent(record.sent or 0)

    def socket(self, record: Record) -> None:
        """Measure a WebSocket."""
        self._socket_duration(record.seconds)
        self._socket_received(record.received)
        self._socket_sent(record.sent or 0)

    @cached_property
    def _stream_duration(self) -> Measure:
        return self._of(STREAM_DURATION)

    @cached_property
    def _stream_sent(self) -> Measure:
        return self._of(STREAM_SENT)

    @cached_property
    def _socket_duration(self) -> Measure:
        return self._of(SOCKET_DURATION)

    @cached_property
    def _socket_received(self) -> Measure:
        return self._of(SOCKET_RECEIVED)

    @cached_property
    def _socket_sent(self) -> Measure:
        return self._of(SOCKET_SENT)


@final
class Conventional(Series):
    """By OpenTelemetry's conventions."""

    def __init__(self, measuring: Measuring, labels: Labels, in_rows: InRows) -> None:
        super().__init__(measuring, labels)
        self._in_rows = in_rows

    def answer(self, record: Record) -> None:
        """Measure an answer."""
        if record.is_stream or (in_one := self._in_one) is None:
            return self._one_by_one(record)
        rows, traced, show = in_one
        seconds, kept = record.seconds, rows.kept
        kept.append((seconds, record.first_byte, record.received or None, record.sent or None))
        if len(kept) >= rows.at_once:
            rows.count()
        if traced():
            show(seconds)

    @cached_property
    def _in_one(self) -> InOne | None:
        return self._in_rows((DURATION, FIRST_BYTE, RECEIVED, SENT), self._labels)

    def _one_by_one(self, record: Record) -> None:
        first_byte = record.first_byte
        if first_byte is not None:
            self._first_byte(first_byte)
        if record.received:
            self._received(record.received)
        if record.is_stream:
            return self.stream(record)
        self._duration(record.seconds)
        if record.sent:
            self._sent(record.sent)

    @cached_property
    def _duration(self) -> Measure:
        return self._of(DURATION)

    @cached_property
    def _received(self) -> Measure:
        return self._of(RECEIVED)

    @cached_property
    def _sent(self) -> Measure:
        return self._of(SENT)

    @cached_property
    def _first_byte(self) -> Measure:
        return self._of(FIRST_BYTE)


@final
class Migrated(Series):
    """As prometheus-fastapi-instrumentator measures."""

    def answer(self, record: Record) -> None:
        """Measure an answer."""
        self._requests(1)
        self._received(record.received)
        if record.is_stream:
            return self.stream(record)
        self._high(record.seconds)
        self._by_handler(record.seconds)
        self._sent(record.sent or 0)

    @cached_property
    def _requests(self) -> Measure:
        return self._own(REQUESTS)

    @cached_property
    def _received(self) -> Measure:
        return self._own(REQUEST_SIZE)

    @cached_property
    def _sent(self) -> Measure:
        return self._own(RESPONSE_SIZE)

    @cached_property
    def _high(self) -> Measure:
        return self._own(DURATION_HIGH)

    @cached_property
    def _by_handler(self) -> Measure:
        return self._own(DURATION_BY_HANDLER)

    def _own(self, instrument: Instrument) -> Measure:
        status, handler = self._labels["status"], self._labels["route"]
        by_class = f"{status[0]}xx" if len(status) == 3 else status
        return self._measuring(instrument, {**self._labels, "status": by_class, "handler": handler})
