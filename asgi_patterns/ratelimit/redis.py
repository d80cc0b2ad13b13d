"""Counts on a Redis that several processes share: one call for a turn of the event loop, however many requests.

asyncio only. Time is the server's. On a cluster, keys are spread over ``partitions`` hash tags; a request whose quotas
fall into several of them is decided one after the other, shared ones last, and what was charged is given back where a
later one refuses: never too many.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from random import randbytes
from typing import Final, final

from asgi_patterns.kernel.breaker import Breaker
from asgi_patterns.kernel.redis import Call, Redis, Script, Unreachable
from asgi_patterns.kernel.store import Store
from asgi_patterns.ratelimit.asks import UNSEEN, Ask, Decision
from asgi_patterns.ratelimit.counters import StoreAway
from asgi_patterns.ratelimit.orders import Orders
from asgi_patterns.ratelimit.refused import Refused
from asgi_patterns.ratelimit.script import (
    NO_TOKEN,
    Broken,
    Order,
    Verb,
    by_tag,
    decode,
    encode,
)
from asgi_patterns.ratelimit.session import Session
from asgi_patterns.ratelimit.slots import Slots

_log = logging.getLogger("asgi_patterns.ratelimit")

SCRIPT: Final = Script(files(__package__).joinpath("script.lua").read_text("utf-8"))

_AWAY: Final = (Unreachable, TimeoutError, Broken)

MOST_REFUSED: Final = 10_000
"""Refusals that are remembered, so that for who comes again too early the store is not asked."""


@final
class RedisCounters:
    """Counts in ``store``, each call within ``timeout`` seconds."""

    def __init__(self, store: Store, *, prefix: str, partitions: int, timeout: float) -> None:
        """``prefix`` begins every key. ``partitions`` counts on a cluster only: elsewhere all is one step anyway."""
        self._store = store
        self._orders = Orders(prefix, partitions if store.kind == "cluster" else 1)
        self._timeout = timeout
        # One for each partition: a node that is away must not keep the others from being asked.
        self._breakers: dict[str, Breaker] = {}
        self._troubles: dict[str, str] = {}
        self._refused = Refused(MOST_REFUSED)
        self._sessions: dict[int, Session] = {}
        """One for each event loop that counts here, by its id."""

    @property
    def trouble(self) -> str:
        """Why the store cannot be reached, or a part of it; empty while all of it can."""
        return next(iter(self._troubles.values()), "")

    async def take(self, asks: Sequence[Ask]) -> Decision:
        """Look at all, and charge all if each binding one allows it. Raises ``StoreAway``."""
        if self._refused.known and (known := self._known(asks)) is not None:
            return known
        session = self._here()
        owned = [1 for stake, _ in asks if stake.rule.is_owned]
        if owned:
            return await self._take_apart(session, asks, randbytes(8))
        if self._orders.are_apart(asks):
            return await self._take_apart(session, asks, NO_TOKEN)
        return await self._take_at_once(session, asks)

    async def _take_at_once(self, session: Session, asks: Sequence[Ask]) -> Decision:
        """Decide in one step, with nothing that would have to be given back."""
        tag = self._orders.tag(asks[0])
        self._may_ask(tag)
        try:
            decision = await session.together.ask(self._orders.write(b"T", tag, asks))
        except _AWAY as error:
            raise StoreAway from error
        if not decision.allowed:
            self._remember(asks, decision)
        return decision

    def charge(self, ask: Ask) -> None:
        """Count what has been used already, if the store can be reached."""
        self._here()
        # Entries of their own: what others have charged is not to be written over.
        self._post(b"C", ask, token=randbytes(8) if ask[0].rule.is_owned else NO_TOKEN)

    def give_back(self, ask: Ask, at: float, token: bytes) -> None:
        """Undo what was charged at that time."""
        self._refused.drop(ask)
        session, order = self._post(b"R", ask, at, token)
        if session is not None and isinstance(ask[0].rule, Slots):
            session.let_go(token, order.keys[0])

    async def forget(self, ask: Ask) -> None:
        """Forget what has been counted. Raises ``StoreAway``."""
        self._refused.drop(ask)
        tag = self._orders.tag(ask)
        try:
            await self._here().together.ask(self._orders.write(b"F", tag, (ask,)))
        except _AWAY as error:
            raise StoreAway from error

    async def open(self) -> None:
        """Connect before the first request does. A store that is away keeps nobody from starting."""
        try:
            await self._here().redis.open()
        except Unreachable as error:
            # The requests find out themselves when it is back.
            _log.warning("rate limits: the store is away (%s)", error)

    def started(self) -> None:
        """Nothing depends on the app's own start."""

    async def aclose(self) -> None:
        """Send what has still to be sent, and close the connection."""
        session = self._sessions.pop(id(asyncio.get_running_loop()), None)
        if session is not None:
            await session.aclose()

    async def _borrow(self, session: Session, tag: str, asks: Sequence[Ask], token: bytes) -> Decision:
        """Take what has to be given back: who leaves while it is lent to him returns it as soon as it is."""
        self._may_ask(tag)
        answer = session.together.ask(self._orders.write(b"T", tag, asks, token=token))
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            if not answer.cancelled():
                answer.add_done_callback(partial(self._return, asks))
            raise
        except _AWAY as error:
            raise StoreAway from error

    def _return(self, asks: Sequence[Ask], answer: "asyncio.Future[Decision]") -> None:
        if answer.cancelled() or answer.exception() is not None or not answer.result().allowed:
            return
        decision = answer.result()
        for ask, taken, at in zip(asks, decision.taken, decision.times, strict=True):
            if taken.allowed:
                self.give_back(ask, at, decision.token)

    async def _take_apart(self, session: Session, asks: Sequence[Ask], token: bytes) -> Decision:
        """Decide partition by partition, and give back what earlier ones charged where a later one refuses."""
        taken, times = [UNSEEN] * len(asks), [0.0] * len(asks)
        charged: list[tuple[Ask, float]] = []
        try:
            for tag, places in self._orders.groups(asks).items():
                decision = await self._borrow(session, tag, [asks[place] for place in places], token)
                for place, one, at in zip(places, decision.taken, decision.times, strict=True):
                    taken[place], times[place] = one, at
                if not decision.allowed:
                    refused = Decision(False, taken, times, token)
                    self._remember(asks, refused)
                    return refused
                charged += [(asks[place], times[place]) for place in places if taken[place].allowed]
            charged = []
        finally:
            # Also where the request is cancelled in between, or a node is away.
            for ask, at in charged:
                self.give_back(ask, at, token)
        whole = Decision(True, taken, times, token)
        self._hold(session, asks, whole)
        return whole

    def _known(self, asks: Sequence[Ask]) -> Decision | None:
        """Return the refusal of a request that comes again too early."""
        now = time.monotonic()
        found = [self._refused.look(ask, now) for ask in asks]
        if not any(found):
            return None
        return Decision(False, [each or UNSEEN for each in found], [0.0] * len(asks))

    def _remember(self, asks: Sequence[Ask], decision: Decision) -> None:
        now = time.monotonic()
        for ask, taken in zip(asks, decision.taken, strict=True):
            if not taken.allowed:
                self._refused.note(ask, taken, now)

    def _hold(self, session: Session, asks: Sequence[Ask], decision: Decision) -> None:
        """Renew the slots that were taken, until they are given back."""
        for ask, taken in zip(asks, decision.taken, strict=True):
            rule = ask[0].rule
            if taken.allowed and isinstance(rule, Slots):
                tag = self._orders.tag(ask)
                session.hold(self._orders.write(b"N", tag, (ask,), token=decision.token), rule.lease)

    def _here(self) -> Session:
        loop = asyncio.get_running_loop()
        session = self._sessions.get(id(loop))
        if session is None or session.loop is not loop:
            # Those whose loop has ended without a word are gone with it: so are their connections.
            self._sessions = {key: each for key, each in self._sessions.items() if not each.loop.is_closed()}
            session = self._sessions[id(loop)] = Session(self._store, self._fly)
        return session

    async def _fly(self, redis: Redis, orders: Sequence[Order]) -> Sequence[Decision | Exception]:
        began = time.monotonic()
        batches = by_tag(orders)
        try:
            outcomes = await redis.run(SCRIPT, [_call(batch) for batch in batches], within=self._timeout)
        except (Unreachable, TimeoutError) as error:
            for batch in batches:
                self._failed(batch[0].tag, error, began)
            raise
        answers = [
            self._read(outcome, batch, began) for outcome, batch in zip(outcomes, batches, strict=True)
        ]
        if len(batches) == 1:
            return answers[0]
        # In the order in which they were asked, which each tag has kept among its own.
        found = {batch[0].tag: iter(answer) for batch, answer in zip(batches, answers, strict=True)}
        return [next(found[order.tag]) for order in orders]

    def _read(self, outcome: object, batch: Sequence[Order], began: float) -> Sequence[Decision | Exception]:
        if isinstance(outcome, bytes):
            self._succeeded(batch[0].tag)
            return decode(outcome, batch)
        # A store that refuses the script (a right that is missing, no memory left) is as good as one that is away.
        error = outcome if isinstance(outcome, Exception) else Unreachable("the script got no answer")
        self._failed(batch[0].tag, error, began)
        return [Unreachable(str(error))] * len(batch)

    def _breaker(self, tag: str) -> Breaker:
        found = self._breakers.get(tag)
        if found is None:
            found = self._breakers[tag] = Breaker()
        return found

    def _may_ask(self, tag: str) -> None:
        """Raise ``StoreAway`` where that is known already. One caller at a time finds out whether it still is so."""
        breaker = self._breaker(tag)
        if breaker.refuses and not breaker.may_probe(time.monotonic()):
            raise StoreAway

    def _succeeded(self, tag: str) -> None:
        if self._breaker(tag).succeeded() == "closed":
            self._troubles.pop(tag, None)

    def _failed(self, tag: str, error: Exception, began: float | None = None) -> None:
        if self._breaker(tag).failed(time.monotonic(), began=began) == "opened":
            self._troubles[tag] = str(error) or f"no answer within {self._timeout:g} s"

    def _post(
        self, verb: Verb, ask: Ask, at: float = 0.0, token: bytes = NO_TOKEN
    ) -> tuple[Session | None, Order]:
        """Send an order that nobody waits for, unless the store is away or has been closed by now."""
        tag = self._orders.tag(ask)
        order = self._orders.write(verb, tag, (ask,), at=at, token=token)
        session = self._sessions.get(id(asyncio.get_running_loop()))
        if session is not None and not self._breaker(tag).refuses:
            session.together.post(order)
        return session, order


def _call(orders: Sequence[Order]) -> Call:
    keys, packed = encode(orders)
    return Call(orders[0].tag, keys, (b"", packed))
