"""The layer ``AccessLog``."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Annotated, Any, ClassVar, Final, final

from pydantic import AfterValidator, Field

from asgi_patterns.kernel.context import Context
from asgi_patterns.kernel.dotted import Dotted
from asgi_patterns.kernel.durations import PositiveDuration, seconds
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.headers import field_name
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.observing import observe
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.patterns import METHODS
from asgi_patterns.kernel.record import Record
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.observability.access_log_forecast import doubts, forecast, outline
from asgi_patterns.observability.lines import Form, Line
from asgi_patterns.observability.log_records import Records
from asgi_patterns.observability.redaction import Fields, Query, printable

LOGGER: Final = "asgi_patterns.access_log"
SECRET: Final = ("authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key")

_LONGEST_PATH: Final = 2048
_LONGEST_WORD: Final = 256
# What has to be looked at by somebody. Refusals are not: they are what the rules are for.
_ALARMING: Final = frozenset({"server_error", "timeout", "incomplete", "shed"})


def _check_names(names: Sequence[str]) -> Sequence[str]:
    for name in names:
        field_name(name)
    return names


Names = Annotated[Sequence[Annotated[str, Field(title="field name")]], AfterValidator(_check_names)]


def draw() -> float:
    """Return a number of which every share of requests has its share."""
    return random.random()


@final
@settings
class AccessLog(Layer):
    """Logs one line for each request and each WebSocket connection, when it has ended."""

    place: ClassVar[Place] = Place.ACCESS_LOG

    format: Form = "json"
    """What a line looks like: `json`; `text` for people; `short` for who takes the fields (structlog)."""
    sample: Annotated[float, Field(ge=0, le=1)] = 1
    """The share of requests that are logged, of those that are `ok` and not slow. All others always are."""
    slow: PositiveDuration | None = None
    """From which time on a request is slow: a warning, always logged. Of a stream the time to its head counts."""
    path: bool = True
    """Whether paths and queries are logged; otherwise only routes, which say nothing of whom a request is about."""
    query_values: Sequence[str] = ()
    """Names of query parameters whose values are logged; `*` is all. Of the others only the names are."""
    request_headers: Names = ("user-agent",)
    """Fields of requests that are logged."""
    response_headers: Names = ()
    """Fields of answers that are logged."""
    redact_headers: Names = SECRET
    """Fields of which only is logged that they were there."""
    random: Annotated[Callable[[], float], Dotted] = draw
    """What draws the sample, 0 or more and less than 1; another one is for tests."""
    clock: Annotated[Callable[[], float], Dotted] = time.perf_counter
    """What gives the time, in seconds that never go back; another one is for tests."""

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return _Wired(app, self)

    def doubts(self, context: Context) -> Sequence[str]:
        """Say what is allowed but probably not meant."""
        return [*doubts(self.query_values, self.request_headers, self.response_headers, self.redact_headers)]

    @property
    def logger(self) -> str:
        """The name of its logger: `asgi_patterns.access_log`, with the layer's own name behind it if it has one."""
        return LOGGER if self.name is None else f"{LOGGER}.{self.name}"

    @property
    def outline(self) -> Sequence[str]:
        """Where it logs what."""
        return [outline(self.logger, self.format, self.sample)]

    def explain(self, scope: Scope) -> Forecast:
        """Say whether the request would be logged."""
        return forecast(self.sample)


@final
class _Wired:
    __slots__ = ("_app", "_clock", "_write")

    def __init__(self, app: ASGIApp, settings: AccessLog) -> None:
        self._app = app
        self._write = _Writer(settings)
        self._clock = settings.clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        await observe(self._app, scope, receive, send, self._write, self._clock)


@final
class _Writer:
    """Writes a line for each record."""

    def __init__(self, settings: AccessLog) -> None:
        self._logger = logging.getLogger(settings.logger)
        self._records = Records(self._logger, "access_log")
        self._form = settings.format
        self._sample = settings.sample
        self._slow = inf if settings.slow is None else seconds(settings.slow)
        self._path = settings.path
        self._label = settings.label
        self._random = settings.random
        self._query = Query(settings.query_values)
        secret = [field_name(name) for name in settings.redact_headers]
        self._asked = Fields([field_name(name) for name in settings.request_headers], secret, self._query)
        self._answered = Fields([field_name(name) for name in settings.response_headers], secret, self._query)

    def __call__(self, record: Record) -> None:
        slow = self._is_slow(record)
        if record.outcome == "ok" and not slow and self._sample < 1 and self._random() >= self._sample:
            return
        level = logging.WARNING if slow or record.outcome in _ALARMING else logging.INFO
        logger = self._logger
        if not logger.isEnabledFor(level) or record.exchange.is_off(self._label):
            return
        fields = self._fields(record, slow=slow)
        made = self._records.make(level)
        made.msg = Line(self._form, made.created, made.levelname, fields)
        made.__dict__.update(fields)  # as ``extra`` does, less its search for names that are taken
        logger.handle(made)

    def _is_slow(self, record: Record) -> bool:
        if self._slow == inf or record.is_websocket:
            return False
        return (record.head or 0.0 if record.is_stream else record.seconds) >= self._slow

    def _fields(self, record: Record, *, slow: bool) -> dict[str, Any]:
        exchange = record.exchange
        scope = exchange.scope
        return {
            "request_id": record.request_id,
            "trace_id": _trace_id(exchange),
            "client": printable(exchange.client(scope).host or "unix", _LONGEST_WORD),
            **self._target(record, scope),
            "status": record.status,
            "outcome": record.outcome,
            "answered_by": record.answered_by,
            "duration": round(record.seconds, 6),
            "head": _rounded(record.head),
            "first_byte": _rounded(record.first_byte),
            "bytes_in": record.received,
            "bytes_out": record.sent,
            "protocol": scope.get("http_version"),
            "stream": record.is_stream or None,
            "websocket": record.is_websocket or None,
            "code": record.code,
            "error": None if record.exception is None else type(record.exception).__qualname__,
            "slow": slow or None,
            "headers": self._asked.of_request(scope["headers"]) or None,
            "response_headers": self._answered(record.headers or ()) or None,
        }

    def _target(self, record: Record, scope: Scope) -> dict[str, str | None]:
        method, route = record.method, record.route
        query = scope.get("query_string") if self._path else None
        return {
            "method": method if method in METHODS else printable(method, _LONGEST_WORD),
            "path": printable(record.path, _LONGEST_PATH) if self._path else None,
            "query": self._query(query) if query else None,
            "route": None if route is None else printable(route, _LONGEST_PATH),
        }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


def _trace_id(exchange: Exchange) -> str | None:
    """Return the trace that the request belongs to, where ``Tracing`` knows one."""
    span = exchange.span
    return f"{trace:032x}" if span is not None and (trace := span.get_span_context().trace_id) else None
