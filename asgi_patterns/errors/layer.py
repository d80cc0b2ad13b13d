"""The ``Problems`` layer: every failure inside it becomes one problem, sent once."""

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, ClassVar, final

from pydantic import AfterValidator, Field, ValidationInfo

from asgi_patterns.errors.answer import Answer
from asgi_patterns.errors.catalogue import Catalogue, base_uri, by_uri
from asgi_patterns.errors.core import Upgrade
from asgi_patterns.errors.events import Crashed
from asgi_patterns.errors.forecast import forecast
from asgi_patterns.errors.handlers import is_crash_handler
from asgi_patterns.errors.published import Published
from asgi_patterns.kernel.context import DEFAULT, Context
from asgi_patterns.kernel.dotted import Dotted
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.kernel.headers import get_all
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.link import Link
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.problems import Problem, ProblemType, built_in_types
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send

_log = logging.getLogger("asgi_patterns.errors")


def _check_base(base: str | None) -> str | None:
    return None if base is None else base_uri(base)


def _check_types(types: Sequence[ProblemType], info: ValidationInfo) -> Sequence[ProblemType]:
    if "base" in info.data:  # otherwise it is wrong itself, and has said so
        by_uri(info.data["base"], types, built_in_types())
    return types


@final
@settings
class Problems(Layer):
    """Turns exceptions and a framework's plain error texts into problem details (RFC 9457)."""

    place: ClassVar[Place] = Place.PROBLEMS

    upgrade: Upgrade = "text"
    """`text`: a framework's short error text becomes a problem for who takes JSON; `all`: its JSON too; `off`: none."""
    base: Annotated[str | None, AfterValidator(_check_base)] = None
    """What makes a URI of a slug: a path (`/problems/`) or a URL. On this host the layer answers what is below it."""
    types: Annotated[
        Sequence[Annotated[ProblemType, Dotted]], AfterValidator(_check_types), Field(max_length=1000)
    ] = ()
    """The problem types of the app, to be documented below `base`; in a file dotted names, or their fields."""
    limit: Annotated[int, Field(ge=0, le=16 * 1024 * 1024)] = 64 * 1024
    """Bytes up to which an error counts as short. A longer one, or one of unknown length, is left alone."""
    reraise: bool = True
    """Raise an answered exception again, as Starlette does, for the server to log; otherwise log it here."""
    debug: bool = False
    """Show the traceback in the 500 problem, to clients on this machine only. Not for production."""

    def wire(self, app: ASGIApp) -> ASGIApp:
        """Return the wired app."""
        return _Wired(app, self)

    def attach(self, app: ASGIApp, context: Context = DEFAULT) -> ASGIApp:
        """Return the wired app. The types are documented whatever ``include`` and ``exclude`` say."""
        wired = super().attach(app, context)
        return (
            wired if self.base is None or not self.enabled else Published(wired, self._catalogue, self.label)
        )

    def problem_types(self) -> Mapping[str, ProblemType]:
        """Return the problem types by URI: the given ones and those of this package, for documentation tools."""
        return by_uri(self.base, self.types, built_in_types())

    @property
    def paths(self) -> Sequence[str]:
        """The paths below ``base`` that the layer answers itself."""
        return () if self.base is None else [*self._catalogue.pages]

    @cached_property
    def _catalogue(self) -> Catalogue:
        return Catalogue(self.base or "", self.problem_types())

    def explain(self, scope: Scope) -> Forecast:
        """Say what the client would get of an error, or that it is told about problem types."""
        if self.base is not None and Published(_nobody, self._catalogue, self.label).is_asked(scope):
            return Forecast(("answers with what it documents of problem types",), ends=True)
        return forecast(get_all(scope["headers"], b"accept"), self.upgrade)


@final
class _Wired:
    __slots__ = ("_app", "_settings")

    def __init__(self, app: ASGIApp, settings: Problems) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._connect(scope, receive, send)
        exchange, scope = Exchange.of(scope)
        answer = Answer(self._settings, exchange, scope, receive, send)
        host = scope.get("app")  # set only where we stand inside Starlette
        try:
            await self._app(scope, receive, answer.send)
        except Exception as exc:
            await self._failed(exc, answer, host, started=answer.started)
        else:
            if answer.waiting is not None:
                await answer.finish()

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do the same for a WebSocket, whose answers pass as they are."""
        if scope["type"] != "websocket":
            return await self._app(scope, receive, send)
        exchange, scope = Exchange.of(scope)
        answer = Answer(self._settings, exchange, scope, receive, send)
        host = scope.get("app")
        link = Link(send, answer.on_head)
        try:
            await self._app(scope, receive, link)
        except Exception as exc:
            await self._failed(exc, answer, host, started=link.started)

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


async def _nobody(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands for the app where only a question is asked."""


def _has_own_handler(host: object) -> bool:
    """Whether the Starlette app around us has the user's own handler for whatever nobody caught."""
    handlers = getattr(host, "exception_handlers", None)
    return isinstance(handlers, dict) and any(
        key in handlers and not is_crash_handler(handlers[key]) for key in (500, Exception)
    )
