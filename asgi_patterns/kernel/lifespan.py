"""Start-up and shutdown around any app, whether it knows ASGI's lifespan or not.

What a layer holds open (connections, checks, files) is a ``Resource``. ``Lifespan`` opens them before the
app sees ``lifespan.startup`` and closes them after the app's shutdown, whatever the app does in between.
The app runs in the server's own task, so that context variables set at start-up stay where they were.
"""

import logging
from collections.abc import Sequence
from math import inf
from typing import Final, Protocol, final

import anyio

from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Lifespan", "Resource"]

_log = logging.getLogger("asgi_patterns.lifespan")

CLOSE_TIMEOUT: Final = 10.0
"""Seconds that each resource has to close."""


class Resource(Protocol):
    """Something that is open while the app lives. A ``name``, where it has one, stands in messages.

    All three are called in the server's lifespan task. ``open`` leaves no cancel scope and no task group
    entered: ``aclose`` runs under a time limit of its own, and scopes must be left in reverse order.
    """

    async def open(self) -> None:
        """Get ready, before the app's own start-up; raise to stop the start.

        Cancelled when it takes too long. What did not open is not closed: it tidies up after itself.
        """

    def started(self) -> None:
        """Learn that the app's start-up has completed, just before the server hears it; raising is a bug."""

    async def aclose(self) -> None:
        """Let go, once for each successful ``open``, after the app's shutdown, the last opened first."""


