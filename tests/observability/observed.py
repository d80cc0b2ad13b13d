"""An app behind the core alone, and the records that it makes."""

from typing import final

from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.observing import observe
from asgi_patterns.kernel.record import Outcome, Record
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.testing import Clock


@final
class Observed:
    """Hands every record to ``records``."""

    def __init__(self, app: ASGIApp, clock: Clock | None = None) -> None:
        self._app = app
        self._clock = clock or Clock()
        self.records: list[Record] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        await observe(self._app, scope, receive, send, self.records.append, self._clock)

    @property
    def record(self) -> Record:
        """The only one."""
        (record,) = self.records
        return record


def claims(label: str, outcome: Outcome | None, app: ASGIApp) -> ASGIApp:
    """Return an app that says in the name of a layer that it answers."""

    async def claiming(scope: Scope, receive: Receive, send: Send) -> None:
        exchange, scope = Exchange.of(scope)
        exchange.answered(label, outcome)
        await app(scope, receive, send)

    return claiming
