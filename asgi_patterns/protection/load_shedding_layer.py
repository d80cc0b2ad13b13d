"""The layer ``LoadShedding``."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from math import inf
from typing import Annotated, ClassVar, Final, Literal, final

from pydantic import AfterValidator, Field, ValidationInfo

from asgi_patterns.kernel.context import Context
from asgi_patterns.kernel.dotted import Dotted
from asgi_patterns.kernel.durations import Duration, PositiveDuration, seconds
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.gauges import Gauge
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.patterns import route_path
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.protection.adaptive import Adaptive
from asgi_patterns.protection.admission import Admission, Compartment, Held, PriorityFunction
from asgi_patterns.protection.gate import Gate
from asgi_patterns.protection.pools import MAIN, MOST, WEBSOCKETS, Pool, Pools
from asgi_patterns.protection.priorities import LEVELS, NORMAL, PriorityRule, Share, shares
from asgi_patterns.protection.shedding_events import Load
from asgi_patterns.protection.shedding_forecast import doubts, forecast, outline
from asgi_patterns.protection.turning_away import TurningAway

START: Final = 20
"""Requests at once that an adaptive limit begins with."""


def _check_max(most: int, info: ValidationInfo) -> int:
    if most < info.data.get("min_limit", 1):
        raise ValueError(f"is less than min_limit, which is {info.data['min_limit']}")
    return most


_LAG: Final = "How late the event loop was when it was last looked at."
_LIMIT: Final = "How many requests of a pool there may be at once."
_IN_HAND: Final = "How many there are."
_WAITING: Final = "How many wait for a slot."


@final
@settings
class LoadShedding(Layer):
    """Refuses early what the process cannot keep up with."""

    place: ClassVar[Place] = Place.LOAD_SHEDDING

    limit: Annotated[int, Field(ge=1, le=MOST)] | Literal["adaptive"] = "adaptive"
    """How many requests may be in hand at once; `adaptive` finds it, by how long answers take to begin."""
    min_limit: Annotated[int, Field(ge=1, le=MOST)] = 2
    """What an adaptive limit never goes below."""
    max_limit: Annotated[int, Field(ge=1, le=MOST), AfterValidator(_check_max)] = 500
    """What an adaptive limit never goes above."""
    tolerance: Annotated[float, Field(ge=1.2, le=20)] = 1.5
    """How many times as long as usual answers may take to begin before an adaptive limit shrinks."""
    target: PositiveDuration | None = None
    """How long they may take, instead of `tolerance`: then nothing is learned."""
    queue: Annotated[int, Field(ge=0, le=MOST)] | None = None
    """How many may wait for a slot; by default half as many as the limit; with 0 nobody waits."""
    queue_timeout: Duration = 0.5
    """For how long each of them waits at most."""
    max_lag: PositiveDuration | None = 0.1
    """How late the event loop may be, if it is never idle, before requests are refused; `adaptive` bears less."""
    pools: Pools = ()
    """Requests that have slots of their own, beside the limit."""
    priorities: Sequence[PriorityRule] = ()
    """Which requests are shed last, and which first; the first rule that fits wins."""
    priority: Annotated[PriorityFunction, Dotted] | None = None
    """A function `(scope, caller)`, sync or async, that names the priority; `None` leaves it to the rules."""
    normal_share: Share = 0.9
    """The share of each limit that `normal` requests may have, where there are `critical` ones."""
    low_share: Share = 0.5
    """The share that `low` ones may have."""
    websockets: Annotated[int, Field(ge=1, le=MOST)] | None = None
    """How many WebSockets may be open at once; by default any number."""
    retry_after: PositiveDuration = 1
    """What `Retry-After` says at least."""
    retry_jitter: Duration = 4
    """How much more it says at most, at random, so that not all who were refused come back at once."""
    event_streams: Literal["retry", "refuse"] = "retry"
    """What clients get that want `text/event-stream`: 200 with a `retry:` line and the end, or 503 as the others."""
    clock: Annotated[Callable[[], float], Dotted] = time.perf_counter
    """What gives the time, in seconds that never go back; another one is for tests."""

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return _Shedding(app, self._admission, self._turning_away)

    def doubts(self, context: Context) -> Sequence[str]:
        """Say what is allowed but probably not meant."""
        return [*doubts(self.limit, self.changed(), self.pools)]

    @property
    def outline(self) -> Sequence[str]:
        """Its limits."""
        bounds = (self.min_limit, self.max_limit)
        return [*outline(self.limit, bounds, self.pools, self.priorities, self.websockets)]

    def explain(self, scope: Scope) -> Forecast:
        """Say which pool and priority a request has, and how many of its kind may be in hand."""
        method, path = scope["method"], route_path(scope)
        admission = self._admission
        gate = admission.pool_of(method, path).gate
        named = None if self.priority else LEVELS[admission.level_by_rule(method, path)]
        return forecast(
            gate.name, gate.limit, named, is_adaptive=self.limit == "adaptive" and gate.name == MAIN
        )

    @property
    def load(self) -> Load:
        """How much there is to do now: of each pool the limit, what is in hand and what waits, and the lag."""
        return self._admission.load

    def gauges(self) -> Iterator[Gauge]:
        """Yield what ``load`` says."""
        load = self.load
        yield Gauge(name="protection_loop_lag_seconds", value=load.lag, help=_LAG, merge="max")
        for pool, each in load.pools.items():
            labels = {"pool": pool}
            yield Gauge(name="protection_limit", value=each.limit, help=_LIMIT, labels=labels)
            yield Gauge(name="protection_in_hand", value=each.in_hand, help=_IN_HAND, labels=labels)
            yield Gauge(name="protection_waiting", value=each.waiting, help=_WAITING, labels=labels)

    @cached_property
    def _turning_away(self) -> TurningAway:
        return TurningAway(
            label=self.label,
            least=seconds(self.retry_after),
            jitter=seconds(self.retry_jitter),
            sends_events=self.event_streams == "retry",
        )

    @cached_property
    def _admission(self) -> Admission:
        sockets = self.websockets
        return Admission(
            self._main(),
            pools=[(pool.patterns, self._compartment(pool)) for pool in self.pools],
            priorities=[(rule.patterns, LEVELS.index(rule.priority)) for rule in self.priorities],
            priority=self.priority,
            websockets=None if sockets is None else self._gate(WEBSOCKETS, sockets, 0),
            max_lag=inf if self.max_lag is None else seconds(self.max_lag),
            clock=self.clock,
        )

    def _main(self) -> Compartment:
        timeout = seconds(self.queue_timeout)
        if self.limit != "adaptive":
            return Compartment(self._gate(MAIN, self.limit, self.queue), timeout=timeout)
        target = None if self.target is None else seconds(self.target)
        learner = Adaptive(
            START, least=self.min_limit, most=self.max_limit, tolerance=self.tolerance, target=target
        )
        gate = self._gate(MAIN, learner.limit, self.queue)
        return Compartment(gate, timeout=timeout, learner=learner)

    def _compartment(self, pool: Pool) -> Compartment:
        timeout = seconds(self.queue_timeout if pool.queue_timeout is None else pool.queue_timeout)
        gate = self._gate(pool.name, pool.limit, pool.queue)
        return Compartment(gate, timeout=timeout, gives_back_streams=not pool.hold_streams)

    def _gate(self, name: str, limit: int, line: int | None) -> Gate:
        levels = {NORMAL, *(LEVELS.index(rule.priority) for rule in self.priorities)}
        if self.priority is not None:
            levels.add(0)
        each = shares(levels, self.normal_share, self.low_share)
        return Gate(name, limit, line=line, shares=each)


@final
class _Shedding:
    __slots__ = ("_admission", "_app", "_turn_away")

    def __init__(self, app: ASGIApp, admission: Admission, turn_away: TurningAway) -> None:
        self._app = app
        self._admission = admission
        self._turn_away = turn_away

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._connect(scope, receive, send)
        admission = self._admission
        pool, level = admission.usual or admission.sort(scope) or await admission.ask(scope)
        now = admission.clock()
        reason = None if now < admission.lag.quiet_until else admission.lateness(level, now)
        if reason is None and not pool.gate.enter(level):
            reason, now = await admission.wait(pool, level), admission.clock()
        if reason is not None:
            return await self._turn_away(
                scope, receive, send, reason=reason, pool=pool.gate.name, level=level
            )
        held = Held(send, admission, pool, scope, now)
        try:
            await self._app(scope, receive, held.send)
        finally:
            if held.is_held:
                held.left()

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a WebSocket through, if there are not too many: it has its slot until it is closed."""
        gate = self._admission.websockets
        if gate is None or scope["type"] != "websocket":
            return await self._app(scope, receive, send)
        if not gate.enter(NORMAL):
            return await self._turn_away(scope, receive, send, reason="full", pool=gate.name, level=NORMAL)
        try:
            await self._app(scope, receive, send)
        finally:
            gate.give_back()
