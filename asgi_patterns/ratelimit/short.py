"""The short way through a layer: for a request that is simply counted and let through.

It does what the long way does, in a fifth of the time, where all quotas of a request are counted in this process, at a
fixed cost, and are over with the decision. Whatever is out of the ordinary goes the long way.
"""

from typing import Any, Final, final

from asgi_patterns.kernel.address import address_key
from asgi_patterns.kernel.exchange import KEY, SWITCHED_OFF, Exchange
from asgi_patterns.kernel.look import Editing
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.ratelimit.record import RECORDS, Record
from asgi_patterns.ratelimit.ways import Way, Ways

NOBODY: Final = (None,)


@final
class ShortWay:
    """A wired app. ``long_way`` is another one, for what this one does not take."""

    __slots__ = ("_app", "_choose", "_long_way", "_only")

    def __init__(self, app: ASGIApp, ways: Ways, long_way: ASGIApp) -> None:
        self._app = app
        self._only = ways.only
        self._choose = ways.choose
        self._long_way = long_way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request and let it through, or let it go the long way."""
        if scope["type"] != "http" or scope["method"] == "OPTIONS" or RECORDS in scope:
            return await self._long_way(scope, receive, send)
        begins = KEY not in scope
        exchange, scope = Exchange.of(scope)
        if exchange.parent is not None:
            return await self._app(scope, receive, send)
        way = self._only or self._choose(scope)
        if way is None:
            return await self._long_way(scope, receive, send)
        if way.find is not None:
            key = way.find(exchange, scope, None)
        elif exchange.context.proxies.nobody:
            key = address_key((scope.get("client") or NOBODY)[0])
        else:
            key = exchange.client(scope).key
        passed = way.take(key)
        if passed is None:
            return await self._long_way(scope, receive, send)
        passing = scope[RECORDS] = Passing(send, way, exchange, scope, key, passed)
        await self._app(scope, receive, passing.send)
        # Without these the scope holds itself, and is freed much later, by the collector.
        del scope[RECORDS]
        if begins:
            del scope[KEY]


@final
class Passing(Editing):
    """A request that has been let through, until its head has gone by. Stands in the place of its record."""

    __slots__ = ("_exchange", "_key", "_passed", "_record", "_scope", "_way")

    def __init__(self, send: Send, way: Way, exchange: Exchange, scope: Scope, key: Any, passed: Any) -> None:
        self.outer = send
        self.out = None
        self._way = way
        self._exchange = exchange
        self._scope = scope
        self._key = key
        self._passed = passed
        self._record: Record | None = None

    def edit(self, head: Message) -> Message:
        """Write the fields, or have the record do what there is to do."""
        headers = [*head.get("headers", ())]
        head = {**head, "headers": headers}
        exchange, write = self._exchange, self._way.write
        state = exchange.scope.get("state")
        is_usual = self._record is None and not exchange.turned_away
        if not is_usual or (state and SWITCHED_OFF in state):
            self.record().on_head(head)
        elif write is not None:
            write(headers, self._key, self._passed)
        return head

    def record(self) -> Record:
        """Return the record that the long way would have made; always the same."""
        if self._record is None:
            way, key = self._way, self._key
            # It enlists itself where this has stood.
            del self._scope[RECORDS]
            self._record = Record(way.desk, self._exchange, self._scope, self.outer).enlist()
            self._record.decide(way.gauges, way.asks(key), way.decision(self._passed), way.counters)
        return self._record
