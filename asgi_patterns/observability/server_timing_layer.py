"""The layer ``ServerTiming``."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar, Final, Literal, final

from pydantic import AfterValidator, BeforeValidator, Field

from asgi_patterns.kernel.address import Networks, TrustedProxies
from asgi_patterns.kernel.context import Context
from asgi_patterns.kernel.dotted import Dotted
from asgi_patterns.kernel.entering import Entered
from asgi_patterns.kernel.exchange import KEY, Exchange, is_off
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.headers import field, field_value
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.look import Editing
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.origins import origin
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.observability.server_timing import Metric, only_total, shares, value
from asgi_patterns.observability.server_timing_forecast import doubts, forecast, outline
from asgi_patterns.observability.server_timing_reach import Reached
from asgi_patterns.observability.timings import CURRENT, Timings

ANY: Final = "*"
ALWAYS: Final = "always"

_log: Final = logging.getLogger("asgi_patterns.server_timing")

Allow = Callable[[Scope], bool]


def _check_origins(origins: Sequence[str]) -> Sequence[str]:
    return [each if each == ANY else origin(each) for each in origins]


def _read_allow(value: object) -> object:
    return everybody if value == ALWAYS else value


def everybody(scope: Scope) -> bool:
    """What ``allow="always"`` means."""
    return True


@final
@settings
class ServerTiming(Layer):
    """Tells clients that may know it what took how long (`Server-Timing`)."""

    place: ClassVar[Place] = Place.SERVER_TIMING

    networks: Networks = ()
    """Networks (`10.0.0.0/8`), and `unix`, whose clients are told."""
    allow: Annotated[Allow | Literal["always"] | None, Dotted, BeforeValidator(_read_allow)] = None
    """Who else is: `always` everybody, or whom a function `scope -> bool` names, asked when the answer begins."""
    total: bool = True
    """Whether `total` is told, from when the request came until its answer began."""
    layers: bool = False
    """Whether `app` and `layers` are told: what of `total` the app has had until its head, and what is left."""
    max_entries: Annotated[int, Field(ge=1, le=256)] = 32
    """How many names of handlers are told apart; the rest is added up as `other`."""
    timing_allow_origin: Annotated[Sequence[str], AfterValidator(_check_origins)] = ()
    """Origins whose pages may read it from another one (`Timing-Allow-Origin`); `*` is all."""
    clock: Annotated[Callable[[], float], Dotted] = time.perf_counter
    """What gives the time, in seconds that never go back; another one is for tests."""

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app; the app itself where nobody would be told."""
        return app if self._is_for_nobody else _Wired(app, _Telling(self))

    def innermost(self, app: ASGIApp) -> ASGIApp:
        """Return the app, with its time taken if that is told."""
        return Reached(app) if self.layers and not self._is_for_nobody else app

    def doubts(self, context: Context) -> Sequence[str]:
        """Say what is allowed but probably not meant."""
        return [*doubts(nobody=self._is_for_nobody, always=self.allow is everybody)]

    @property
    def outline(self) -> Sequence[str]:
        """Who is told."""
        always = self.allow is everybody
        return [outline(self.networks, always=always, asks=self.allow is not None and not always)]

    def explain(self, scope: Scope) -> Forecast:
        """Say whether its client would be told."""
        exchange, scope = Exchange.of(scope)
        inside = TrustedProxies(self.networks).trusts(exchange.client(scope).host)
        return forecast(shown=inside or self.allow is everybody, asks=self.allow is not None)

    @property
    def _is_for_nobody(self) -> bool:
        return self.allow is None and not self.networks


@final
class _Wired(Entered):
    __slots__ = ("_app", "_telling")

    def __init__(self, app: ASGIApp, telling: "_Telling") -> None:
        self._app = app
        self._telling = telling

    async def enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        exchange = scope.get(KEY)
        if exchange is None:
            exchange, scope = Exchange.of(scope)
        if exchange.parent is not None:
            return await self._app(scope, receive, send)
        telling = self._telling
        timed = _Timed()
        timed.outer, timed.out = send, None
        timed.telling = telling
        timed.exchange = exchange
        timed.timings = Timings(telling.most, telling.clock)
        timed.began = telling.clock()
        token = CURRENT.set(timed.timings)
        try:
            await self._app(scope, receive, timed.send)
        finally:
            CURRENT.reset(token)


@final
class _Timed(Editing):
    """Writes the field into the head of one answer."""

    # No __init__, as in Editing.
    __slots__ = ("began", "exchange", "telling", "timings")

    telling: "_Telling"
    exchange: Exchange
    timings: Timings
    began: float

    def edit(self, head: Message) -> Message:
        """Add what is told, if this client may know it."""
        exchange, telling = self.exchange, self.telling
        if not telling.may_see(exchange):
            return head
        observation = exchange.observation
        # As the log says it, where there is one.
        elapsed = telling.clock() - self.began if observation is None else observation.elapsed()
        if telling.is_total_alone and exchange.answered_by is None and self.timings.is_empty:
            lines = [(b"server-timing", only_total(elapsed)), *telling.shared]
        else:
            lines = telling.lines(self._metrics(exchange, elapsed))
        head = {**head}
        head["headers"] = [*head.get("headers", ()), *lines]
        return head

    def _metrics(self, exchange: Exchange, elapsed: float) -> list[Metric]:
        found, telling = [], self.telling
        if telling.total:
            found.append(Metric("total", elapsed))
        if telling.layers:
            found += shares(elapsed, self.timings.app)
        if exchange.answered_by is not None:
            found.append(Metric("answered_by", None, exchange.answered_by))
        return found + self.timings.taken()


@final
class _Telling:
    """What the requests of a layer share."""

    def __init__(self, settings: ServerTiming) -> None:
        self.most = settings.max_entries
        self.clock = settings.clock
        self.total = settings.total
        self.layers = settings.layers
        self.is_total_alone = settings.total and not settings.layers
        """Whether of most answers nothing else is told."""
        self._label = settings.label
        self._networks = TrustedProxies(settings.networks)
        self._allow = settings.allow if callable(settings.allow) else None
        origins = ANY if ANY in settings.timing_allow_origin else ", ".join(settings.timing_allow_origin)
        self.shared = [field("timing-allow-origin", origins)] if origins else []
        """The fields that all answers get with it."""

    def may_see(self, exchange: Exchange) -> bool:
        """Whether the client of ``exchange`` may know. Where that cannot be found out, it may not."""
        scope = exchange.scope
        if is_off(scope, self._label):
            return False
        networks = self._networks
        if not networks.nobody and networks.trusts(exchange.client(scope).host):
            return True
        if self._allow is None:
            return False
        try:
            return self._allow(exchange.scope) is True
        except Exception:
            _log.exception("%s.allow failed", self._label)
            return False

    def lines(self, metrics: Sequence[Metric]) -> list[tuple[bytes, bytes]]:
        """Return the fields to add."""
        if not metrics:
            return []
        return [(b"server-timing", field_value(value(metrics))), *self.shared]
