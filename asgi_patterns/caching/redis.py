"""Locks on a Redis, for writers in several processes: one at a time, in the order in which the processes came.

asyncio only. Time is the server's. Of each process one at a time stands in the line of a key; it asks again and
again, soon at first and after each step forward, later after at most ``LONGEST_PAUSE``. A lock has a lease, renewed
while it is held: that of a killed process is free when its lease has ended, its place in a line after ``PATIENCE``.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from hashlib import blake2b
from importlib.resources import files
from random import randbytes, uniform
from typing import Final, final

from asgi_patterns.caching.lock_session import NONE, HeldLease, Order, Session
from asgi_patterns.caching.locks import Busy, StoreAway
from asgi_patterns.kernel.breaker import Breaker
from asgi_patterns.kernel.redis import Call, Redis, Script, Unreachable
from asgi_patterns.kernel.store import Store

_log = logging.getLogger("asgi_patterns.caching")

SCRIPT: Final = Script(files(__package__).joinpath("locks.lua").read_text("utf-8"))

_AWAY: Final = (Unreachable, TimeoutError)

FIRST_PAUSE: Final = 0.004
LONGEST_PAUSE: Final = 0.064
"""Seconds between two looks at the store: each doubles the pause, so that it costs little of what was waited."""
PATIENCE: Final = 1.0
"""Seconds after which one in line who has not asked again is taken for dead."""
LONGEST_LINE: Final = 1_000
"""Processes in the line of one key."""


@final
class RedisLocks:
    """Locks in ``store``, each call within ``timeout`` seconds."""

    def __init__(
        self, store: Store, *, prefix: str, partitions: int, timeout: float, lease: float, wait: float
    ) -> None:
        """``prefix`` begins every key. ``partitions`` counts on a cluster only: over how many hash tags they spread.

        Seconds: ``lease`` is how long a lock outlives the process that held it, ``wait`` how long one waits for it.
        """
        self._store = store
        self._prefix = prefix
        self._partitions = partitions if store.kind == "cluster" else 1
        self._timeout = timeout
        self._lease = lease
        # Who asks in time, and is answered in time, does not lose its place.
        self._terms = b"%.3f" % lease, b"%.3f" % (PATIENCE + timeout), b"%d" % LONGEST_LINE
        self._wait = wait
        # One for each partition: a node that is away must not keep the others from being asked.
        self._breakers: dict[str, Breaker] = {}
        self._troubles: dict[str, str] = {}
        self._session: Session | None = None

    @property
    def trouble(self) -> str:
        """Why the store cannot be reached, or a part of it; empty while all of it can."""
        return next(iter(self._troubles.values()), "")

    @asynccontextmanager
    async def hold(self, key: str) -> AsyncGenerator[HeldLease]:
        """Wait for ``key``, and hold it inside the ``async with``. Raises ``Busy`` and ``StoreAway``."""
        session = self._here()
        deadline = session.loop.time() + self._wait
        order = self._order(key)
        if key in session.gate and self._breaker(order.tag).refuses:
            raise StoreAway  # nobody stands in line for what will not be had
        async with session.gate.hold(key):
            held = await self._take(session, order, deadline)
            try:
                yield held
            finally:
                session.let_go(held)

    async def open(self) -> None:
        """Connect before the first request does. A store that is away keeps nobody from starting."""
        try:
            await self._here().redis.open()
        except Unreachable as error:
            # The requests find out themselves when it is back.
            _log.warning("write locks: the store is away (%s)", error)

    def started(self) -> None:
        """Nothing depends on the app's own start."""

    async def aclose(self) -> None:
        """Send what has still to be sent, and close the connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.aclose()

    async def _take(self, session: Session, order: Order, deadline: float) -> HeldLease:
        """Stand in line until nobody is in front."""
        self._may_ask(order.tag)
        try:
            return await self._stand_in_line(session, order, deadline)
        except BaseException as error:
            # It may be ours already, or about to be: this travels behind our asking.
            session.release(order)
            if isinstance(error, _AWAY):
                raise StoreAway from error
            raise

    async def _stand_in_line(self, session: Session, order: Order, deadline: float) -> HeldLease:
        pause, last = FIRST_PAUSE, NONE
        while True:
            place, until = await session.ask(order)
            if place == 0:
                return session.keep(order, until)
            left = deadline - session.loop.time()
            if place == NONE or left <= 0:
                raise Busy
            pause = FIRST_PAUSE if place != last else min(2 * pause, LONGEST_PAUSE)
            last = place
            # Jitter, or those who wait for the same one would ask together.
            await asyncio.sleep(min(uniform(pause / 2, pause), left))
            self._may_ask(order.tag)

    def _may_ask(self, tag: str) -> None:
        """Raise ``StoreAway`` where that is known already. One caller at a time finds out whether it still is so."""
        breaker = self._breaker(tag)
        if breaker.refuses and not breaker.may_probe(time.monotonic()):
            raise StoreAway

    def _order(self, key: str) -> Order:
        digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16)
        tag = str(int.from_bytes(digest.digest()[:4]) % self._partitions)
        return Order(b"T", tag, f"{self._prefix}:{{{tag}}}:{digest.hexdigest()}".encode(), randbytes(16))

    def _here(self) -> Session:
        session = self._session
        if session is None or session.loop is not asyncio.get_running_loop():
            session = self._session = Session(self._store, self._fly, seconds=self._lease, wait=self._wait)
        return session

    async def _fly(self, redis: Redis, orders: Sequence[Order]) -> Sequence[int | Exception]:
        began = time.monotonic()
        try:
            outcomes = await redis.run(SCRIPT, [self._call(order) for order in orders], within=self._timeout)
        except _AWAY as error:
            for tag in {order.tag for order in orders}:
                self._failed(tag, error, began)
            raise
        return [self._read(order, outcome, began) for order, outcome in zip(orders, outcomes, strict=True)]

    def _call(self, order: Order) -> Call:
        return Call(order.tag, (order.key,), (order.verb, order.token, *self._terms))

    def _read(self, order: Order, outcome: object, began: float) -> int | Exception:
        if isinstance(outcome, int):
            if self._breaker(order.tag).succeeded() == "closed":
                self._troubles.pop(order.tag, None)
            return outcome
        if isinstance(outcome, Unreachable | TimeoutError):
            self._failed(order.tag, outcome, began)
            return outcome
        # An error of this one call, such as a user without the right to use a command: no outage, and no secret.
        _log.error("write locks: the store refuses the script: %s", outcome)
        return Unreachable("the store refuses the script")

    def _breaker(self, tag: str) -> Breaker:
        found = self._breakers.get(tag)
        if found is None:
            found = self._breakers[tag] = Breaker()
        return found

    def _failed(self, tag: str, error: Exception, began: float) -> None:
        if self._breaker(tag).failed(time.monotonic(), began=began) == "opened":
            self._troubles[tag] = str(error) or f"no answer within {self._timeout:g} s"
