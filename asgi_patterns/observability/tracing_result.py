"""What a span says of how a request has ended.

``attributes_of``: what there is to say of every record; ``Result``: that, and whether it was an error.
"""

from collections.abc import Mapping
from typing import Final, final

from asgi_patterns.kernel.record import Outcome, Record, of_status
from asgi_patterns.kernel.routes import route_template
from asgi_patterns.observability.tracing_attributes import Attributes

_BROKEN: Final[frozenset[Outcome]] = frozenset({"timeout", "incomplete", "server_error"})
"""What is an error even though its status says that all went well."""
FINE: Final = frozenset({"ok", "client_error"})
"""What is no error, and says no more than the status."""
_LEFT: Final = "client_disconnect"
SWITCHED: Final = 101
"""That the protocol is another one now is no answer to a request."""


def attributes_of(record: Record) -> Attributes:
    """Return what is known of a request that has ended, and was not when it began, apart from what went wrong."""
    found: Attributes = {}
    status, route, identity = record.status, record.route, record.request_id
    if status is not None and status != SWITCHED:
        found["http.response.status_code"] = status
    if route is not None:
        found["http.route"] = route
    if identity is not None:
        found["asgi_patterns.request_id"] = identity
    if record.answered_by is not None:
        found["asgi_patterns.answered_by"] = record.answered_by
    if record.is_stream or record.is_websocket:
        found.update(_stream(record))
    return found


@final
class Result:
    """What became of one request."""

    __slots__ = ("_record", "error", "exception", "is_error")

    def __init__(self, record: Record) -> None:
        self._record = record
        self.exception: BaseException | None = record.exception or record.exchange.exception
        """What to record, where there is something."""
        self.is_error = False
        self.error: str | None = None
        """The ``error.type``: a class, a status or a close code; else the outcome, where the answer broke off."""
        if record.outcome not in FINE:
            self._judge()

    def _judge(self) -> None:
        record = self._record
        # That nothing can be sent to who has left is no news.
        if record.outcome == _LEFT and isinstance(self.exception, OSError):
            self.exception = None
        self.is_error = _is_error(record)
        self.error = self._error()

    def _error(self) -> str | None:
        record = self._record
        if record.outcome == _LEFT:
            return _LEFT
        if not self.is_error:
            return None
        if self.exception is not None:
            return class_name(self.exception)
        if record.status is not None and record.status >= 500:
            return str(record.status)
        return record.outcome if record.code is None else str(record.code)

    @staticmethod
    def foreseen(record: Record) -> Attributes:
        """Return what is known with the head: what it will come to if all goes well from there."""
        exchange = record.exchange
        found: Attributes = {}
        status = None if record.status == SWITCHED else record.status
        for name, value in (
            ("http.response.status_code", status),
            ("asgi_patterns.outcome", exchange.outcome),
            ("http.route", route_template(exchange)),
            ("asgi_patterns.answered_by", exchange.answered_by),
            ("asgi_patterns.request_id", exchange.request_id),
        ):
            if value is not None:
                found[name] = value
        return found

    def attributes(self) -> Attributes:
        """Return what is known now, and was not when the span began."""
        found = attributes_of(self._record)
        if self._record.outcome not in FINE:
            self._add_failure(found)
        return found

    def _add_failure(self, found: Attributes) -> None:
        outcome, status = self._record.outcome, self._record.status
        # Attributes are dear: this one is spared where it says no more than the status.
        if status is None or outcome != of_status(status):
            found["asgi_patterns.outcome"] = outcome
        if self.error is not None:
            found["error.type"] = self.error


def class_name(error: BaseException) -> str:
    """Return the full name of a class, as the SDK has it: without a module if it is Python's own."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _is_error(record: Record) -> bool:
    if record.outcome == _LEFT:
        return False
    status = record.status
    if status is not None and status >= 500:
        return True
    # A layer that refuses with 4xx, for lateness perhaps, has answered: that is the client's affair.
    is_refusal = record.outcome == "timeout" and status is not None and status >= 400
    return record.outcome in _BROKEN and not is_refusal


def _stream(record: Record) -> Mapping[str, str | int | float]:
    """What there is no convention for: names of our own, instead of those that mean something else."""
    values = {
        "first_byte": record.first_byte,
        "received": record.received,
        "sent": record.sent,
        "close_code": record.code,
    }
    return {f"asgi_patterns.stream.{name}": value for name, value in values.items() if value is not None}
