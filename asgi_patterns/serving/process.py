"""One process that serves."""

import logging
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from multiprocessing.connection import Connection
from socket import socket
from types import ModuleType
from typing import Final, final

from asgi_patterns.kernel.types import ASGIApp
from asgi_patterns.pipeline import Pipeline
from asgi_patterns.serving.hosting import Hosting, Stopping
from asgi_patterns.serving.logging_requests import takes_over
from asgi_patterns.serving.management import managing
from asgi_patterns.serving.stopping import FailedToStart
from asgi_patterns.target import Target

__all__ = ["STARTUP_FAILURE", "Job", "work"]

STARTUP_FAILURE: Final = 3
"""The exit code of a worker that says: another one would fail as well."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to serve, and how. It can be pickled for worker processes."""

    target: Target
    hosting: Hosting
    stopping: Stopping

    def logger(self) -> logging.Logger:
        """Return the server's own log, set up, so that there is one style and one level."""
        logger: Callable[[Hosting], logging.Logger] = self._module().logger
        return logger(self.hosting)

    def run(
        self, app: ASGIApp, pipeline: Pipeline, sockets: list[socket], parent: Connection | None = None
    ) -> None:
        """Serve in this process until a command ends it. Raises ``FailedToStart``."""
        run: Callable[..., None] = self._module().run
        hosting = replace(self.hosting, access_log=False) if takes_over(pipeline) else self.hosting
        with managing(pipeline, shared=hosting.workers > 1, log=self.logger()):
            run(app, pipeline, hosting, self.stopping, sockets, parent)

    def _module(self) -> ModuleType:
        # A server is imported only where it is asked for: each comes with an extra of its own.
        return import_module(f"asgi_patterns.serving.{self.hosting.server}")


def work(job: Job, sockets: list[socket], parent: Connection, speaks: bool) -> None:
    """Be a worker: load the app, serve, and hear from ``parent`` how far to stop.

    The one that ``speaks`` says for all what their being several changes: it is they who know the app's pipeline.
    """
    # Ctrl-C goes to every process of a terminal, and the parent passes it on in its own words.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    loaded = job.target.load_or_log(job.logger())
    if loaded is None:
        sys.exit(STARTUP_FAILURE)
    if speaks:
        for sentence in loaded[1].alone():
            job.logger().warning("With %d workers, %s", job.hosting.workers, sentence)
    try:
        job.run(*loaded, sockets, parent)
    except FailedToStart:
        sys.exit(STARTUP_FAILURE)
