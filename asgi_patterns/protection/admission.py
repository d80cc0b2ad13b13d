"""Letting requests in: what all requests of one layer share, and what is kept of each.

``Admission``: the gates, the lag and the rules; ``Held``: one request that is in, as the ``send`` of its app.
"""

from collections.abc import Callable, Mapping, Sequence
from inspect import isawaitable
from math import inf
from typing import Any, Final, final

import anyio

from asgi_patterns.kernel.caller import Caller
from asgi_patterns.kernel.ending import Watching
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.patterns import Patterns, route_path
from asgi_patterns.kernel.types import RawHeaders, Scope, Send
from asgi_patterns.protection.adaptive import Adaptive
from asgi_patterns.protection.gate import Gate, State
from asgi_patterns.protection.lag import Lag
from asgi_patterns.protection.looping import call_soon, running_loop
from asgi_patterns.protection.priorities import NORMAL, PATIENCE, level_of
from asgi_patterns.protection.shedding_events import LimitChanged, Load, PoolLoad, Reason
from asgi_patterns.protection.turning_away import tell

SHORTEST_LAG: Final = 0.001
"""Seconds of lag that are borne in any case."""

PriorityFunction = Callable[[Scope, Caller | None], Any]


@final
class Compartment:
    """A gate, with what else a pool says."""

    __slots__ = ("gate", "gives_back_streams", "learner", "timeout")

    def __init__(
        self, gate: Gate, *, timeout: float, gives_back_streams: bool = True, learner: Adaptive | None = None
    ) -> None:
        """``timeout`` is in seconds: how long somebody waits at most."""
        self.gate = gate
        self.timeout = timeout
        self.gives_back_streams = gives_back_streams
        self.learner = learner


@final
class Admission:
    """What all requests of a layer share."""

    def __init__(
        self,
        main: Compartment,
        *,
        pools: Sequence[tuple[Patterns, Compartment]],
        priorities: Sequence[tuple[Patterns, int]],
        priority: PriorityFunction | None,
        websockets: Gate | None,
        max_lag: float,
        clock: Callable[[], float],
    ) -> None:
        """``max_lag`` is in seconds, infinite where nobody is turned away for it."""
        self.main = main
        self.usual = None if pools or priorities or priority else (main, NORMAL)
        """The pool and the level of every request, where all have the same."""
        self.websockets = websockets
        self.lag = Lag()
        self.clock = clock
        self.lags: Sequence[float] = ()
        """The lag in seconds that each level bears."""
        self._pools = pools
        self._priorities = priorities
        self._priority = priority
        self._max_lag = max_lag
        self._gates = [main.gate, *(pool.gate for _, pool in pools)]
        self._loop: object = None
        self._set_lags()

    def sort(self, scope: Scope) -> tuple[Compartment, int] | None:
        """Return the pool of a request and its level; ``None`` where a function has to be asked for that."""
        if self._priority is not None:
            return None
        method, path = scope["method"], route_path(scope)
        return self.pool_of(method, path), self.level_by_rule(method, path)

    async def ask(self, scope: Scope) -> tuple[Compartment, int]:
        """Return the pool of a request and its level, as far as the function says which."""
        level = None
        if self._priority is not None:
            found = self._priority(scope, await Exchange.of(scope)[0].caller())
            level = level_of(await found if isawaitable(found) else found)
        method, path = scope["method"], route_path(scope)
        return self.pool_of(method, path), self.level_by_rule(method, path) if level is None else level

    def level_by_rule(self, method: str, path: str) -> int:
        """Return the level of a request that no function has named one for."""
        for patterns, level in self._priorities:
            if patterns.matches(method, path):
                return level
        return NORMAL

    def pool_of(self, method: str, path: str) -> Compartment:
        """Return the pool of a request."""
        for patterns, pool in self._pools:
            if patterns.matches(method, path):
                return pool
        return self.main

    def lateness(self, level: int, now: float) -> Reason | None:
        """Return ``lag`` where the event loop is too late for a request of this level. Has it show how late it is.

        Until ``lag.quiet_until`` there is nothing to be asked.
        """
        lag = self.lag
        if lag.asked is not None:
            return "lag" if lag.is_over(self.lags[level], now) else None
        lag.asked = now
        call_soon(self._hear)
        return None

    def _hear(self) -> None:
        self.lag.answer(self.clock())

    async def wait(self, pool: Compartment, level: int) -> Reason | None:
        """Wait for a slot where ``enter`` has failed. Return why there is none, or ``None`` with the slot."""
        gate, loop = pool.gate, running_loop()
        if loop is not self._loop:
            # One event loop at a time; the next one may follow, and what waited in the last one waits no more.
            self._loop = loop
            for each in self._gates:
                each.forget_line()
        turn = gate.join(level) if pool.timeout else None
        if turn is None:
            return "full"
        woken = anyio.Event()
        turn.wake = woken.set
        try:
            with anyio.move_on_after(pool.timeout):
                await woken.wait()
        except BaseException:
            # The slot may have been handed over just when this request was told to go.
            gate.leave(turn)
            raise
        if turn.state is State.ADMITTED:
            return None
        gate.leave(turn)
        return "displaced" if turn.state is State.DISPLACED else "waited"

    def learn(self, scope: Scope, learner: Adaptive, now: float) -> None:
        """Set the limit anew."""
        gate = self.main.gate
        learner.decide(now, pressed=gate.pressed)
        gate.pressed = False
        self._set_lags()
        before = gate.limit
        if learner.limit != before:
            gate.set_limit(learner.limit)
            tell(scope, LimitChanged(limit=learner.limit, before=before, usual=learner.usual))

    def _set_lags(self) -> None:
        most, learner = self._max_lag, self.main.learner
        # Whoever waits in the loop for as long as an answer takes has twice the latency.
        if learner is not None and most < inf and (spare := learner.spare) is not None:
            most = min(most, max(SHORTEST_LAG, spare))
        self.lags = [most * times for times in PATIENCE]

    @property
    def load(self) -> Load:
        """What there is to do now."""
        gates = self._gates if self.websockets is None else [*self._gates, self.websockets]
        pools: Mapping[str, PoolLoad] = {
            gate.name: PoolLoad(limit=gate.limit, in_hand=gate.in_hand, waiting=gate.waiting)
            for gate in gates
        }
        return Load(pools=pools, lag=self.lag.last)


