"""Several processes on one address, started, told to stop and replaced by this one."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from socket import socket
from types import FrameType
from typing import final

from asgi_patterns.serving.phases import Phase, after
from asgi_patterns.serving.process import STARTUP_FAILURE, Job, work

__all__ = ["Workers"]

_SPAWN = get_context("spawn")  # a forked process would have this one's threads' locks, but not the threads
_STOPS = (signal.SIGINT, signal.SIGTERM)


@final
@dataclass(frozen=True, slots=True)
class _Worker:
    process: SpawnProcess
    ear: Connection
    """What is written here it reads; it stops when nobody has this end any more."""

    def tell(self, phase: Phase) -> None:
        with suppress(OSError):  # it may have ended
            self.ear.send_bytes(bytes([phase]))

    def bury(self) -> int:
        self.ear.close()
        self.process.join()
        code = self.process.exitcode or 0
        self.process.close()
        return code


@final
class Workers:
    """``count`` processes with one job, on sockets that they share."""

    def __init__(self, job: Job, count: int, sockets: list[socket], log: logging.Logger) -> None:
        self._job = job
        self._count = count
        self._sockets = sockets
        self._log = log
        self._phase = Phase.SERVING
        self._workers: dict[int, _Worker] = {}

    def run(self) -> bool:
        """Run until a signal ends it, or until a worker cannot start; return whether all has gone well."""
        has_failed = False
        with _signals() as signals:
            for number in range(self._count):
                self._start(speaks=number == 0)
            while self._workers:
                ready = wait([signals, *self._workers])
                if signals in ready:  # first: a worker may have ended because of the same signal
                    for number in os.read(signals, 64):
                        self._reach(after(self._phase, number))
                for sentinel in self._workers.keys() & ready:
                    has_failed |= self._replace(self._workers.pop(sentinel))
        return not has_failed

    def _start(self, *, speaks: bool = False) -> None:
        mouth, ear = _SPAWN.Pipe(duplex=False)
        process = _SPAWN.Process(target=work, args=(self._job, self._sockets, mouth, speaks))
        # Blocked here and so there: until a worker can ignore it, Ctrl-C would end it with a traceback. The tracker
        # is started first, because starting it unblocks the signal.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        mouth.close()
        self._workers[process.sentinel] = _Worker(process, ear)

    def _replace(self, worker: _Worker) -> bool:
        """Start another one where one has ended unasked; return whether it said that this is of no use."""
        pid = worker.process.pid
        code = worker.bury()
        if self._phase > Phase.SERVING:
            return code == STARTUP_FAILURE
        if code == STARTUP_FAILURE:
            self._log.error("Worker %s has not started, so all of them stop", pid)
            self._reach(Phase.STOPPING)
            return True
        self._log.error("Worker %s has ended with exit code %s, another one takes its place", pid, code)
        self._start()
        return False

    def _reach(self, phase: Phase) -> None:
        if phase > self._phase:
            self._phase = phase
            for worker in self._workers.values():
                worker.tell(phase)
            # Who connects when the workers are gone is refused, not kept waiting until this process is.
            for sock in self._sockets:
                sock.close()


@contextmanager
def _signals() -> Iterator[int]:
    """Yield a descriptor to read the numbers of signals from."""
    reader, writer = os.pipe()

    def note(number: int, frame: FrameType | None) -> None:
        os.write(writer, bytes([number]))

    before = {number: signal.signal(number, note) for number in _STOPS}
    try:
        yield reader
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)
