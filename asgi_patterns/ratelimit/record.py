"""One request on its way through a layer: what it was charged, what its answer says, what is given back.

``Record``: one request; ``records``: what all layers know of it.
"""

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from random import uniform
from typing import Final, Protocol, final

from asgi_patterns.kernel.conversation import Conversation
from asgi_patterns.kernel.ending import Ending
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.prepared import Prepared
from asgi_patterns.kernel.problems import Problem
from asgi_patterns.kernel.types import Message, Scope, Send
from asgi_patterns.ratelimit.asks import UNSEEN, Ask, Decision
from asgi_patterns.ratelimit.charges import Charge, Made, charges_of
from asgi_patterns.ratelimit.counters import Counters, StoreAway
from asgi_patterns.ratelimit.desk import Desk
from asgi_patterns.ratelimit.events import Delayed, Limited, NearLimit
from asgi_patterns.ratelimit.fields import WARNING, warning
from asgi_patterns.ratelimit.gauge import Gauge, Reading, closest_first, uncharged
from asgi_patterns.ratelimit.refusals import Facts, away, facts_of, refusal

RECORDS: Final = "asgi_patterns_ratelimit"
"""Where the records of a request stand in its scope, the outermost layer's first."""

MOST_PREPARED: Final = 256
"""Refusals that are kept ready."""


class Noted(Protocol):
    """What stands in the place of a record, until somebody wants one."""

    def record(self) -> "Record":
        """Return the record, always the same."""