@final
class Held(Watching):
    """One request that has a slot."""

    __slots__ = ("_admission", "_admitted", "_pool", "_scope", "is_held")

    # As in Watching, written out: every request comes by here.
    def __init__(
        self, send: Send, admission: Admission, pool: Compartment, scope: Scope, admitted: float
    ) -> None:
        self.outer = send
        self._out = None
        self._has_trailers = False
        self._admission = admission
        self._pool = pool
        self._scope = scope
        self._admitted = admitted
        self.is_held = True
        """Whether the slot has still to be given back."""

    def begins(self, status: int, headers: RawHeaders) -> None:
        """Note how long it took; a stream of events, which may last for hours, has done with its slot."""
        pool = self._pool
        if pool.gives_back_streams and _is_stream(headers):
            self.ended()
        elif (learner := pool.learner) is not None:
            now = self._admission.clock()
            if learner.note(self._admitted, now, pool.gate.in_hand, failed=status >= 500):
                self._admission.learn(self._scope, learner, now)

    def ended(self) -> None:
        """Give the slot back, now that the last message is sent."""
        if self.is_held:
            self.is_held = False
            self._pool.gate.give_back()

    def left(self) -> None:
        """Give the slot back, now that the app has returned or raised."""
        learner = self._pool.learner
        if self._out is None and learner is not None:  # no answer: it may have been out of time
            now = self._admission.clock()
            if learner.note(self._admitted, now, self._pool.gate.in_hand, failed=True):
                self._admission.learn(self._scope, learner, now)
        self.ended()


def _is_stream(headers: RawHeaders) -> bool:
    for name, value in headers:
        if name == b"content-type" or (len(name) == 12 and name.lower() == b"content-type"):
            return value[:17].lower() == b"text/event-stream"
    return False
