"""What the locks on a Redis need in one event loop: a connection, the orders that gather, the leases that are held.

``Session``: that, and its timer; ``Order``: one thing to do to one lock; ``HeldLease``: a lock that is ours.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, Literal, NamedTuple, TypeAlias, final

from asgi_patterns.caching.memory import MemoryLocks
from asgi_patterns.kernel.redis import Redis, Unreachable, lease
from asgi_patterns.kernel.store import Store
from asgi_patterns.kernel.together import Together

RENEWALS: Final = 3
"""How often a lease is renewed in its time: one or two that are lost do no harm."""
MOST_OWED: Final = 1_000
"""What could not be given back, and is to be tried again: the rest ends with its lease."""
NONE: Final = -1
"""The place of who has none."""

Verb: TypeAlias = Literal[b"T", b"N", b"R"]
"""Take or stay in line, renew, release."""


class Order(NamedTuple):
    """One thing to do to one lock. The answer: how many are in front of this token, or ``NONE``."""

    verb: Verb
    tag: str
    """The hash tag of the key, which says where on a cluster it is."""
    key: bytes
    token: bytes


Fly: TypeAlias = Callable[[Redis, Sequence[Order]], Awaitable[Sequence[int | Exception]]]


@final
class HeldLease:
    """A lock that is ours ``until`` a time of the loop: no later than the server thinks, since we count from asking."""

    def __init__(self, loop: asyncio.AbstractEventLoop, order: Order, until: float) -> None:
        self._loop = loop
        self.order = order
        self.until = until

    @property
    def is_lost(self) -> bool:
        """Whether somebody else may have it by now."""
        return self._loop.time() >= self.until

    def lose(self) -> None:
        """It is known to be another's."""
        self.until = 0.0


@final
class Session:
    """Made in a running event loop, for that one. Nothing wakes up while nothing is held."""

    def __init__(self, store: Store, fly: Fly, *, seconds: float, wait: float) -> None:
        """``fly`` sends orders; a lease lasts ``seconds``, and its order comes after ``wait`` seconds at most."""
        self.loop = asyncio.get_running_loop()
        self.redis = lease(store)
        self.gate = MemoryLocks(wait=wait)
        """One for each key waits for the store, the others of this process behind it, in their order."""
        self.together: Together[Order, int] = Together(lambda orders: fly(self.redis, orders))
        self._seconds = seconds
        self._held: set[HeldLease] = set()
        self._owed: deque[tuple[Order, float]] = deque(maxlen=MOST_OWED)
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def ask(self, order: Order) -> tuple[int, float]:
        """Return how many are in front, and until when at least it is held if nobody is. Raises as `Redis.run`."""
        if self._is_closed:
            raise Unreachable("this has been closed")
        until = self.loop.time() + self._seconds
        place = await self.together.ask(order)
        if self._owed:
            self._release_again(order.tag)
        return place, until

    def keep(self, order: Order, until: float) -> HeldLease:
        """Renew it until it is let go."""
        held = HeldLease(self.loop, order, until)
        self._held.add(held)
        if self._timer is None:
            self._set_timer(self.loop.time() + self._seconds / RENEWALS)
        return held

    def let_go(self, held: HeldLease) -> None:
        """Renew it no more, and give it back."""
        self._held.discard(held)
        if not self._held:
            self._set_timer(None)
        self.release(held.order)

    def release(self, order: Order) -> None:
        """Give it back, or leave the line. Does not wait; what cannot be sent is dropped when its time has come."""
        self._send(order._replace(verb=b"R"), self.loop.time() + self._seconds)

    def _release_again(self, tag: str) -> None:
        """Give back what could not be, now that there is an answer. It may be ours through an order that came late."""
        owed, now = [*self._owed], self.loop.time()
        self._owed.clear()
        for order, until in owed:
            if order.tag == tag and now < until:
                self._send(order, until)
            elif now < until:
                self._owed.append((order, until))

    def _send(self, order: Order, until: float) -> None:
        # Where the connection is closed, or the loop, nothing can be sent any more.
        with suppress(RuntimeError):
            self.together.ask(order).add_done_callback(partial(self._released, order, until))

    def _released(self, order: Order, until: float, answer: "asyncio.Future[int]") -> None:
        if not answer.cancelled() and answer.exception() is not None:
            self._owed.append((order, until))

    def _renew(self) -> None:
        for held in [*self._held]:
            if held.is_lost:
                self._held.discard(held)
            else:
                until = self.loop.time() + self._seconds
                answer = self.together.ask(held.order._replace(verb=b"N"))
                answer.add_done_callback(partial(self._renewed, held, until))
        self._set_timer(self.loop.time() + self._seconds / RENEWALS if self._held else None)

    def _renewed(self, held: HeldLease, until: float, answer: "asyncio.Future[int]") -> None:
        if answer.cancelled() or answer.exception() is not None:
            return  # the next one may come through
        if answer.result() == NONE:
            held.lose()
        elif not held.is_lost:
            held.until = until

    def _set_timer(self, due: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if due is None else self.loop.call_at(due, self._renew)

    async def aclose(self) -> None:
        """Send what has gathered, and give the connection back. What is still held ends with its lease."""
        self._is_closed = True
        self._held.clear()
        self._set_timer(None)
        await self.together.aclose()
        await self.redis.release()