@final
class Record:
    """One request. ``send`` is what the layer was given: an answer whose end has to be seen goes there."""

    # No slots: what most requests never set stands on the class, and costs them nothing.
    problem: Problem | None = None
    """What the layer has refused the request with."""
    delay = 0.0
    """Seconds for which the request has to be held back before it goes on."""
    conversation: Conversation | None = None
    """The WebSocket, where its messages are counted."""
    _readings: Sequence[Reading] = ()
    """What is said where something is refused. Otherwise ``_made`` says it."""
    _made: Sequence[Made] = ()
    _charges: Sequence[Charge] | None = None
    _near: Sequence[Reading] = ()
    _raised: Problem | None = None
    """What a handler was told that wanted to spend too much."""
    is_settled = False
    """Whether it is known what the answer came to, and what does not count for it has been given back."""
    _received = 0
    _later = 0

    def __init__(self, desk: Desk, exchange: Exchange, scope: Scope, send: Send) -> None:
        self.desk = desk
        self.exchange = exchange
        self.scope = scope
        self.send = send
        self.peers: list[Record] = []
        """The records of all layers that count this request, the outermost first."""

    def enlist(self) -> "Record":
        """Let the other layers, and handlers that spend, know of it."""
        self.peers = records(self.scope)
        self.peers.append(self)
        self.scope[RECORDS] = self.peers
        return self

    async def admit(self) -> Prepared | None:
        """Charge the request, or return what refuses it."""
        places, exchange = self.desk.places, self.exchange
        caller = await places.caller(exchange, self.scope) if places.needs_caller else None
        for pool, gauges, asks in places.pick(exchange, self.scope, caller):
            if pool.shared is None:
                decision, counters = pool.local.take(asks), pool.first
            else:
                try:
                    decision, counters = await pool.take(asks, exchange.emit)
                except StoreAway:
                    return self._refuse(Prepared(away()))
            if (answer := self.decide(gauges, asks, decision, counters)) is not None:
                return answer
        return None

    def decide(
        self, gauges: Sequence[Gauge], asks: Sequence[Ask], decision: Decision, counters: Counters
    ) -> Prepared | None:
        """Take a decision over: note what was charged, or return what refuses the request."""
        if not decision.allowed:
            return self._refuse(_prepared(self._facts(gauges, asks, decision)))
        self.keep((gauges, asks, decision, counters))
        return None

    def on_head(self, head: Message) -> Send | None:
        """Settle what depends on the status, and write the fields."""
        desk = self.desk
        if self.problem is None:
            self.settle(head.get("status", 200))
        if desk.when == "always" or (desk.when == "refusals" and self._refuses(head)):
            self._write(head)
        if desk.places.holds or self.conversation is not None:
            return self._sink(head)
        return None

    def _refuses(self, head: Message) -> bool:
        problem = self.problem or self._raised
        return problem is not None and problem.status_code == head.get("status")

    def _sink(self, head: Message) -> Send | None:
        if head["type"] == "websocket.accept":
            return None if self.conversation is None else self.conversation.send
        if head["type"] == "http.response.start" and self.problem is None:
            return Ending(self.send, head, self.release)
        return None

    def measure(self, chunk: bytes) -> None:
        """Note bytes of the request's content."""
        self._received += len(chunk)

    def tell_messages(self, wait: float) -> None:
        """Tell that a WebSocket has sent too many messages."""
        self.exchange.answered(self.desk.label, "rejected")
        key = self.exchange.client(self.scope).key
        self.exchange.emit(Limited(quota="messages", key=key, mode="enforce", wait=wait))

    async def spend(self, name: str, cost: int, scope: Scope) -> int:
        """Charge a quota by name; return what is left. Raises the problem where it refuses."""
        gauge, pool, find = self.desk.places.named(name)
        caller = await self.desk.places.caller(self.exchange, scope) if gauge.needs_caller else None
        key = find(self.exchange, scope, caller)
        if key is None:
            raise LookupError(
                f"the quota {name!r} is not for this request: nobody is known whom it counts for"
            )
        asks = [(gauge.at(cost), key)]
        try:
            decision, counters = await pool.take(asks, self.exchange.emit)
        except StoreAway:
            raise away() from None
        if not decision.allowed:
            raise self._dressed(refusal(self._facts([gauge], asks, decision)))
        if not decision.taken:  # nobody counts while the store is away
            return gauge.most
        self.keep(([gauge], asks, decision, counters))
        return decision.taken[0].remaining

    def _dressed(self, problem: Problem) -> Problem:
        """Write the fields on what is raised in a handler, since it may be answered outside this layer."""
        self._raised = problem
        if self.desk.when != "off":
            self._write({"headers": problem.fields})
        return problem

    def settle(self, status: int) -> None:
        """Give back what an answer with this status does not count for."""
        self.is_settled = True
        if self.exchange.turned_away:
            self._give_back(lambda gauge: True)
        elif self.desk.places.settles:
            uncounted = "succeeded" if status >= 400 else "failed"
            self._give_back(lambda gauge: gauge.quota.counts == uncounted)

    def release(self) -> None:
        """Return the slots."""
        self._give_back(lambda gauge: gauge.holds)

    def end(self) -> None:
        """Settle what is still open, now that the app has returned or raised."""
        places = self.desk.places
        if not self.is_settled:
            # No head at all: the app has raised, or closed a WebSocket that it had not accepted.
            self.settle(500)
        if places.holds:
            self.release()
        if places.measures and self._received:
            self._charge_content()
        if self.peers[:1] == [self]:
            # Without these the scope holds itself, and is freed much later, by the collector.
            del self.scope[RECORDS]
            self.peers.clear()

    def _charge_content(self) -> None:
        """Count the bytes that came without being announced."""
        for gauge, (stake, key), _, _, counters in self._charged():
            more = self._received - int(stake.cost)
            if gauge.quota.unit != "requests" and more > 0:
                counters.charge((gauge.at(more), key))

    def _give_back(self, wanted: Callable[[Gauge], bool]) -> None:
        charges = self._charged()
        self._charges = [each for each in charges if not wanted(each.gauge)]
        for gauge, ask, at, token, counters in charges:
            if wanted(gauge):
                counters.give_back(ask, at, token)

    def _charged(self) -> Sequence[Charge]:
        if self._charges is None:
            # Only now: most requests never ask.
            self._charges = [charge for made in self._made for charge in charges_of(made)]
        return self._charges

    def keep(self, made: Made) -> None:
        """Note what has been charged, and tell what is worth to be told."""
        self._made = (*self._made, made)
        if self._charges is not None:
            self._charges = [*self._charges, *charges_of(made)]
        gauges, asks, decision, _ = made
        for gauge, ask, taken in zip(gauges, asks, decision.taken, strict=False):
            if taken.wait > 0.0 or taken.remaining <= gauge.warn_below:
                self._notice(Reading(gauge, ask, taken))

    def _notice(self, reading: Reading) -> None:
        gauge, _, taken = reading
        if not taken.allowed:
            self._tell_limited(reading)
        elif taken.wait > 0.0:
            self.delay = max(self.delay, taken.wait)
            self.exchange.emit(Delayed(seconds=taken.wait))
        if taken.remaining <= gauge.warn_below:
            self._near = [*(each for each in self._near if each.gauge is not gauge), reading]
            if self.exchange.context.listeners:  # an event is dear to make
                self.exchange.emit(NearLimit(quota=gauge.name, key=reading.key, remaining=taken.remaining))

    def _facts(self, gauges: Sequence[Gauge], asks: Sequence[Ask], decision: Decision) -> Facts:
        """Tell who is over what, and return what there is to say of it."""
        self._readings = [
            uncharged(Reading(gauge, ask, taken))
            for gauge, ask, taken in zip(gauges, asks, decision.taken, strict=True)
            if taken is not UNSEEN
        ]
        for reading in self._readings:
            if not reading.taken.allowed:
                self._tell_limited(reading)
        self._later = round(uniform(0, self.desk.jitter)) if self.desk.jitter else 0
        return facts_of(closest_first([each for each in self._readings if each.violates]), later=self._later)

    def _refuse(self, answer: Prepared) -> Prepared:
        """Undo what has been charged elsewhere, and return ``answer``."""
        self._give_back(lambda gauge: True)
        self.is_settled = True
        self.problem = answer.problem
        self.exchange.answered(self.desk.label, "rejected")
        return answer

    def _tell_limited(self, reading: Reading) -> None:
        gauge = reading.gauge
        if self.exchange.context.listeners:
            self.exchange.emit(
                Limited(quota=gauge.name, key=reading.key, mode=gauge.quota.mode, wait=reading.wait)
            )

    def _write(self, head: Message) -> None:
        if self.exchange.is_off(self.desk.label):
            return
        is_alone = len(self.peers) < 2
        readings = self.said() if is_alone else [each for peer in self.peers for each in peer.said()]
        if readings:
            self.desk.fields.write(head["headers"], readings, epoch=time.time(), later=self._later)
        if self._near and self.problem is None:
            self._warn(head)

    def _warn(self, head: Message) -> None:
        """Name what is near its end, in one line for all layers."""
        near = [reading for record in self.peers for reading in record._near]
        others = [line for line in head["headers"] if line[0].lower() != WARNING]
        head["headers"][:] = [*others, (WARNING, warning(near))]

    def said(self) -> Sequence[Reading]:
        """Return what each quota says, the latest where one was asked again."""
        if len(self._made) == 1 and not self._readings:  # nearly always
            gauges, asks, decision, _ = self._made[0]
            return [*map(Reading, gauges, asks, decision.taken)]
        found = {
            gauge.name: Reading(gauge, ask, taken)
            for gauges, asks, decision, _ in self._made
            for gauge, ask, taken in zip(gauges, asks, decision.taken, strict=False)
        }
        return [*(found | {each.gauge.name: each for each in self._readings}).values()]


def records(scope: Scope) -> list[Record]:
    """Return what the layers that ``scope`` has passed know of the request, the outermost first."""
    found: list[Record] | Noted = scope.get(RECORDS, [])
    return found if isinstance(found, list) else found.record().peers


@lru_cache(MOST_PREPARED)
def _prepared(facts: Facts) -> Prepared:
    """Return what refuses. Who floods is told the same for a second, and shall cost no more than it has to."""
    return Prepared(refusal(facts))
