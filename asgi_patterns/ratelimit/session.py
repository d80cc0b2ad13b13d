"""What the counts on a Redis need in one event loop: a connection, the orders that gather, the slots that are held."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, final

from asgi_patterns.kernel.redis import Redis, lease
from asgi_patterns.kernel.store import Store
from asgi_patterns.kernel.together import Together
from asgi_patterns.ratelimit.asks import Decision
from asgi_patterns.ratelimit.script import Order

Fly = Callable[[Redis, Sequence[Order]], Awaitable[Sequence[Decision | Exception]]]

RENEWALS: Final = 3
"""How often a slot is renewed in the time of one lease: one or two that are lost do no harm."""


@final
class Session:
    """Made in a running event loop, for that one."""

    def __init__(self, store: Store, fly: Fly) -> None:
        """``fly`` sends orders, and returns what became of each."""
        self.loop = asyncio.get_running_loop()
        self.redis = lease(store)
        self.together: Together[Order, Decision] = Together(lambda orders: fly(self.redis, orders))
        self._held: dict[tuple[bytes, bytes], tuple[Order, float]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def hold(self, order: Order, seconds: float) -> None:
        """Send ``order``, which renews a lease of so many seconds, again and again."""
        self._held[order.token, order.keys[0]] = order, seconds
        due = self.loop.time() + seconds / RENEWALS
        if self._timer is None or due < self._timer.when():
            self._set_timer(due)

    def let_go(self, token: bytes, key: bytes) -> None:
        """Renew it no more."""
        self._held.pop((token, key), None)
        if not self._held:
            self._set_timer(None)

    def _renew(self) -> None:
        for order, _ in self._held.values():
            self.together.post(order)
        self._set_timer(self.loop.time() + min(seconds for _, seconds in self._held.values()) / RENEWALS)

    def _set_timer(self, due: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if due is None else self.loop.call_at(due, self._renew)

    async def aclose(self) -> None:
        """Send what has gathered, and give the connection back."""
        self._set_timer(None)
        await self.together.aclose()
        await self.redis.release()
