"""The order of a stop, the same on every server.

On SIGTERM readiness drops at once, and connections are still accepted for ``drain_delay`` seconds, until load
balancers have seen it. Then the server stops accepting and leaves requests in hand ``graceful_timeout`` seconds.
"""

import logging
from multiprocessing.connection import Connection
from typing import Protocol

import anyio
from anyio import CancelScope

from asgi_patterns.pipeline import Pipeline
from asgi_patterns.serving.commands import Commands
from asgi_patterns.serving.hosting import Stopping
from asgi_patterns.serving.phases import Phase

__all__ = ["FailedToStart", "Server", "conduct"]


class FailedToStart(Exception):
    """The server or the app did not start. The server has logged why, unless there is a message."""


class Server(Protocol):
    """One server with one app in it, made in the event loop that runs it."""

    async def run(self) -> None:
        """Serve until stopped, the app's lifespan included. Raises ``FailedToStart``."""

    def stop(self) -> None:
        """Accept no more connections, and let ``run`` return when nothing is in hand. May come before it starts."""

    async def end(self, commands: Commands, seconds: float) -> None:
        """After ``stop``: cut off what is in hand after ``seconds``, or when the commands say so.

        Return where ``run`` will not: it is cancelled then.
        """


async def conduct(
    server: Server, pipeline: Pipeline, stopping: Stopping, parent: Connection | None, log: logging.Logger
) -> None:
    """Run the server and stop it in order. Raises ``FailedToStart``."""
    commands = Commands(parent)
    failures: list[FailedToStart] = []
    async with anyio.create_task_group() as group:
        await group.start(commands.listen)
        group.start_soon(_run, server, failures, group.cancel_scope)
        await _stop_in_order(server, pipeline, stopping, commands, log)
        group.cancel_scope.cancel()
    for failure in failures:
        raise failure


async def _run(server: Server, failures: list[FailedToStart], everything: CancelScope) -> None:
    # In a task of its own: hypercorn cancels the task that it runs in, and does not take all of it back.
    try:
        await server.run()
    except FailedToStart as exc:
        failures.append(exc)  # raised outside, where no group wraps it
    everything.cancel()


async def _stop_in_order(
    server: Server, pipeline: Pipeline, stopping: Stopping, commands: Commands, log: logging.Logger
) -> None:
    await commands.reached(Phase.DRAINING)
    pipeline.drain()
    if commands.phase is Phase.DRAINING:
        log.info("Readiness drops now, the server stops in %g seconds", stopping.drain_delay)
    with anyio.move_on_after(stopping.drain_delay):
        await commands.reached(Phase.STOPPING)
    server.stop()
    await server.end(commands, stopping.graceful_timeout)
