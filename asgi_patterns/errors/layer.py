"""The ``Problems`` layer: every failure inside it becomes one problem, sent once."""

import logging
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, final

from pydantic import Field

from asgi_patterns.errors.answer import Answer
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.problems import Problem
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send

_log = logging.getLogger("asgi_patterns.errors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashed(Event):
    """The app raised an exception that was not meant as an answer."""

    exception: Exception
    answered: bool
    """Whether the client got a whole answer all the same: ours, or the framework's."""


@final
@settings
class Problems(Layer):
    """Turns exceptions and a framework's plain error texts into problem details (RFC 9457)."""

    place: ClassVar[Place] = Place.PROBLEMS

    upgrade: Literal["text", "off"] = "text"
    """`text`: a short plain-text or HTML error becomes a problem for clients that take JSON; `off`: it stays."""
    limit: Annotated[int, Field(ge=0, le=16 * 1024 * 1024)] = 64 * 1024
    """Bytes up to which an error text counts as short. A longer one, or one of unknown length, is left alone."""
    reraise: bool = True
    """Raise an answered exception again, as Starlette does, for the server to log; otherwise log it here."""
    debug: bool = False
    """Show the traceback in the 500 problem, to clients on this machine only. Not for production."""

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return _Wired(app, self)


@final
class _Wired:
    __slots__ = ("_app", "_settings")

    def __init__(self, app: ASGIApp, settings: Problems) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        exchange, scope = Exchange.of(scope)
        answer = Answer(self._settings, exchange, scope, receive, send)
        host = scope.get("app")  # set only where we stand inside Starlette
        link = Link(send, answer.on_head)
        try:
            await self._app(scope, receive, link)
        except Exception as exc:
            await self._failed(exc, answer, host, started=link.started)
        else:
            await answer.finish()

    async def _failed(self, exc: Exception, answer: Answer, host: object, *, started: bool) -> None:
        """Answer ``exc`` if that is still possible; raise it again, or log it, as the settings say."""
        exchange, scope = answer.exchange, answer.exchange.scope
        exchange.exception = exc
        if _has_own_handler(host) and not started and not isinstance(exc, Problem):
            raise exc
        answered = await answer.fail(exc, started=started)
        if isinstance(exc, Problem) and answered:
            return
        exchange.emit(Crashed(exception=exc, answered=answered))
        # An answer that broke off has to be raised: only so can the server tell the client that it did.
        if self._settings.reraise or not answered:
            raise exc
        # %r: a path may contain anything, a log line must not.
        _log.error("%s %r failed", scope.get("method", "WEBSOCKET"), scope["path"], exc_info=exc)


def _has_own_handler(host: object) -> bool:
    """Whether the Starlette app around us has the user's own handler for whatever nobody caught."""
    handlers = getattr(host, "exception_handlers", None)
    return isinstance(handlers, dict) and (500 in handlers or Exception in handlers)
