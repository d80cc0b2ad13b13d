"""Start-up and shutdown of an app, as a server plays them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, final

from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.testing.scopes import Server
from asgi_patterns.testing.wire import Wire


class LifespanFailed(Exception):
    """The app said that it could not start or stop; the text is its own."""


@final
@dataclass(frozen=True)
class Lifespan:
    """How an app took its start."""

    state: dict[str, Any]
    """What it put into the lifespan's state; every request gets a shallow copy."""
    supported: bool
    """Whether it answered at all. An app that raises or returns instead is served without, as the spec asks."""
    exception: BaseException | None = None
    """What it raised instead of an answer."""


@asynccontextmanager
async def lifespan(app: ASGIApp, server: Server, *, patience: float | None) -> AsyncIterator[Lifespan]:
    """Start ``app``, and stop it at the end, also after a failure in between.

    Raises ``LifespanFailed`` when the app reports a failure, ``TimeoutError`` when it does not answer.
    """
    wire = Wire(iter([{"type": "lifespan.startup"}]), farewell=None, refuses=False, patience=patience)
    state = dict(server.state)
    async with wire.run(_guarded(app), server.lifespan(state)):
        supported = await _answered(wire, "startup")
        try:
            yield Lifespan(state, supported, wire.exception)
        finally:
            if supported:
                wire.post({"type": "lifespan.shutdown"})
                await _answered(wire, "shutdown")
                await wire.finish()
                wire.verdict(raise_app_exceptions=True)


async def _answered(wire: Wire, event: str) -> bool:
    """Wait for the app's answer to an event; false when it ended without one."""
    message = await wire.take()
    wire.verdict(raise_app_exceptions=False)
    if message is None:
        return False
    if message["type"] != f"lifespan.{event}.failed":
        return True
    # Frameworks report a failure and raise it as well: that is the cause.
    await wire.finish()
    raise LifespanFailed(f"{event} failed: {message.get('message', '')}") from wire.exception


def _guarded(app: ASGIApp) -> ASGIApp:
    """Refuse what is no lifespan message: an app that answers everything with HTTP has no lifespan."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if not message["type"].startswith("lifespan."):
                raise RuntimeError(f"{message['type']} is no answer to a lifespan message")
            await send(message)

        await app(scope, receive, answer)

    return guarded
