"""Who is let through uncounted, and who is turned away at the door."""

from typing import Final, Literal, final

from asgi_patterns.kernel.caller import Caller
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.problems import Problem
from asgi_patterns.kernel.types import Scope
from asgi_patterns.ratelimit.events import Blocked
from asgi_patterns.ratelimit.keys import of_user
from asgi_patterns.ratelimit.lists import Listed
from asgi_patterns.ratelimit.picking import Places

BLOCKED: Final = Problem(403, "Requests from here are refused.")


@final
class Guests:
    """The two lists of a layer. Who is on both is let through."""

    def __init__(self, allowed: Listed, blocked: Listed) -> None:
        self._allowed = allowed
        self._blocked = blocked
        self._has_keys = bool(allowed.keys or blocked.keys)
        self._has_users = allowed.has_users or blocked.has_users

    def __bool__(self) -> bool:
        return bool(self._allowed) or bool(self._blocked)

    async def judge(
        self, exchange: Exchange, scope: Scope, places: Places
    ) -> Literal["allowed", "blocked", "counted"]:
        """Return what becomes of a request. An event tells of who is blocked."""
        needs_caller = self._has_users or (self._has_keys and places.needs_caller)
        caller = await places.caller(exchange, scope) if needs_caller else None
        return self.sort(exchange, scope, places, caller)

    def sort(
        self, exchange: Exchange, scope: Scope, places: Places, caller: Caller | None
    ) -> Literal["allowed", "blocked", "counted"]:
        """Return the same of a request of which it is known who ``caller`` is."""
        client = exchange.client(scope)
        keys = places.keys(exchange, scope, caller) if self._has_keys else set()
        if caller is not None:
            keys.add(of_user(caller.id))
        if self._allowed.has_address(client.host) or not keys.isdisjoint(self._allowed.keys):
            return "allowed"
        found = keys & self._blocked.keys
        if found or self._blocked.has_address(client.host):
            exchange.emit(Blocked(key=min(found, default=client.key)))
            return "blocked"
        return "counted"
