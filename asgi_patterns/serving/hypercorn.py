"""hypercorn: HTTP/1.1, HTTP/2 (prior knowledge, upgrade, ALPN) and WebSockets, on asyncio or trio."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from multiprocessing.connection import Connection
from socket import socket
from typing import Final, final

import anyio
from hypercorn.config import Config
from hypercorn.utils import LifespanFailureError

from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.pipeline import Pipeline
from asgi_patterns.serving.commands import Commands
from asgi_patterns.serving.hosted import Hosted
from asgi_patterns.serving.hosting import Hosting, Stopping
from asgi_patterns.serving.stopping import FailedToStart, conduct

__all__ = ["logger", "run"]

BACKLOG: Final = 2048
DAY: Final = 86_400.0
HANDSHAKE: Final = 10.0
"""Seconds for a TLS handshake. A stop may have to wait for one."""
MARGIN: Final = 5.0
"""Seconds for which hypercorn's own limit comes after ours, which lets the app clean up."""


def logger(hosting: Hosting) -> logging.Logger:
    """Return the server's own log, set up."""
    return _log(_config(hosting, Stopping()))


def run(
    app: ASGIApp,
    pipeline: Pipeline,
    hosting: Hosting,
    stopping: Stopping,
    sockets: list[socket],
    parent: Connection | None,
) -> None:
    """Serve until a command ends it. Raises ``FailedToStart``."""
    config = _config(hosting, stopping)
    config.bind = [
        f"fd://{each.detach()}" for each in sockets
    ]  # hypercorn makes sockets of these, and closes them
    serve = import_module(f"hypercorn.{hosting.worker_class}").serve

    async def main() -> None:
        log = _log(config)
        await conduct(_Server(serve, config, Hosted(app, log), log), pipeline, stopping, parent, log)

    anyio.run(main, backend=hosting.worker_class)


def _config(hosting: Hosting, stopping: Stopping) -> Config:
    config = Config()
    config.loglevel = "debug" if hosting.log_level == "trace" else hosting.log_level
    config.accesslog = "-" if hosting.access_log else None
    config.backlog = BACKLOG
    config.certfile = hosting.certfile
    config.keyfile = hosting.keyfile
    config.ssl_handshake_timeout = HANDSHAKE
    config.graceful_timeout = stopping.graceful_timeout + MARGIN
    # Starting has a limit of ours, which names who hangs; shutting down has that of whoever sent the signal.
    config.startup_timeout = config.shutdown_timeout = DAY
    return config


def _log(config: Config) -> logging.Logger:
    return config.log.error_logger or logging.getLogger("hypercorn.error")


@final
class _Server:
    def __init__(
        self, serve: Callable[..., Awaitable[None]], config: Config, hosted: Hosted, log: logging.Logger
    ) -> None:
        self._hosted = hosted
        self._stop = anyio.Event()
        self._log = log
        self._serve = partial(serve, hosted, config, shutdown_trigger=self._stop.wait, mode="asgi")

    async def run(self) -> None:
        failures: list[BaseException] = []
        try:
            await self._serve()
        except* (LifespanFailureError, OSError) as group:  # trio's nurseries raise groups, asyncio does not
            failures += _leaves(group)
        for failure in failures:
            self._log.error("%s", failure)
        if not self._hosted.has_started:
            raise FailedToStart

    def stop(self) -> None:
        self._stop.set()

    async def end(self, commands: Commands, seconds: float) -> None:
        await self._hosted.end(commands, seconds)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for each in group.exceptions:
        found += _leaves(each) if isinstance(each, BaseExceptionGroup) else [each]
    return found
