"""A request while it is observed.

``Observation``: who is told of it, and since when it runs; ``Observer``: what is told. ``observing`` makes them.
"""

import logging
from collections.abc import Callable

from asgi_patterns.kernel.record import Outcome, Record
from asgi_patterns.kernel.routes import template_of

Observer = Callable[[Record], None]
"""Told of each request, once, when it has ended. It must be quick and must not wait."""

Clock = Callable[[], float]
"""Seconds that never go back."""

CRASHED = 500

_log = logging.getLogger("asgi_patterns.observing")


class Observation:
    """A request while it is observed. ``observers`` are told when it ends."""

    _is_told = False
    _is_gone = False
    """Whether the client had left before the end was sent."""

    record: Record
    observers: list[Observer]
    began: float
    clock: Clock

    def elapsed(self) -> float:
        """Return the seconds since the request came."""
        return self.clock() - self.began

    def _fail(self, error: BaseException | None) -> None:
        """The app has ended with ``error`` before its answer was whole."""
        record = self.record
        if isinstance(error, Exception):
            record.exception = error
            if record.status is None and not self._is_gone:
                record.status = CRASHED
        if record.exception is None:
            record.exception = record.exchange.exception
        self._tell(self._judge(record))

    def _tell(self, outcome: Outcome) -> None:
        """Complete the record and hand it on."""
        self._is_told = True
        record = self.record
        exchange = record.exchange
        record.outcome = outcome
        record.route = template_of(exchange)
        record.request_id = exchange.request_id
        record.answered_by = exchange.answered_by
        for observer in self.observers:
            try:
                observer(record)
            except Exception:
                _log.exception("the observer %r failed", observer)

    def _judge(self, record: Record) -> Outcome:
        """Return what became of it."""
        raise NotImplementedError
