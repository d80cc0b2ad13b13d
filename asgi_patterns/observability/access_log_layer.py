"""The layer ``AccessLog``."""

import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from typing import Annotated, ClassVar, Final, final

from pydantic import AfterValidator, Field

from asgi_patterns.kernel.context import Context
from asgi_patterns.kernel.dotted import Dotted
from asgi_patterns.kernel.durations import PositiveDuration, seconds
from asgi_patterns.kernel.entering import Entered
from asgi_patterns.kernel.exchange import is_off
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.headers import field_name
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.observing import observe
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.record import Record
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.observability.access_log_forecast import doubts, forecast, outline
from asgi_patterns.observability.line_fields import ABSENT, Collecting
from asgi_patterns.observability.lines import FORMS, Form, Line
from asgi_patterns.observability.log_records import Records
from asgi_patterns.observability.redaction import Fields, Query

LOGGER: Final = "asgi_patterns.access_log"
SECRET: Final = ("authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key")

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
class _Wired(Entered):
    __slots__ = ("_app", "_clock", "_write")

    def __init__(self, app: ASGIApp, settings: AccessLog) -> None:
        self._app = app
        self._write = _Writer(settings).write
        self._clock = settings.clock

    def enter(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] not in ("http", "websocket"):
            return self._app(scope, receive, send)
        return observe(self._app, scope, receive, send, self._write, self._clock)


@final
class _Writer:
    """Writes a line for each record."""

    def __init__(self, settings: AccessLog) -> None:
        self._logger = logging.getLogger(settings.logger)
        self._records = Records(self._logger, "access_log", ABSENT)
        self._form = FORMS[settings.format]
        self._sample = settings.sample
        self._slow = inf if settings.slow is None else seconds(settings.slow)
        self._label = settings.label
        self._random = settings.random
        query = Query(settings.query_values)
        secret = [field_name(name) for name in settings.redact_headers]
        self._collect = Collecting(
            Fields([field_name(name) for name in settings.request_headers], secret, query),
            Fields([field_name(name) for name in settings.response_headers], secret, query),
            query,
            seen=settings.path,
        ).of

    def write(self, record: Record) -> None:
        slow = self._slow != inf and self._is_slow(record)
        level = logging.WARNING if slow or record.outcome in _ALARMING else logging.INFO
        if self._sample < 1 and not slow and record.outcome == "ok" and self._random() >= self._sample:
            return
        logger = self._logger
        if not logger.isEnabledFor(level) or is_off(record.exchange.scope, self._label):
            return
        fields = self._collect(record, slow=slow)
        made = self._records.make(level)
        made.msg = Line(self._form, made.created, made.levelname, fields)
        made.__dict__.update(fields)  # as ``extra`` does, less its search for names that are taken
        logger.handle(made)

    def _is_slow(self, record: Record) -> bool:
        if record.is_websocket:
            return False
        return (record.head or 0.0 if record.is_stream else record.seconds) >= self._slow
