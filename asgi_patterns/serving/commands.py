"""How a process learns that it shall stop: by signals, or in a worker from its parent."""

from contextlib import suppress
from multiprocessing.connection import Connection
from signal import SIGINT, SIGTERM
from typing import final

import anyio
from anyio.abc import TaskStatus

from asgi_patterns.serving.phases import Phase, after

__all__ = ["Commands"]


@final
class Commands:
    """The phase that this process is told to be in. Made in a running event loop, and of its main thread.

    ``parent``: where a worker is told, a byte for each new phase. The end of that pipe is the end of the parent.
    """

    def __init__(self, parent: Connection | None = None) -> None:
        self._parent = parent
        self._phase = Phase.SERVING
        self._reached = {phase: anyio.Event() for phase in Phase}

    @property
    def phase(self) -> Phase:
        """The one that is reached."""
        return self._phase

    async def reached(self, phase: Phase) -> None:
        """Wait until ``phase``, or a later one, is reached."""
        await self._reached[phase].wait()

    async def listen(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Take signals, and the parent's words, until cancelled."""
        async with anyio.create_task_group() as group:
            if self._parent is None:
                await group.start(self._listen_to_signals)
            else:
                await group.start(self._listen_for_termination)
                group.start_soon(self._listen_to_parent, self._parent)
            task_status.started()

    async def _listen_to_signals(self, *, task_status: TaskStatus[None]) -> None:
        with anyio.open_signal_receiver(SIGINT, SIGTERM) as signals:
            task_status.started()
            async for number in signals:
                self._reach(after(self._phase, number))

    async def _listen_for_termination(self, *, task_status: TaskStatus[None]) -> None:
        # systemd and others signal all processes of a service, so a worker hears of one SIGTERM twice: here, and
        # through its parent. That must not pass for a second one; what hurries is for the parent to say.
        with anyio.open_signal_receiver(SIGTERM) as signals:
            task_status.started()
            async for _ in signals:
                self._reach(max(self._phase, Phase.DRAINING))

    async def _listen_to_parent(self, parent: Connection) -> None:
        with suppress(EOFError, OSError):
            while True:
                await anyio.wait_readable(parent.fileno())
                self._reach(Phase(parent.recv_bytes(1)[0]))
        # Nobody is left who would stop this worker, or start another one in its place.
        self._reach(max(self._phase, Phase.STOPPING))

    def _reach(self, phase: Phase) -> None:
        self._phase = max(self._phase, phase)
        for each, event in self._reached.items():
            if each <= self._phase:
                event.set()