@final
class Lifespan:
    """An app whose ``lifespan`` scopes open and close the resources; other scopes go straight to the app."""

    def __init__(
        self,
        app: ASGIApp,
        resources: Sequence[Resource],
        *,
        startup_timeout: float,
        name: str,
        close_timeout: float = CLOSE_TIMEOUT,
    ) -> None:
        """``name`` is the app's in messages and logs.

        ``startup_timeout`` is in seconds, for opening all resources and the app's start-up together;
        ``close_timeout`` in seconds for each resource.
        """
        self.app = app
        self.resources = tuple(resources)
        self.name = name
        self.startup_timeout = startup_timeout
        self.close_timeout = close_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Drive one lifespan; raises only what the server itself raised or its cancellation."""
        if scope["type"] != "lifespan":
            return await self.app(scope, receive, send)
        await _Run(self, receive, send).drive(scope)


class _NotLifespan(Exception):
    """Raised into an app that answers ``lifespan`` with the messages of another protocol."""


@final
class _Run:
    """One lifespan: what the server asked, what the app answered, what is open."""

    def __init__(self, settings: Lifespan, receive: Receive, send: Send) -> None:
        self._settings = settings
        self._receive = receive
        self._send = send
        self._limit = anyio.CancelScope()  # one for the whole life; its deadline is lifted after start-up
        self._doing = ""  # for the message of a start-up that takes too long
        self._opened: list[Resource] = []
        self._startup: Message | None = None  # the server's, until the app takes it
        self._heard = False  # the app has taken it
        self._is_foreign = False  # the app answered with messages of another protocol
        self._answered = False  # start-up is complete
        self._stopping = False  # the server asked for shutdown
        self._last = ""  # type of the last message of this lifespan, once the server has it
        self._failure = ""  # how the app broke after its start-up
        self._server_error: Exception | None = None

    async def drive(self, scope: Scope) -> None:
        """Wait for the server's first word and do what it asks."""
        while not self._stopping and self._startup is None:
            message = await self._hear()
            if message["type"] == "lifespan.startup":
                self._startup = message
        if self._startup is None:
            return await self._tell({"type": "lifespan.shutdown.complete"})
        try:
            last = await self._live(scope)
        finally:
            await self._close()
        if not self._last:
            await self._tell(last)

    async def _live(self, scope: Scope) -> Message:
        """Open, run the app and wait for shutdown; return what the server is to be told at the end."""
        seconds = self._settings.startup_timeout
        self._limit.deadline = anyio.current_time() + seconds
        try:
            with self._limit:
                if problem := await self._open():
                    return self._failed("startup", problem)
                self._doing = "the app's start-up"
                await self._run(scope)
                return await self._outlive()
        except Exception as error:
            # Trio lets out what tasks of the app raised beside the cancellation.
            if self._server_error is not None or not self._is_too_late:
                raise
            self._judge(error)
        return self._failed(
            "startup", f"{self._doing} took longer than {seconds:g} seconds (startup_timeout)"
        )

    @property
    def _is_too_late(self) -> bool:
        return self._limit.cancel_called and not self._answered

    async def _open(self) -> str:
        """Open the resources in order; return what went wrong, or nothing."""
        for resource in self._settings.resources:
            self._doing = f"opening {_name(resource)}"
            try:
                await resource.open()
            except Exception as error:
                # A resource may turn the cancellation of a start-up that takes too long into its own error.
                await anyio.lowlevel.checkpoint_if_cancelled()
                _log.debug("%s: %s failed", self._settings.name, self._doing, exc_info=True)
                return f"{self._doing} failed: {type(error).__name__}: {error}"
            self._opened.append(resource)
        return ""

    async def _run(self, scope: Scope) -> None:
        """Call the app and judge how it ended."""
        try:
            await self._settings.app(scope, self._receive_for_app, self._send_for_app)
        except Exception as error:
            if self._server_error is None:
                self._judge(error)
        if self._server_error is not None:
            raise self._server_error

    def _judge(self, error: Exception) -> None:
        """Log an error once: an app that reported it to the server, or has no lifespan, is not news."""
        level, what = logging.DEBUG, "the app has no lifespan"
        if self._last.endswith(".failed"):
            what = "the app raised what it had reported"
        elif self._answered:
            level, what = logging.ERROR, "the app raised after its start-up"
            self._failure = f"{what}: {type(error).__name__}: {error}"
        elif self._is_too_late:
            what = "the app raised when it was cancelled"
        elif self._heard and not self._is_foreign:
            # The ASGI specification lets the server go on when an app raises instead of answering.
            level, what = logging.ERROR, "the app raised in its start-up and goes on without a lifespan"
        _log.log(level, "%s: %s", self._settings.name, what, exc_info=error)

    async def _outlive(self) -> Message:
        """Answer for an app that ended early, and keep the resources open until the server stops."""
        if not self._answered and not self._last:
            await anyio.lowlevel.checkpoint_if_cancelled()
            await self._complete({"type": "lifespan.startup.complete"})
        while not self._stopping and not self._last:
            await self._hear()
        if self._failure:
            return self._failed("shutdown", self._failure)
        return {"type": "lifespan.shutdown.complete"}

    async def _receive_for_app(self) -> Message:
        if self._is_foreign:
            raise _NotLifespan
        if self._startup is None:
            return await self._hear()
        startup, self._startup = self._startup, None
        self._heard = True
        return startup

    async def _send_for_app(self, message: Message) -> None:
        """Let the app's messages through where they are legal."""
        kind = message["type"]
        if not self._answered and not self._last:
            await self._send_at_startup(kind, message)
        elif kind.startswith("lifespan.shutdown.") and self._stopping and not self._last:
            await self._finish(message)
        else:
            self._leave_out(kind)

    async def _send_at_startup(self, kind: str, message: Message) -> None:
        if self._is_too_late:
            # What an app says while it is being cancelled is not what the server has to know.
            return
        if kind == "lifespan.startup.complete":
            await self._complete(message)
        elif kind == "lifespan.startup.failed":
            await self._finish(message)
        elif kind.startswith("lifespan."):
            self._leave_out(kind)
        else:
            self._is_foreign = True
            raise _NotLifespan

    def _leave_out(self, kind: str) -> None:
        _log.warning(
            "%s: the app sent %s out of order; the server does not get it", self._settings.name, kind
        )

    async def _complete(self, message: Message) -> None:
        self._limit.deadline = inf
        self._answered = True
        for resource in self._opened:
            try:
                resource.started()
            except Exception:
                _log.exception("%s: started() of %s failed", self._settings.name, _name(resource))
        await self._tell(message)

    async def _finish(self, message: Message) -> None:
        """Close before the server hears the app's last word: many servers end the process right then."""
        await self._close()
        await self._tell(message)
        self._last = message["type"]

    async def _hear(self) -> Message:
        try:
            message = await self._receive()
        except Exception as error:
            self._server_error = error
            raise
        self._stopping = self._stopping or message["type"] == "lifespan.shutdown"
        return message

    async def _tell(self, message: Message) -> None:
        try:
            await self._send(message)
        except Exception as error:  # the server's, not the app's: it has to come out again at our caller
            self._server_error = error
            raise

    def _failed(self, phase: str, problem: str) -> Message:
        return {"type": f"lifespan.{phase}.failed", "message": f"{self._settings.name}: {problem}"}

    async def _close(self) -> None:
        """Close what is open, the last opened first; nothing that one of them does keeps the others open."""
        interruption: BaseException | None = None
        while self._opened:
            try:
                await self._close_one(self._opened.pop())
            except BaseException as error:  # asyncio's own cancellation knows no shield
                interruption = error
        if interruption is not None:
            raise interruption

    async def _close_one(self, resource: Resource) -> None:
        name, seconds = self._settings.name, self._settings.close_timeout
        with anyio.move_on_after(seconds, shield=True) as limit:
            try:
                await resource.aclose()
            except Exception:
                _log.exception("%s: closing %s failed", name, _name(resource))
        if limit.cancelled_caught:
            _log.error("%s: closing %s took longer than %g seconds", name, _name(resource), seconds)


def _name(resource: Resource) -> str:
    return str(getattr(resource, "name", "") or type(resource).__qualname__)
