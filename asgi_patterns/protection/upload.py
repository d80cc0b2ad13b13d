"""One request whose content is counted as it comes."""

from typing import final

from asgi_patterns.kernel.body import Body, BodyTooLarge
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.problems import Problem
from asgi_patterns.kernel.refusing import Drain, refuse
from asgi_patterns.kernel.standin import StandIn
from asgi_patterns.kernel.types import Scope, Send
from asgi_patterns.protection.body_limit_events import ContentRefused
from asgi_patterns.protection.body_limit_refusals import too_large


@final
class Upload(StandIn):
    """One request whose content is counted as it comes."""

    cause = BodyTooLarge

    def __init__(self, scope: Scope, body: Body, send: Send, limit: int, drain: Drain, label: str) -> None:
        super().__init__(scope, body, send)
        self._body = body
        self._limit = limit
        self._drain = drain
        self._label = label

    def due(self) -> Problem | None:
        """Return the refusal, once somebody has read as far as the limit."""
        received = self._body.received
        # Layers further in may set limits of their own, and answer for these.
        if self._body.exceeded is None or received <= self._limit:
            return None
        return too_large(self._limit, received)

    async def answer(self, problem: Problem) -> None:
        """Send the problem, and see to what still comes."""
        exchange, scope = Exchange.of(self.scope)
        exchange.answered(self._label, "rejected")
        exchange.emit(ContentRefused(limit=self._limit, received=self._body.received, announced=False))
        await refuse(problem, scope, self._body, self.outer, self._drain, None)
