"""uvicorn: HTTP/1.1 and WebSockets, on asyncio or uvloop."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from socket import socket
from typing import Any, Final, final

import anyio
import uvicorn
from uvicorn.supervisors import ChangeReload

from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.pipeline import Pipeline
from asgi_patterns.serving.commands import Commands
from asgi_patterns.serving.hosting import Hosting, Stopping
from asgi_patterns.serving.logging_requests import takes_over
from asgi_patterns.serving.phases import Phase
from asgi_patterns.serving.stopping import FailedToStart, conduct
from asgi_patterns.target import Target

__all__ = ["logger", "reloading", "run"]

STARTUP_FAILURE: Final = 3
"""How a reloaded process says that it will fail until a file changes."""


def logger(hosting: Hosting) -> logging.Logger:
    """Return the server's own log, set up."""
    uvicorn.Config("", log_level=hosting.log_level)
    return logging.getLogger("uvicorn.error")


def run(
    app: ASGIApp,
    pipeline: Pipeline,
    hosting: Hosting,
    stopping: Stopping,
    sockets: list[socket],
    parent: Connection | None,
) -> None:
    """Serve until a command ends it. Raises ``FailedToStart``."""
    config = uvicorn.Config(app, **_options(hosting, stopping))

    async def main() -> None:
        log = logging.getLogger("uvicorn.error")
        await conduct(_Server(config, sockets), pipeline, stopping, parent, log)

    anyio.run(main, backend_options={"loop_factory": config.get_loop_factory()})


def reloading(target: Target, hosting: Hosting, stopping: Stopping, sockets: list[socket]) -> None:
    """Serve, and start again when a file changes, until a signal ends it. Nobody waits for a developer's drain."""
    factory = partial(_load, target)
    config = uvicorn.Config(factory, factory=True, reload=True, **_options(hosting, stopping))
    config.reload_dirs = [Path.cwd()]
    ChangeReload(config, target=uvicorn.Server(config).run, sockets=sockets).run()


def _options(hosting: Hosting, stopping: Stopping) -> dict[str, Any]:
    return {
        "interface": "asgi3",
        "lifespan": "on",  # there is one: the pipeline answers for an app that has none
        "proxy_headers": False,  # the pipeline believes only the proxies that it is told of
        "timeout_graceful_shutdown": stopping.graceful_timeout,
        "log_level": hosting.log_level,
        "access_log": hosting.access_log,
        "ssl_certfile": hosting.certfile,
        "ssl_keyfile": hosting.keyfile,
    }


def _load(target: Target) -> ASGIApp:
    loaded = target.load_or_log(logging.getLogger("uvicorn.error"))
    if loaded is None:
        sys.exit(STARTUP_FAILURE)
    if takes_over(loaded[1]):
        _silence()
    return loaded[0]


def _silence() -> None:
    """End the server's own log of requests, as its ``access_log=False`` does: here that has been decided already."""
    log = logging.getLogger("uvicorn.access")
    log.handlers = []
    log.propagate = False


class _Quiet(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to ``conduct``."""
        yield


@final
class _Server:
    def __init__(self, config: uvicorn.Config, sockets: list[socket]) -> None:
        self._server = _Quiet(config)
        self._sockets = sockets

    async def run(self) -> None:
        try:
            await self._server.serve(self._sockets)
        except SystemExit as exc:
            raise FailedToStart from exc

    def stop(self) -> None:
        self._server.should_exit = True

    async def end(self, commands: Commands, seconds: float) -> None:
        # uvicorn keeps the time by itself.
        await commands.reached(Phase.GIVING_UP)
        self._server.force_exit = True
        await anyio.sleep_forever()
