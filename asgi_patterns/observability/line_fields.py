"""What a log line says of a request, by the names of its fields.

``Collecting``: the fields of a record that are known; ``ABSENT``: all names, without values.
"""

from functools import lru_cache
from typing import Any, Final, final

from asgi_patterns.kernel.patterns import METHODS
from asgi_patterns.kernel.record import Record
from asgi_patterns.kernel.types import Scope
from asgi_patterns.observability.redaction import Fields, Query, printable

ABSENT: Final = dict.fromkeys(
    [
        *("request_id", "trace_id", "client", "method", "path", "query", "route"),
        *("status", "outcome", "answered_by", "duration", "head", "first_byte"),
        *("bytes_in", "bytes_out", "protocol", "stream", "websocket", "code"),
        *("error", "slow", "headers", "response_headers"),
    ]
)

_LONGEST_PATH: Final = 2048
_LONGEST_WORD: Final = 256


@final
class Collecting:
    """Collects the fields of a line: header fields that are chosen, and paths if they are ``seen``."""

    def __init__(self, asked: Fields, answered: Fields, query: Query, *, seen: bool) -> None:
        self._asked = asked
        self._answered = answered
        self._query = query
        self._seen = seen
        self._is_more_chosen = answered.has_any or not seen

    def of(self, record: Record, *, slow: bool) -> dict[str, Any]:
        """Return what is known, without what is not."""
        exchange = record.exchange
        scope = exchange.scope
        method = record.method
        fields: dict[str, Any] = {
            "client": _client(exchange.client(scope).host),
            "method": method if method in METHODS else printable(method, _LONGEST_WORD),
            "path": printable(record.path, _LONGEST_PATH),
            "status": record.status,
            "outcome": record.outcome,
            "duration": round(record.seconds, 6),
            "head": round(record.head or 0.0, 6),
            "first_byte": round(record.first_byte or 0.0, 6),
            "bytes_in": record.received,
            "bytes_out": record.sent,
            "protocol": scope.get("http_version", "1.1"),  # where ASGI allows to leave it out
        }
        self._add_names(record, fields, scope)
        if True in (
            record.first_byte is None,
            record.is_stream,
            record.is_websocket,
            record.sent is None,
            record.exception is not None,
            slow,
            self._is_more_chosen,
        ):
            return self._further(record, fields, slow=slow)
        return fields

    def _add_names(self, record: Record, fields: dict[str, Any], scope: Scope) -> None:
        """Add what most requests have, but not all."""
        if query := scope.get("query_string"):
            fields["query"] = self._query(query)
        if record.route is not None:
            fields["route"] = _route(record.route)
        if record.request_id is not None:
            fields["request_id"] = record.request_id
        span = record.exchange.span
        if span is not None and (trace := span.get_span_context().trace_id):
            fields["trace_id"] = f"{trace:032x}"
        if record.answered_by is not None:
            fields["answered_by"] = record.answered_by
        if headers := self._asked.of_request(scope["headers"]):
            fields["headers"] = headers

    def _further(self, record: Record, fields: dict[str, Any], *, slow: bool) -> dict[str, Any]:
        """Return what there is to say of a request that has not gone as most do, or not as most are told."""
        error = record.exception
        fields |= {
            "head": _rounded(record.head),
            "first_byte": _rounded(record.first_byte),
            "stream": record.is_stream or None,
            "websocket": record.is_websocket or None,
            "code": record.code,
            "error": None if error is None else printable(type(error).__qualname__, _LONGEST_WORD),
            "slow": slow or None,
            "response_headers": self._answered(record.headers or ()) or None,
        }
        if not self._seen:
            fields |= {"path": None, "query": None}
        return {name: value for name, value in fields.items() if value is not None}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


# There are few routes, and clients come again. What they may write as they like is not kept.
@lru_cache(maxsize=1024)
def _route(template: str) -> str:
    return printable(template, _LONGEST_PATH)


@lru_cache(maxsize=1024)
def _client(host: str | None) -> str:
    return printable(host or "unix", _LONGEST_WORD)
