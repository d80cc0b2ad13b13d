"""``asgi-patterns serve``: uvicorn, with the pipeline in front, stopped in an order that loses no request.

On SIGTERM readiness drops at once, and connections are still accepted for ``drain_delay`` seconds, until load
balancers have seen it; then uvicorn stops, which leaves requests in hand ``graceful_timeout`` seconds. A second
SIGTERM, or SIGINT, ends the delay. Every worker process does this by itself.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from socket import socket
from types import FrameType
from typing import TYPE_CHECKING, Final, final

from asgi_patterns.kernel.dotted import NoSuchName
from asgi_patterns.kernel.optional import MissingExtra, require
from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.listening import CannotServe, Listening
from asgi_patterns.pipeline import Pipeline
from asgi_patterns.settings import SettingsError
from asgi_patterns.target import Target, explain

if TYPE_CHECKING:
    import uvicorn

__all__ = ["CannotServe", "Listening", "Stopping", "serve"]

FAILED: Final = 1
STARTUP_FAILURE: Final = 3
"""How a worker tells uvicorn that another one would fail as well."""

_log = logging.getLogger("uvicorn.error")  # the server's own, so that there is one style and one level


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """How long the parts of a stop may take, in seconds."""

    drain_delay: float = 5.0
    """From SIGTERM, when readiness drops, until no more connections are accepted."""
    graceful_timeout: int = 20
    """After that, until requests in hand are cancelled."""


def serve(
    target: Target,
    listening: Listening,
    stopping: Stopping,
    *,
    workers: int = 1,
    log_level: str = "info",
    reload: bool = False,
) -> int:
    """Serve until a signal ends it; return the exit code.

    Raises ``CannotServe`` where nobody can listen, and all that ``Target.load`` raises.
    """
    require("uvicorn", "server")
    sockets = listening.bind()
    try:
        if reload or workers > 1:
            target.settings()  # what is wrong with them is said once, not by every worker
            factory = partial(_start, target, 0.0 if reload else stopping.drain_delay)
        else:
            factory = partial(_ready, *target.load(), stopping.drain_delay)
        config = _config(factory, stopping, workers, log_level, reload=reload)
        _log.info("%s is running on %s (Ctrl-C stops it)", target.app, listening.url(sockets[0]))
        return _run(config, sockets)
    finally:
        for each in sockets:
            each.close()
        listening.tidy()


def _config(
    app: Callable[[], ASGIApp], stopping: Stopping, workers: int, log_level: str, *, reload: bool
) -> "uvicorn.Config":
    import uvicorn

    config = uvicorn.Config(
        app,
        factory=True,
        lifespan="on",  # there is one: the pipeline answers for an app that has none
        proxy_headers=False,  # the pipeline believes only the proxies that it is told of
        timeout_graceful_shutdown=stopping.graceful_timeout,
        workers=workers,
        log_level=log_level,
        reload=reload,
    )
    if reload:
        config.reload_dirs = [Path.cwd()]
    return config


def _run(config: "uvicorn.Config", sockets: list[socket]) -> int:
    import uvicorn
    from uvicorn.supervisors import ChangeReload

    server = uvicorn.Server(config)
    if config.reload:
        ChangeReload(config, target=server.run, sockets=sockets).run()
        return 0
    if config.workers > 1:
        from asgi_patterns.workers import Workers

        return Workers(config, sockets=sockets).serve()
    # uvicorn raises the signal that stopped it once more when all is done. That is no failure.
    signal.signal(signal.SIGTERM, _leave)
    try:
        server.run(sockets=sockets)
    except KeyboardInterrupt:
        pass
    except SystemExit as exc:
        return FAILED if exc.code else 0
    return 0 if server.started else FAILED


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def _ready(app: ASGIApp, pipeline: Pipeline, drain_delay: float) -> ASGIApp:
    """Return ``app`` to the server that is about to run it in this event loop."""
    _Drain(pipeline, drain_delay).take_over()
    return app


def _start(target: Target, drain_delay: float) -> ASGIApp:
    """Load the app in a worker; say what is wrong there, for nobody else would."""
    try:
        return _ready(*target.load(), drain_delay)
    except (SettingsError, NoSuchName, MissingExtra) as exc:
        _log.error("%s", exc)
    except Exception as exc:
        _log.error("%s", explain(exc))
    sys.exit(STARTUP_FAILURE)


@final
class _Drain:
    """SIGTERM, between the signal and the server: the server learns of it when the delay is over."""

    def __init__(self, pipeline: Pipeline, delay: float) -> None:
        self._pipeline = pipeline
        self._delay = delay
        self._begun = False

    def take_over(self) -> None:
        """Put itself before the server's handler. Called in the main thread and in the server's event loop."""
        self._loop = asyncio.get_running_loop()
        self._stop = signal.signal(signal.SIGTERM, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # A signal may interrupt anything, so nothing more is done here than to tell the loop.
        self._loop.call_soon_threadsafe(self._end if self._begun else self._begin)
        self._begun = True

    def _begin(self) -> None:
        self._loop.call_later(self._delay, self._end)
        _log.info("Readiness drops now, the server stops in %g seconds", self._delay)
        self._pipeline.drain()

    def _end(self) -> None:
        if callable(self._stop):
            self._stop(signal.SIGTERM, None)
