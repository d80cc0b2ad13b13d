"""granian: HTTP/1.1, HTTP/2 (prior knowledge, ALPN) and WebSockets, on asyncio in front of a runtime in Rust.

It runs embedded, not with its own main process. That one owns the signals, and its workers, which hear of a stop
from it alone, close their listeners at once: nobody could say "soon". Embedded, it leaves signals to us.
"""

import logging
import time
from multiprocessing.connection import Connection
from pathlib import Path
from socket import AF_UNIX, socket
from typing import Any, Final, final

import anyio
import granian.net
from granian.constants import Interfaces, SSLProtocols
from granian.errors import FatalError
from granian.log import LogLevels, configure_logging
from granian.log import logger as own_logger
from granian.server.embed import Server

from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.pipeline import Pipeline
from asgi_patterns.serving.commands import Commands
from asgi_patterns.serving.hosted import Hosted
from asgi_patterns.serving.hosting import Hosting, Stopping
from asgi_patterns.serving.stopping import FailedToStart, conduct

__all__ = ["logger", "run"]

BACKLOG: Final = 2048
LETTING_GO: Final = 0.1
"""Seconds; the interpreter is free meanwhile, and it takes a thread microseconds."""

_SocketHolder: Any = vars(granian.net)["SocketHolder"]  # its stub lacks the arguments


def logger(hosting: Hosting) -> logging.Logger:
    """Return the server's own log, set up."""
    configure_logging(_level(hosting))
    return own_logger


def run(
    app: ASGIApp,
    pipeline: Pipeline,
    hosting: Hosting,
    stopping: Stopping,
    sockets: list[socket],
    parent: Connection | None,
) -> None:
    """Serve until a command ends it. Raises ``FailedToStart``."""

    async def main() -> None:
        server = _Server(Hosted(app, own_logger), hosting, sockets[0])
        await conduct(server, pipeline, stopping, parent, own_logger)

    try:
        anyio.run(main)
    finally:
        # The thread that has said "done" may not be done with Python: it wants the interpreter once more to let go
        # of what it holds, and one that finds it ending takes the process down with it (SIGABRT).
        time.sleep(LETTING_GO)


def _level(hosting: Hosting) -> LogLevels:
    return LogLevels("debug" if hosting.log_level == "trace" else hosting.log_level)


class _Embedded(Server):
    """granian on a socket of ours: bound before anything else is done, shared by workers, any free port."""

    def __init__(self, app: Any, sock: socket, **options: Any) -> None:
        super().__init__(app, interface=Interfaces.ASGI, **options)
        self._listener = sock

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        """Start, without the words about an address that is not the one."""
        is_unix = self._listener.family == AF_UNIX
        untyped: Any = self
        untyped._shd = _SocketHolder(self._listener.detach(), is_unix, BACKLOG)  # which closes it in the end
        untyped._spawn_workers(spawn_target, target_loader)


@final
class _Server:
    def __init__(self, hosted: Hosted, hosting: Hosting, sock: socket) -> None:
        self._hosted = hosted
        self._server: Any = _Embedded(
            hosted,
            sock,
            backlog=BACKLOG,
            log_level=_level(hosting),
            log_access=hosting.access_log,
            ssl_cert=Path(hosting.certfile) if hosting.certfile else None,
            ssl_key=Path(hosting.keyfile) if hosting.keyfile else None,
            ssl_protocol_min=SSLProtocols.tls12,
        )

    async def run(self) -> None:
        try:
            await self._server.serve()
        except (FatalError, OSError) as exc:
            raise FailedToStart from exc
        if not self._hosted.has_started:
            raise FailedToStart

    def stop(self) -> None:
        self._server.stop()

    async def end(self, commands: Commands, seconds: float) -> None:
        await self._hosted.end(commands, seconds)
