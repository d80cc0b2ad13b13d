"""Answering requests that there is no room for, at as little cost as can be."""

from collections.abc import Awaitable, Sequence
from random import random, uniform
from typing import Final, final

from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import KEY, Exchange
from asgi_patterns.kernel.headers import request_lines
from asgi_patterns.kernel.prepared import Prepared
from asgi_patterns.kernel.types import RawHeaders, Receive, Scope, Send
from asgi_patterns.protection.priorities import LEVELS
from asgi_patterns.protection.shedding_events import Reason, Shed
from asgi_patterns.protection.shedding_refusals import EVENTS, refusal, retry_line, waits, wants_events

_STREAM: Final[RawHeaders] = [(b"content-type", EVENTS.encode()), (b"cache-control", b"no-store")]


@final
class TurningAway:
    """Answers with 503, or where events are wanted with a stream that says when to come back."""

    def __init__(self, *, label: str, least: float, jitter: float, sends_events: bool) -> None:
        """``least`` and ``jitter`` in seconds: how long to wait, and how much longer at most, at random."""
        self._problems: Sequence[Prepared] = [Prepared(refusal(wait)) for wait in waits(least, jitter)]
        self._label = label
        self._least = least
        self._jitter = jitter
        self._sends_events = sends_events

    # A plain function: of refusals there may be a great many, and one coroutine for each is enough.
    def __call__(
        self, scope: Scope, receive: Receive, send: Send, *, reason: Reason, pool: str, level: int
    ) -> Awaitable[None]:
        """Answer the request, and let those outside know."""
        exchange: Exchange | None = scope.get(KEY)
        if exchange is not None:
            exchange.turned_away = True
            exchange.answered(self._label, "shed")
            if exchange.context.listeners:
                exchange.emit(Shed(reason=reason, pool=pool, priority=LEVELS[level]))
        if self._sends_events and scope["type"] == "http" and _wants_events(scope):
            return self._retry(send)
        problem = self._problems[int(random() * len(self._problems))]
        return problem(scope, receive, send)

    async def _retry(self, send: Send) -> None:
        body = retry_line(uniform(self._least, self._least + self._jitter))
        headers = [*_STREAM, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _wants_events(scope: Scope) -> bool:
    lines = request_lines(scope["headers"], b"accept")
    return wants_events(scope["method"], lines)


def tell(scope: Scope, event: Event) -> None:
    """Report ``event`` with the exchange of ``scope``, if there is one."""
    exchange: Exchange | None = scope.get(KEY)
    if exchange is not None:
        exchange.emit(event)
